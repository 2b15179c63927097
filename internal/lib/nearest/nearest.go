// Package nearest answers: which known name did somebody probably mean?
//
// The distance is Damerau-Levenshtein in its restricted form (optimal string alignment): insert, delete, replace a
// byte, or swap two neighbours, each for 1, ignoring case. A name is near at a distance of at most a third of the longer
// one's bytes, and at least 1 is always allowed. Words over 64 bytes are near to nothing, so the cost is bounded.
package nearest

import (
	"fmt"
	"strings"
)

const maxLength = 64

// Name is the known name nearest to word; of equally near ones the first in known. ok is false when none is near,
// and when word is known itself.
func Name(word string, known []string) (name string, ok bool) {
	if word == "" || len(word) > maxLength {
		return "", false
	}
	lower, best := strings.ToLower(word), 0
	for _, k := range known {
		if k == word {
			return "", false
		}
		if len(k) > maxLength {
			continue
		}
		limit := max(1, max(len(word), len(k))/3)
		d := distance(lower, strings.ToLower(k))
		if d <= limit && (!ok || d < best) {
			name, best, ok = k, d, true
		}
	}
	return name, ok
}

// Hint is `; did you mean "NAME"?`, or nothing where no name is near: for the end of a message.
func Hint(word string, known []string) string {
	if name, ok := Name(word, known); ok {
		return fmt.Sprintf("; did you mean %q?", name)
	}
	return ""
}

func distance(a, b string) int {
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	before, last, now := rows[0], rows[1], rows[2]
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		now[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			now[j] = min(last[j]+1, now[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				now[j] = min(now[j], before[j-2]+1)
			}
		}
		before, last, now = last, now, before
	}
	return last[len(b)]
}
