package config

import (
	"fmt"
	"strings"
)

// unknown returns the error for a word that is none of the valid ones. The owner
// is whoever makes them valid, empty if that goes without saying.
func unknown(kind, got, owner string, valid []string) error {
	if owner != "" {
		owner = " for " + owner
	}
	guess := nearest(got, valid)
	if guess != "" {
		guess = fmt.Sprintf(" (did you mean %q?)", guess)
	}
	return fmt.Errorf("unknown %s %q%s%s; valid: %s", kind, got, owner, guess, strings.Join(valid, ", "))
}

// nearest returns the word that takes the fewest edits to get to, or nothing if
// more than a third of what was typed would have to change: a far-fetched guess
// is worse than none.
func nearest(typed string, words []string) string {
	best, fewest := "", (len(typed)+2)/3+1
	for _, word := range words {
		if n := distance(strings.ToLower(typed), strings.ToLower(word), fewest); n < fewest {
			best, fewest = word, n
		}
	}
	return best
}

// distance returns the Levenshtein distance in bytes, or limit if it is not less.
func distance(a, b string, limit int) int {
	if max(len(a)-len(b), len(b)-len(a)) >= limit {
		return limit
	}
	row := make([]int, len(b)+1) // row[j]: from the a read so far to b[:j]
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return min(row[len(b)], limit)
}
