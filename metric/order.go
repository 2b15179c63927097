package metric

import (
	"math"
	"slices"
)

// ranked is a row of a score column in order of its key; keys order as scores do, and equal scores have equal keys.
type ranked struct {
	key uint64
	row int32
}

// ascending orders rows by score; all but short columns take a radix sort of six digits.
func ascending(scores []float64) []ranked {
	rows := make([]ranked, len(scores))
	for i, v := range scores {
		bits := math.Float64bits(v + 0) // -0 + 0 is +0
		if bits>>63 != 0 {
			bits = ^bits
		} else {
			bits |= 1 << 63
		}
		rows[i] = ranked{bits, int32(i)}
	}
	if len(rows) < 256 {
		slices.SortFunc(rows, func(a, b ranked) int {
			switch {
			case a.key < b.key:
				return -1
			case a.key > b.key:
				return 1
			}
			return int(a.row) - int(b.row)
		})
		return rows
	}
	return radix(rows)
}

const (
	digitBits = 11
	digits    = 6
)

// radix sorts by the least digit first; a digit that all keys share costs nothing.
func radix(rows []ranked) []ranked {
	var counts [digits][1 << digitBits]int32
	for _, r := range rows {
		for d := range digits {
			counts[d][r.key>>(d*digitBits)&(1<<digitBits-1)]++
		}
	}
	from, to := rows, make([]ranked, len(rows))
	for d := range digits {
		shift := d * digitBits
		count := &counts[d]
		if count[from[0].key>>shift&(1<<digitBits-1)] == int32(len(rows)) {
			continue
		}
		var start int32
		for i, c := range count {
			count[i] = start
			start += c
		}
		for _, r := range from {
			at := &count[r.key>>shift&(1<<digitBits-1)]
			to[*at] = r
			*at++
		}
		from, to = to, from
	}
	return from
}

// ties calls each for every run of equal scores, in ascending order.
func ties(order []ranked, each func(run []ranked)) {
	for start := 0; start < len(order); {
		end := start + 1
		for end < len(order) && order[end].key == order[start].key {
			end++
		}
		each(order[start:end])
		start = end
	}
}
