package faults

import (
	"context"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rondo.dev/rondo/internal/app"
	"rondo.dev/rondo/internal/control"
	"rondo.dev/rondo/internal/door/api"
	"rondo.dev/rondo/internal/lib/clock"
	"rondo.dev/rondo/internal/seam/store"
)

// adjusted is a clock that somebody sets back, and right again.
type adjusted struct {
	*clock.Virtual
	back atomic.Int64
}

func (c *adjusted) Now() time.Time { return c.Virtual.Now().Add(-time.Duration(c.back.Load())) }

func (c *adjusted) Until(ctx context.Context, t time.Time) error {
	return c.Virtual.Until(ctx, t.Add(time.Duration(c.back.Load())))
}

// life is what became of a model.
type life struct {
	Decisions []string
	Versions  []string
	Cycles    int
}

// weeks lives through six weeks of a model that is retrained four days after each change; with setBack the clock shows a day
// less for half an hour of every evening.
func weeks(t *testing.T, setBack bool) (l life) {
	begin := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	dir := t.TempDir()
	file, err := declare(dir, begin.Add(-2*time.Hour), "deploy: {rollout: {prove: not-worse, margin: 20%, shadow: {until: decided, atMost: 10d}, canary: [50%], watch: 2d}}\nretrain: {when: every, every: 4d, price: $1}\n")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	clk := &adjusted{Virtual: clock.NewVirtual(begin)}
	a, err := app.Open(t.Context(), app.Config{Home: filepath.Join(dir, "home"), Clock: clk, Manual: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- a.Run(ctx, func() { close(ready) }) }()
	<-ready
	defer func() {
		stop()
		<-ended // it says that it was stopped
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	client := a.Client()
	if _, err := client.Apply(t.Context(), control.Declaration{Name: "orders.yaml", Text: text, Dir: dir}, false); err != nil {
		t.Fatal(err)
	}
	idle := func() {
		t.Helper()
		if err := a.Loop.RunUntilIdle(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	idle()
	const days, perDay = 42, 120
	for day := range days {
		morning := begin.Add(time.Duration(day) * 24 * time.Hour)
		for hour := 1; hour < 24; hour += 8 {
			at := morning.Add(time.Duration(hour) * time.Hour)
			clk.Set(at)
			rows := orders(1_000_000+day*1000+hour*40, perDay/3, at, true)
			asked := rows.Shallow()
			asked.Names, asked.Columns = asked.Names[:4], asked.Columns[:4]
			if _, err := client.Predict(t.Context(), model, asked, api.Ask{}); err != nil {
				t.Fatal(err)
			}
			clk.Set(at.Add(2 * time.Hour))
			told := rows.Shallow()
			told.Names, told.Columns = []string{"number", "bought"}, append(told.Columns[:1:1], told.Columns[4])
			if _, err := client.Feedback(t.Context(), model, told, []string{"number"}, "bought", api.Ask{}); err != nil {
				t.Fatal(err)
			}
			idle()
		}
		if setBack {
			clk.back.Store(int64(24 * time.Hour))
			for range 3 {
				idle()
				clk.Set(clk.Virtual.Now().Add(10 * time.Minute))
			}
			clk.back.Store(0)
		}
	}
	idle()
	if err := a.Store.Read(t.Context(), func(tx store.Tx) error {
		decisions, err := tx.Decisions().List(model, 0)
		if err != nil {
			return err
		}
		for _, d := range decisions {
			l.Decisions = append(l.Decisions, string(d.Outcome)+" "+d.Rule+" "+string(d.Version)+" "+d.At.Format(time.DateOnly))
		}
		versions, err := tx.Versions().List(model)
		if err != nil {
			return err
		}
		for _, v := range versions {
			l.Versions = append(l.Versions, string(v.ID)+" "+string(v.State)+" "+string(v.Digest))
		}
		cycles, err := tx.Cycles().List(model, 0)
		l.Cycles = len(cycles)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return l
}

// TestAClockSetBackADayChangesNothing lives the same weeks with a clock that runs on, and with one that is set back a day
// every evening; what was decided, and which versions were made, is the same.
func TestAClockSetBackADayChangesNothing(t *testing.T) {
	steady := weeks(t, false)
	for _, d := range steady.Decisions {
		t.Log(d)
	}
	if steady.Cycles < 3 {
		t.Fatalf("%d cycles in six weeks: too little is retrained here", steady.Cycles)
	}
	adjusted := weeks(t, true)
	if diff := cmp.Diff(steady, adjusted); diff != "" {
		t.Errorf("the clock that was set back (+) changed what became of the model:\n%s", diff)
	}
}
