// Package config turns environment variables and listener URLs into values the
// rest of the program can trust.
//
// [Load] does all of it. It reports every fault at once, a line each, naming the
// variable or listener, its value and what would be right; and it warns of
// PARLEY_ names that nothing reads. Only cmd imports this package, and it
// imports none of the others: which handlers and wires exist is handed in as a
// [Catalog].
//
// Every setting stands once, as a tagged field of [Config], [Limits] or
// [Listener]. The tags are
//
//	env         the variable, or the key of a listener's query
//	envDefault  what it is when not set, or set to nothing
//	type        the word for its type, where the Go type does not tell it
//	doc         what it means, its unit, and what 0 or nothing means
//
// and the parser, the listener keys, the suggestions after a misspelling and the
// tables of [WriteTable] and [WriteMarkdown] are all made from them. A key of a
// listener is parsed as the variable of the same name would be, because it is
// put in that variable's place.
package config
