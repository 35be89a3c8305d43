package roster

import (
	"math/rand/v2"
	"slices"
)

// Window returns what stands at offset and the following, limit at most, once s is sorted by compare, of which no two are
// equal. It sorts no more than it returns, so that a page of many costs time in proportion to them; s is left in some order.
func Window[T any](s []T, offset, limit int, compare func(a, b T) int) []T {
	offset = min(offset, len(s))
	s = part(s, offset, compare)
	limit = min(limit, len(s))
	part(s, limit, compare)
	slices.SortFunc(s[:limit], compare)
	return s[:limit]
}

// part moves the k smallest of s to its front and returns the others: the quickselect of Hoare. The pivot is random, as what is
// sorted is what strangers have sent.
func part[T any](s []T, k int, compare func(a, b T) int) (rest []T) {
	rest = s[k:]
	for k > 0 && k < len(s) {
		pivot := s[rand.IntN(len(s))]
		i, j := 0, len(s)-1
		for i <= j {
			for compare(s[i], pivot) < 0 {
				i++
			}
			for compare(s[j], pivot) > 0 {
				j--
			}
			if i <= j {
				s[i], s[j] = s[j], s[i]
				i++
				j--
			}
		}
		// Now s[:j+1] <= s[j+1:i] <= s[i:], the middle being the pivot or empty.
		switch {
		case k <= j:
			s = s[:j+1]
		case k >= i:
			s, k = s[i:], k-i
		default:
			return rest
		}
	}
	return rest
}
