package demo

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/order"
	"rondo.dev/rondo/internal/seam/engine"
	"rondo.dev/rondo/internal/transform"
)

// feed is what the airline knows: every flight, in the order in which it leaves and in the order in which it lands.
type feed struct {
	airports            []string
	origin, destination []uint16 // of airports: text would be two pointers a flight, and every garbage collection follows them
	date                []int64  // local, microseconds
	distance, delay     []int32
	nth                 []uint8
	left                []int64 // when a flight left, UTC microseconds
	landed              []int64 // when its outcome is known
	asked               []bool  // whether this flight is a question, or only an event
	second              []bool  // in which half of a tick's events: flights of equal keys are in one, in their order
	byLeft              []int32 // the questions, by (left, key, source order of equal keys)
	byLand              []int32 // all flights, by landed
}

// tick is how far the feed moves at once. No flight is shorter than half an hour, so what lands within a tick left before
// it: the outcomes known before a tick's end are told first, then its questions are asked, and no question waits for an
// outcome that it ought to have seen.
const tick = 30 * time.Minute

// picks is a choice by hash of the key without its number, so that flights of equal keys stay together.
func picks(key transform.Key, oneIn uint32) bool {
	return binary.LittleEndian.Uint32(key[:])%oneIn == 0
}

// readFeed reads the months and orders the flights that have not landed by start; one in ask of them is a question.
func readFeed(ctx context.Context, eng engine.Engine, rows *transform.Rows, pattern string, start time.Time, ask uint32) (*feed, error) {
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no months of flights at %s", pattern)
	}
	f := &feed{}
	places := make(map[string]uint16)
	var keys []transform.Key
	for batch, err := range eng.Read(ctx, engine.Source{Files: files}) {
		if err != nil {
			return nil, fmt.Errorf("read the flights: %w", err)
		}
		frame, err := rows.Prepare(batch.Table, true)
		if err != nil {
			return nil, fmt.Errorf("order the flights: %w", err)
		}
		for i, key := range frame.Base {
			if frame.Bad[i] >= 0 || frame.Known[i] < start.UnixMicro() {
				continue
			}
			f.add(frame.Table, i, places)
			f.left, f.landed = append(f.left, frame.Time[i]), append(f.landed, frame.Known[i])
			keys = append(keys, key)
		}
	}
	f.order(keys, start, ask)
	return f, nil
}

// order sorts flights by instant and key, drops exact repeats and numbers flights of equal keys as the source has them.
func (f *feed) order(keys []transform.Key, start time.Time, ask uint32) {
	f.nth, f.asked, f.second = make([]uint8, len(keys)), make([]bool, len(keys)), make([]bool, len(keys))
	for i := range keys {
		f.second[i] = keys[i][4]&1 == 1
	}
	repeated := make([]bool, len(keys))
	inOrder(f.left, keys, func(i, before int32) {
		f.nth[i] = 1
		if before >= 0 && keys[before] == keys[i] {
			f.nth[i] = f.nth[before] + 1
			if repeated[i] = f.delay[before] == f.delay[i] && f.distance[before] == f.distance[i]; repeated[i] {
				f.nth[i]--
			}
		}
		if repeated[i] || f.left[i] < start.UnixMicro() || !picks(keys[i], ask) {
			return
		}
		f.asked[i] = true
		f.byLeft = append(f.byLeft, i)
	})
	inOrder(f.landed, keys, func(i, _ int32) {
		if !repeated[i] {
			f.byLand = append(f.byLand, i)
		}
	})
}

// inOrder visits rows by instant, equal instants by key, equal keys as they came, each with the one before it.
func inOrder(at []int64, keys []transform.Key, visit func(i, before int32)) {
	rows := order.Of(at)
	before := int32(-1)
	for from := 0; from < len(rows); {
		to := from + 1
		for to < len(rows) && at[rows[to]] == at[rows[from]] {
			to++
		}
		slices.SortStableFunc(rows[from:to], func(a, b int32) int { return slices.Compare(keys[a][:], keys[b][:]) })
		for _, i := range rows[from:to] {
			visit(i, before)
			before = i
		}
		from = to
	}
}

// add keeps one flight.
func (f *feed) add(t *column.Table, i int, places map[string]uint16) {
	code := func(name string) uint16 {
		airport := t.Column(name).Strings[i]
		n, ok := places[airport]
		if !ok {
			n = uint16(len(f.airports))
			places[airport], f.airports = n, append(f.airports, airport)
		}
		return n
	}
	f.origin, f.destination = append(f.origin, code("origin")), append(f.destination, code("destination"))
	f.date = append(f.date, t.Column("date").Ints[i])
	f.distance = append(f.distance, int32(t.Column("distance").Ints[i]))
	f.delay = append(f.delay, int32(t.Column("delay").Ints[i]))
}

// between are the flights of an order whose instant is in [from, to).
func between(order []int32, at []int64, from, to time.Time) []int32 {
	position := func(t time.Time) int {
		n, _ := slices.BinarySearchFunc(order, t.UnixMicro(), func(i int32, t int64) int { return cmp.Compare(at[i], t) })
		for n > 0 && at[order[n-1]] == t.UnixMicro() { // the first of equal ones
			n--
		}
		return n
	}
	return order[position(from):position(to)]
}

// take is some columns of some flights.
func (f *feed) take(rows []int32, names ...string) *column.Table {
	t := &column.Table{}
	for _, name := range names {
		switch name {
		case "origin":
			t.Set(name, f.text(rows, f.origin))
		case "destination":
			t.Set(name, f.text(rows, f.destination))
		case "date":
			t.Set(name, numbers(column.Timestamp, rows, f.date))
		case "distance":
			t.Set(name, numbers(column.Int64, rows, f.distance))
		case "delay":
			t.Set(name, numbers(column.Int64, rows, f.delay))
		case "nth":
			t.Set(name, numbers(column.Int64, rows, f.nth))
		}
	}
	return t
}

func (f *feed) text(rows []int32, codes []uint16) *column.Vector {
	v := column.New(column.String, len(rows))
	for i, r := range rows {
		v.Strings[i] = f.airports[codes[r]]
	}
	return v
}

func numbers[T int64 | int32 | uint8](kind column.Type, rows []int32, from []T) *column.Vector {
	v := column.New(kind, len(rows))
	for i, r := range rows {
		v.Ints[i] = int64(from[r])
	}
	return v
}

// outcomes parts flights that landed into those that were asked about and the others.
func (f *feed) outcomes(landed []int32) (asked, others []int32) {
	for _, i := range landed {
		if f.asked[i] {
			asked = append(asked, i)
		} else {
			others = append(others, i)
		}
	}
	return asked, others
}

// halves parts events in two requests that are sent at once, neither of them empty. Flights of equal keys are in one.
func (f *feed) halves(rows []int32) [][]int32 {
	var halves [2][]int32
	for _, i := range rows {
		n := 0
		if f.second[i] {
			n = 1
		}
		halves[n] = append(halves[n], i)
	}
	return slices.DeleteFunc(halves[:], func(half []int32) bool { return len(half) == 0 })
}
