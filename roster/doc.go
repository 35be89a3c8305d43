// Package roster is the roll of a server's connections as outsiders get it: who is connected, and who was until lately. Its
// types are what /clients and /events of the admin side say in JSON, and its queries are how /clients is asked:
//
//	server.Roster --- Selection, News ---> admin --- JSON: Page, Change ---> the page in a browser, parley who
//
// It knows neither connections nor HTTP, so that the server which keeps the roll, the admin side which shows it and whoever
// reads it share nothing but words.
//
// In JSON all times are RFC 3339 in UTC with milliseconds, and a key that does not apply is left out. Keys may be added;
// readers ignore those they don't know. What clients say of themselves is escaped, see Record.
package roster
