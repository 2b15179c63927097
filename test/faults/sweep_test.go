package faults

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rondo.dev/rondo/internal/app"
	"rondo.dev/rondo/internal/door/api"
	"rondo.dev/rondo/internal/lib/clock"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/object"
)

// TestObjectsThatNobodyNamesGo sweeps a home a month after its last step, with an object that no row names, one that was
// put again, and one that a killed process has half written: what the rows name stays, and the home goes on.
func TestObjectsThatNobodyNamesGo(t *testing.T) {
	home := aHome(t, "")
	half := filepath.Join(home, "objects", "tmp", "half")
	if err := os.WriteFile(half, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	clk := clock.NewVirtual(time.Now())
	open := func() *app.App {
		t.Helper()
		a, err := app.Open(t.Context(), app.Config{Home: home, Clock: clk, Manual: true})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	a := open()
	if _, err := os.Stat(half); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("half an object is left: %v", err)
	}
	put := func(text string) rondo.Digest {
		t.Helper()
		d, err := a.Objects.Put(t.Context(), []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	lost, renewed := put("nobody names this"), put("nor this, yet")
	there := func() int {
		t.Helper()
		paths, err := filepath.Glob(filepath.Join(home, "objects", "??", "*"))
		if err != nil {
			t.Fatal(err)
		}
		return len(paths)
	}
	sweep := func(want int) {
		t.Helper()
		before := there()
		if n, err := a.Sweep(t.Context()); err != nil || n != want || there() != before-want {
			t.Errorf("%d objects were swept, %d are gone: %v; want %d", n, before-there(), err, want)
		}
	}
	sweep(0) // young, and seen once
	sweep(0) // young
	clk.Set(clk.Now().Add(30 * 24 * time.Hour))
	put("nor this, yet") // by a step whose commit comes later
	sweep(1)
	if _, err := a.Objects.Get(t.Context(), lost); !errors.Is(err, object.ErrNotFound) {
		t.Errorf("the object that nobody names: %v", err)
	}
	if _, err := a.Objects.Get(t.Context(), renewed); err != nil {
		t.Errorf("the object that was put again: %v", err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	a = open()
	clk.Set(clk.Now().Add(30 * 24 * time.Hour))
	sweep(0) // the first look after a start removes nothing, however old it all is
	sweep(1)
	if there() < 5 {
		t.Errorf("%d objects are left", there())
	}
	answers(t, a, clk)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
}

// answers serves a home whose objects were swept: the champion, live history and another cycle need what is left.
func answers(t *testing.T, a *app.App, clk *clock.Virtual) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- a.Run(ctx, func() { close(ready) }) }()
	select {
	case <-ready:
	case err := <-ended:
		t.Fatalf("the swept home does not start: %v", err)
	}
	defer func() { stop(); <-ended }()
	rows := orders(1, 10, clk.Now().Add(-time.Minute), true)
	rows.Names, rows.Columns = rows.Names[:4], rows.Columns[:4]
	if _, err := a.Client().Predict(t.Context(), model, rows, api.Ask{}); err != nil {
		t.Errorf("the swept home does not answer: %v", err)
	}
	if err := a.Loop.RunUntilIdle(t.Context()); err != nil {
		t.Errorf("the swept home does not go on: %v", err)
	}
}
