package handler

import (
	"strings"

	"parley/protocol"
)

// printable returns what one client says so that it can be sent to others, in printable ASCII: which bytes do more than that
// depends on the terminal. A tab, which moves the cursor by as much as its place in the line says, becomes a space.
func printable(text string) string {
	return protocol.Printable(strings.ReplaceAll(text, "\t", " "), false)
}
