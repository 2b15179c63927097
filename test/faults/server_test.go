package faults

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rondo.dev/rondo/internal/app"
	"rondo.dev/rondo/internal/control"
	"rondo.dev/rondo/internal/door/api"
)

func TestTheSecondServerSaysWhoHoldsTheHome(t *testing.T) {
	home := aHome(t, "")
	s := up(t, home)
	code, said := command(t, "--home", home, "up", "--listen", "127.0.0.1:0")
	if code != 6 || !strings.Contains(said, strconv.Itoa(s.cmd.Process.Pid)) || !strings.Contains(said, s.client.URL) {
		t.Errorf("exit %d: %s", code, said)
	}
	s.kill(t)
	if took := up(t, home).stop(t); took > 10*time.Second { // the dead one holds nothing
		t.Errorf("an idle server took %v to end", took)
	}
}

func TestTheTokenIsPrintedOnce(t *testing.T) {
	home := filepath.Join(t.TempDir(), "home")
	s := up(t, home)
	if kept, err := app.ReadToken(home); err != nil || s.token != kept {
		t.Errorf("printed %q, kept %q: %v", s.token, kept, err)
	}
	s.stop(t)
	if s = up(t, home); s.token != "" {
		t.Error("printed again")
	}
	s.stop(t)
}

func TestOtherAddressesThanLoopbackAreRefused(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:80", "example.com:80", "nonsense"} {
		home := filepath.Join(t.TempDir(), "home")
		if code, said := command(t, "--home", home, "up", "--listen", address); code != 2 || !strings.Contains(said, "--listen") {
			t.Errorf("%s: exit %d: %s", address, code, said)
		}
		if _, err := os.Stat(home); err == nil {
			t.Errorf("%s: a home was made", address)
		}
	}
}

// asking asks single rows over kept connections until it is stopped.
type asking struct {
	stop     context.CancelFunc
	done     sync.WaitGroup
	answered atomic.Int64
	failed   atomic.Pointer[error]
	version  atomic.Int64 // of the newest answer
}

func ask(t *testing.T, c *api.Client) *asking {
	ctx, stop := context.WithCancel(t.Context())
	a := &asking{stop: stop}
	for n := range 4 {
		a.done.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				answer, err := c.Predict(context.WithoutCancel(ctx), model, orders(1_000_000*(n+1)+i, 1, time.Now(), false), api.Ask{})
				if err != nil {
					a.failed.Store(&err)
					return
				}
				a.version.Store(int64(answer.Versions[0]))
				a.answered.Add(1)
			}
		})
	}
	return a
}

// goesOn waits for so many more answers.
func (a *asking) goesOn(t *testing.T, answers int64) {
	t.Helper()
	from := a.answered.Load()
	if !within(10*time.Second, func() bool { return a.answered.Load() >= from+answers || a.failed.Load() != nil }) {
		t.Error("no question is answered any more")
	}
}

// TestRollbackUnderLoadFailsNoRequest goes back and forth between two versions, by HTTP and by the command line.
func TestRollbackUnderLoadFailsNoRequest(t *testing.T) {
	home := aHome(t, "")
	s := up(t, home)
	load := ask(t, s.client)
	var took []time.Duration
	for n := range 6 {
		load.goesOn(t, 50)
		from := time.Now()
		if n%2 == 0 {
			if _, err := s.client.Rollback(t.Context(), model, "a test"); err != nil {
				t.Fatal(err)
			}
		} else if code, said := command(t, "--home", home, "rollback", model); code != 0 {
			t.Fatalf("exit %d: %s", code, said)
		}
		want := int64(1 + n%2) // version 2 answered first
		within(10*time.Second, func() bool { return load.version.Load() == want || load.failed.Load() != nil })
		took = append(took, time.Since(from))
	}
	load.stop()
	load.done.Wait()
	if err := load.failed.Load(); err != nil {
		t.Errorf("after %d answers: %v", load.answered.Load(), *err)
	}
	t.Logf("%d answers; from the word to the other version's answer: %v", load.answered.Load(), took)
	slices.Sort(took)
	if median := took[len(took)/2]; median > time.Second {
		t.Errorf("a rollback took %v", median)
	}
	s.stop(t)
}

// TestRequestsThatHaveBegunAreAnsweredAtTheEnd sends half a request, tells the server to stop, and sends the rest.
func TestRequestsThatHaveBegunAreAnsweredAtTheEnd(t *testing.T) {
	home := aHome(t, "")
	s := up(t, home)
	address := strings.TrimPrefix(s.client.URL, "http://")
	body := fmt.Sprintf(`{"rows":[{"number":1,"at":%q,"kind":"rug","x":0.5,"bought":true}]}`, time.Now().UTC().Format(time.RFC3339))
	var open []net.Conn
	for n := range 8 {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "POST /v1/models/%s/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nIdempotency-Key: last/%d\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n",
			model, s.client.Token, n, len(body))
		begun := make([]byte, len("HTTP/1.1 100 Continue\r\n\r\n"))
		if _, err := io.ReadFull(conn, begun); err != nil { // the server has begun with it
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, body[:len(body)/2]); err != nil {
			t.Fatal(err)
		}
		open = append(open, conn)
	}
	ended := make(chan time.Duration, 1)
	go func() { ended <- s.stop(t) }()
	if !within(5*time.Second, func() bool { // nobody new is let in
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		return err != nil
	}) {
		t.Error("a server that ends takes new connections")
	}
	for n, conn := range open {
		if _, err := io.WriteString(conn, body[len(body)/2:]); err != nil {
			t.Fatal(err)
		}
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("request %d: %v", n, err)
		}
		if answer.Body.Close(); answer.StatusCode != http.StatusOK {
			t.Errorf("request %d: %s", n, answer.Status)
		}
	}
	took := <-ended
	if took > 5*time.Second {
		t.Errorf("the server took %v to end", took)
	}
	t.Logf("the server ended after %v", took)
	s = up(t, home)
	progress, err := s.client.Progress(t.Context(), model)
	if err != nil {
		t.Fatal(err)
	}
	for n := range open {
		if !slices.Contains(progress.Events, fmt.Sprintf("last/%d", n)) {
			t.Errorf("what request %d told is gone", n)
		}
	}
	s.stop(t)
}

// telling tells events, each with a key, and keeps the keys that were acknowledged.
type telling struct {
	mu    sync.Mutex
	acked []string
}

func (a *telling) tell(t *testing.T, s *server, name string, n int) error {
	t.Helper()
	key := fmt.Sprintf("%s/%d", name, n)
	_, err := s.client.Events(t.Context(), model, orders(10_000_000+n*50, 50, time.Now().Add(-2*time.Hour), true), api.Ask{Key: key})
	if err == nil {
		a.mu.Lock()
		a.acked = append(a.acked, key)
		a.mu.Unlock()
	}
	return err
}

// until waits for so many acknowledgements.
func (a *telling) until(t *testing.T, acked int) {
	t.Helper()
	if !within(time.Minute, func() bool { a.mu.Lock(); defer a.mu.Unlock(); return len(a.acked) >= acked }) {
		t.Fatalf("fewer than %d acknowledged", acked)
	}
}

// checked says that all that was acknowledged is there: a repeat is known as one.
func (a *telling) checked(t *testing.T, s *server) {
	t.Helper()
	for _, key := range a.acked {
		answer, err := s.client.Events(t.Context(), model, orders(1, 1, time.Now().Add(-2*time.Hour), true), api.Ask{Key: key})
		if err != nil || !answer.Repeated {
			t.Fatalf("%s was acknowledged, and now: %+v, %v", key, answer, err)
		}
	}
}

// TestAKilledServerGoesOn kills a server five times while it is told things, the last time while it trains.
func TestAKilledServerGoesOn(t *testing.T) {
	home := aHome(t, "")
	told := &telling{}
	for round := range 5 {
		s := up(t, home)
		told.checked(t, s)
		var tellers sync.WaitGroup
		for n := range 3 {
			tellers.Go(func() {
				for i := 0; told.tell(t, s, fmt.Sprintf("%d.%d", round, n), round*1000+n*300+i) == nil; i++ {
				}
			})
		}
		if round == 4 {
			if err := s.client.Run(t.Context(), model); err != nil {
				t.Fatal(err)
			}
			if !within(time.Minute, func() bool { return len(children(t, home)) > 0 }) {
				t.Fatal("no trainer was started")
			}
		} else {
			told.until(t, 20*(round+1))
		}
		s.kill(t)
		tellers.Wait()
	}
	if len(told.acked) < 20 {
		t.Fatalf("only %d acknowledged", len(told.acked))
	}
	s := up(t, home)
	told.checked(t, s)
	t.Logf("%d acknowledged requests are there after five kills", len(told.acked))
	if !within(time.Minute, func() bool { return trained(t, s) }) {
		t.Fatal("the cycle that was cut does not go on")
	}
	s.stop(t)
	if left := children(t, home); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// trained says whether the cycle that a person asked for is past its training.
func trained(t *testing.T, s *server) bool {
	cycles, err := s.client.Get(t.Context(), "cycles", model)
	if err != nil {
		t.Fatal(err)
	}
	steps, err := s.client.Get(t.Context(), "steps", model)
	if err != nil {
		t.Fatal(err)
	}
	return len(cycles.Cycles) >= 2 && !slices.ContainsFunc(steps.Steps, func(l control.StepLine) bool { return l.Kind == "prepare" || l.Kind == "train" })
}

// within looks every few milliseconds whether something is so.
func within(limit time.Duration, so func() bool) bool {
	tick, end := time.NewTicker(2*time.Millisecond), time.NewTimer(limit)
	defer tick.Stop()
	defer end.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-end.C:
			return false
		}
	}
	return true
}

// children are the command lines of processes that work under a home, without the server's own.
func children(t *testing.T, home string) (lines []string) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d processes, %v", len(files), err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		line := strings.ReplaceAll(string(b), "\x00", " ")
		if err == nil && strings.Contains(line, home) && !strings.Contains(line, "--home "+home) {
			lines = append(lines, line)
		}
	}
	return lines
}
