package logging

// What the tests of this package's inside need.
var (
	NewQueue   = newQueue
	NewEncoder = newEncoder
)
