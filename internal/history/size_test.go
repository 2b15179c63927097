package history_test

import (
	"fmt"
	"runtime"
	"testing"

	"rondo.dev/rondo/internal/history"
	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/rowhash"
	"rondo.dev/rondo/internal/rondo"
)

// The memory that Live promises: 150 bytes a fact and 75 more a series, measured over 200,000 facts of three series.
func TestLiveKeepsItsMemoryPromise(t *testing.T) {
	const facts, groups, perFact = 200_000, 300, 150 + 3*75
	defs := []rondo.History{{Name: "a", Aggregate: rondo.Mean, Of: "late", By: []string{"origin"}, Over: 1e12},
		{Name: "b", Aggregate: rondo.Mean, Of: "late", By: []string{"destination"}, Over: 1e12}, {Name: "c", Aggregate: rondo.Mean, Of: "late", Over: 1e12}}
	set, err := history.Compile(defs, map[string]column.Type{"late": column.Bool, "origin": column.String, "destination": column.String})
	if err != nil {
		t.Fatal(err)
	}
	live := history.NewLive(set, history.LiveOptions{})
	before := heap()
	for from := 0; from < facts; from += 1000 {
		late, origin, destination := column.New(column.Bool, 1000), column.New(column.String, 1000), column.New(column.String, 1000)
		f := history.Facts{Table: &column.Table{}, Keys: make([]rowhash.Key, 1000)}
		for i := range 1000 {
			origin.Strings[i], destination.Strings[i] = fmt.Sprint((from+i)%groups), fmt.Sprint((from+i)*7%groups)
			f.Known = append(f.Known, int64(from+i))
			f.Keys[i] = key(from + i)
		}
		f.Arrived = f.Known
		f.Table.Set("late", late)
		f.Table.Set("origin", origin)
		f.Table.Set("destination", destination)
		if err := live.Add(f); err != nil {
			t.Fatal(err)
		}
	}
	got := float64(heap()-before) / facts
	t.Logf("%.0f bytes a fact", got)
	if got > perFact || live.Size() != facts {
		t.Errorf("%.0f bytes a fact, promised %d", got, perFact)
	}
	live.Evict(facts + 1e9)
	if left := float64(heap()-before) / facts; live.Size() != 0 || left > perFact/4 {
		t.Errorf("%d facts and %.0f bytes a fact are left", live.Size(), left)
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
