package history_test

import (
	"math"
	"testing"
	"time"

	"rondo.dev/rondo/internal/history"
	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/rowhash"
	"rondo.dev/rondo/internal/lib/seed"
	"rondo.dev/rondo/internal/rondo"
)

const minute = int64(60_000_000)

// flights are departures of three airports whose outcome is known at landing.
type flights struct {
	table       *column.Table
	time, known []int64
	keys        []rowhash.Key
	late        []bool
}

func someFlights(n int) *flights {
	rng := seed.Seed(3).Rand("flights")
	f := &flights{table: &column.Table{}}
	origin := column.New(column.String, n)
	for i := range n {
		origin.Strings[i] = []string{"ORD", "ATL", "BOS"}[rng.IntN(3)]
		f.time = append(f.time, rng.Int64N(3*24*60)*minute)
		f.known = append(f.known, f.time[i]+(30+rng.Int64N(300))*minute)
		f.keys = append(f.keys, key(i))
		f.late = append(f.late, rng.IntN(4) == 0)
	}
	f.table.Set("origin", origin)
	return f
}

// shares are the history columns where facts count from an instant a fact.
func (f *flights) shares(t *testing.T, late []bool, counts []int64) []*column.Vector {
	t.Helper()
	set, err := history.Compile([]rondo.History{
		{Name: "by_origin", Aggregate: rondo.Mean, Of: "late", By: []string{"origin"}, Over: 3 * time.Hour},
		{Name: "anywhere", Aggregate: rondo.Mean, Of: "late", Over: 3 * time.Hour},
	}, map[string]column.Type{"late": column.Bool, "origin": column.String})
	if err != nil {
		t.Fatal(err)
	}
	facts := f.table.Shallow()
	facts.Set("late", &column.Vector{Type: column.Bool, Bools: late})
	out, err := set.Columns(f.table, f.time, f.keys, history.Facts{Table: facts, Known: counts, Arrived: counts, Keys: f.keys})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// leaks counts the rows whose history changes when the labels that are not known at their time, and only those, change.
// It asks at a number of instants: all labels not known then are turned round at once.
func (f *flights) leaks(t *testing.T, counts []int64) (changed, asked int) {
	before := f.shares(t, f.late, counts)
	for instant := 6 * 60 * minute; instant < 3*24*60*minute; instant += 97 * minute {
		turned := append([]bool(nil), f.late...)
		for i := range turned {
			if f.known[i] >= instant {
				turned[i] = !turned[i]
			}
		}
		after := f.shares(t, turned, counts)
		for row, at := range f.time {
			if at > instant || at < instant-60*minute {
				continue
			}
			asked++
			for d := range after {
				x, _ := before[d].Float(row)
				y, _ := after[d].Float(row)
				if math.Float64bits(x) != math.Float64bits(y) || before[d].IsNull(row) != after[d].IsNull(row) {
					changed++
					break
				}
			}
		}
	}
	return changed, asked
}

func TestNoHistoryValueDependsOnALabelNotKnownYet(t *testing.T) {
	f := someFlights(3000)
	if changed, asked := f.leaks(t, f.known); changed > 0 || asked < 1000 {
		t.Fatalf("%d of %d rows see labels that are not known yet", changed, asked)
	}
}

// The same shares computed at departure leak: a late departure tells of a landing that has not happened.
func TestTheLeakIsFoundWhenItIsForced(t *testing.T) {
	f := someFlights(3000)
	changed, asked := f.leaks(t, f.time)
	if 2*changed < asked {
		t.Fatalf("facts count from departure, and only %d of %d rows show it", changed, asked)
	}
}
