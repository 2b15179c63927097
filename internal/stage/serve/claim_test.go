package serve

import (
	"context"
	"errors"
	"testing"

	"rondo.dev/rondo/internal/predlog"
)

func TestWhoeverWaitsForTheSameRequestGivesUpWithItsCaller(t *testing.T) {
	e := &Endpoint{seen: memory{limit: 10, at: map[asked]remembered{}}, busy: map[asked]chan struct{}{}}
	e.older.keys.whole.Store(true) // there is no log
	s := &Server{}
	claim := func(ctx context.Context) (*remembered, func(), error) {
		return s.claim(ctx, e, predlog.Event, Meta{Key: "k", Sender: "s"})
	}
	before, done, err := claim(t.Context())
	if before != nil || err != nil {
		t.Fatal(before, err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := claim(gone); !errors.Is(err, context.Canceled) {
		t.Fatalf("a caller that is gone: %v", err)
	}
	done() // it failed: nothing is remembered
	if before, done, err = claim(t.Context()); before != nil || err != nil {
		t.Fatal(before, err)
	}
	e.seen.put(&predlog.Record{Kind: predlog.SetAside, Key: "k", Sender: "s", Offset: 7})
	done()
	if before, _, err = claim(t.Context()); err != nil || before == nil || *before != (remembered{predlog.SetAside, 7}) {
		t.Fatal(before, err)
	}
	if len(e.busy) != 0 {
		t.Fatalf("%d claims are left", len(e.busy))
	}
}
