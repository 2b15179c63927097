package transform

import (
	"encoding/binary"
	"math"

	"golang.org/x/sync/errgroup"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/order"
	"rondo.dev/rondo/internal/rondo"
)

// labels are outcomes as sums: a bool as 0 or 1, a class as 1 in its own column, a number as it is.
type labels struct {
	classes []string // sorted; multiclass only
	class   []int32  // per row, -1 without a label; multiclass only
	number  []float64
	none    []bool // rows without a label; nil: none
	width   int
}

func labelsOf(task rondo.TaskKind, target *column.Vector) *labels {
	l := &labels{none: target.Null, width: 1}
	rows := target.Len()
	if task != rondo.Multiclass {
		l.number = make([]float64, rows)
		for i := range l.number {
			l.number[i], _ = target.Float(i)
		}
		return l
	}
	seen := make(map[string]int32)
	for i, s := range target.Strings {
		if !target.IsNull(i) {
			seen[s] = 0
		}
	}
	l.classes = sortedNames(seen)
	for n, class := range l.classes {
		seen[class] = int32(n)
	}
	l.width = len(l.classes)
	l.class = make([]int32, rows)
	for i, s := range target.Strings {
		if l.class[i] = -1; !target.IsNull(i) {
			l.class[i] = seen[s]
		}
	}
	return l
}

// tally is sums and numbers of labels by bucket; the last bucket is everything.
type tally struct {
	width  int
	sums   []float64
	counts []float64
}

func newTally(buckets, width int) *tally {
	return &tally{width, make([]float64, (buckets+1)*width), make([]float64, buckets+1)}
}

func (t *tally) add(bucket int, l *labels, row int) {
	if l.none != nil && l.none[row] {
		return
	}
	for _, b := range [2]int{bucket, len(t.counts) - 1} {
		t.counts[b]++
		if l.class != nil {
			t.sums[b*t.width+int(l.class[row])]++
		} else {
			t.sums[b*t.width] += l.number[row]
		}
	}
}

// value is the mean of a bucket, shrunk towards the mean of everything as if that were minimalCount rows more; NaN while
// nothing is known at all.
func (t *tally) value(bucket, column int) float64 {
	all := len(t.counts) - 1
	if t.counts[all] == 0 {
		return math.NaN()
	}
	prior := t.sums[all*t.width+column] / t.counts[all]
	return (t.sums[bucket*t.width+column] + float64(minimalCount*prior)) / (t.counts[bucket] + minimalCount)
}

// ordering is in which order rows are asked and their labels become known.
type ordering struct {
	asked, known     []int64 // in ascending order
	byAsked, byKnown []int32 // and the rows they belong to
}

// newOrder takes time and known; without time a fixed shuffle, the order of keys: a row then sees smaller keys only.
func newOrder(in FitInput) *ordering {
	asked, known := in.Time, in.Known
	if asked == nil {
		asked = make([]int64, len(in.Keys))
		for i, key := range in.Keys {
			asked[i] = int64(binary.BigEndian.Uint64(key[:8]) ^ 1<<63)
		}
		known = asked
	}
	o := &ordering{}
	var g errgroup.Group
	g.Go(func() error {
		o.byAsked = order.Of(asked)
		o.asked = gather(asked, o.byAsked)
		return nil
	})
	g.Go(func() error {
		o.byKnown = order.Of(known)
		o.known = gather(known, o.byKnown)
		return nil
	})
	_ = g.Wait() // sorting cannot fail
	return o
}

func gather(values []int64, rows []int32) []int64 {
	out := make([]int64, len(rows))
	for i, row := range rows {
		out[i] = values[row]
	}
	return out
}

// encode writes a target encoding (ordered target statistics: Prokhorenkova et al. 2018, "CatBoost", with the time at
// which each label became known for the order). A training row sees the labels with known < time; the frozen values that
// everybody else gets are made of all of them.
func (o *ordering) encode(out *output, v *column.Vector, l *labels, m *Matrix) {
	bucket := make([]int32, v.Len())
	for i := range bucket {
		bucket[i] = int32(out.bucket(v, i))
	}
	t := newTally(out.buckets(), out.width)
	stride, next := len(m.Features), 0
	for i, row := range o.byAsked {
		for ; next < len(o.byKnown) && o.known[next] < o.asked[i]; next++ {
			t.add(int(bucket[o.byKnown[next]]), l, int(o.byKnown[next]))
		}
		for c := range out.width {
			m.Values[int(row)*stride+out.at+c] = finite(t.value(int(bucket[row]), c))
		}
	}
	for ; next < len(o.byKnown); next++ {
		t.add(int(bucket[o.byKnown[next]]), l, int(o.byKnown[next]))
	}
	out.frozen = make([]float64, 0, out.buckets()*out.width)
	for b := range out.buckets() {
		for c := range out.width {
			out.frozen = append(out.frozen, t.value(b, c))
		}
	}
}
