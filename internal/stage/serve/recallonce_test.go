package serve_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/predlog"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/predict/native"
	"rondo.dev/rondo/internal/stage/serve"
	"rondo.dev/rondo/internal/stage/serve/servetest"
)

// asking says a keyed request in a goroutine of its own.
func (w *world) asking(ctx context.Context, rows *column.Table, key string) (answer func() (*serve.Answer, error)) {
	type said struct {
		a   *serve.Answer
		err error
	}
	done := make(chan said, 1)
	go func() {
		a, err := w.server.Predict(ctx, servetest.Name, rows, serve.Meta{Key: key, Sender: "test"})
		done <- said{a, err}
	}()
	return func() (*serve.Answer, error) { s := <-done; return s.a, s.err }
}

func TestARecallOutlivesTheCallerWhoBeganIt(t *testing.T) {
	w, asked := days(t, 10, 3, predlog.Options{}, serve.Options{})
	w = w.again(t)
	begun, release := make(chan struct{}), make(chan struct{})
	var times atomic.Int32
	w.end.Recalls(func(_ context.Context, read func() error) error {
		if times.Add(1) == 1 {
			close(begun)
		}
		<-release
		return read()
	})
	ctx, cancel := context.WithCancel(t.Context())
	first := w.asking(ctx, asked[1], "day 1")
	<-begun
	cancel()
	if _, err := first(); !errors.Is(err, context.Canceled) {
		t.Errorf("who gave up: %v", err)
	}
	second := w.asking(t.Context(), asked[1], "day 1")
	close(release)
	if a, err := second(); err != nil || !a.Repeated {
		t.Errorf("who came after: %+v, %v", a, err)
	}
	if n := times.Load(); n != 1 {
		t.Errorf("the log was read %d times", n)
	}
}

func TestARecallThatPanicsIsTriedAgain(t *testing.T) {
	w, asked := days(t, 10, 3, predlog.Options{}, serve.Options{})
	w = w.again(t)
	var times atomic.Int32
	w.end.Recalls(func(_ context.Context, read func() error) error {
		if times.Add(1) == 1 {
			panic("a bug")
		}
		return read()
	})
	if _, err := w.asking(t.Context(), asked[1], "day 1")(); err == nil || !strings.Contains(err.Error(), "a bug") {
		t.Errorf("the first: %v", err)
	}
	if a, err := w.asking(t.Context(), asked[1], "day 1")(); err != nil || !a.Repeated {
		t.Errorf("the next: %+v, %v", a, err)
	}
}

// untilItsEnd lets a world's recalls last as long as they may.
func (w *world) untilItsEnd() (begun chan struct{}) {
	begun = make(chan struct{}, 100)
	w.end.Recalls(func(ctx context.Context, _ func() error) error {
		begun <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	})
	return begun
}

func TestARecallKeepsNoSuccessorFromTakingOver(t *testing.T) {
	w, asked := days(t, 10, 3, predlog.Options{}, serve.Options{})
	w = w.again(t)
	begun := w.untilItsEnd()
	waiting := w.asking(t.Context(), asked[1], "day 1")
	<-begun
	w.ask(t, asked[9], "day 9") // the tail has it
	if _, err := w.Served(t.Context(), w.server, native.New(native.Options{})); err != nil {
		t.Fatal(err)
	}
	if a, err := waiting(); err != nil || !a.Repeated {
		t.Errorf("the successor answers %+v, %v", a, err)
	}
}

func TestARecallEndsWithTheServer(t *testing.T) {
	w, asked := days(t, 10, 3, predlog.Options{}, serve.Options{})
	w = w.again(t)
	begun := w.untilItsEnd()
	waiting := w.asking(t.Context(), asked[1], "day 1")
	<-begun
	if err := w.server.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := waiting(); rondo.KindOf(err) != rondo.Unavailable {
		t.Errorf("who waited: %v", err)
	}
	if _, err := w.asking(t.Context(), asked[1], "day 1")(); rondo.KindOf(err) != rondo.Unavailable {
		t.Errorf("who came after: %v", err)
	}
}
