package predlog

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"rondo.dev/rondo/internal/lib/clock"
	"rondo.dev/rondo/internal/lib/seed"
)

// TestMain is also the process that gets killed: it prints the offset of each record that was acknowledged.
func TestMain(m *testing.M) {
	if dir := os.Getenv("PREDLOG_VICTIM"); dir != "" {
		victim(dir)
		return
	}
	os.Exit(m.Run())
}

func victim(dir string) {
	ctx := context.Background()
	l, err := Open(dir, clock.Wall{}, Options{SegmentBytes: 20_000})
	if err != nil {
		panic(err)
	}
	go func() { panic(l.Run(ctx)) }()
	for i := 0; ; i++ {
		p := Record{Kind: Prediction, Model: "m", Table: rows(1, "queued")}
		if _, err := l.Append(&p); err != nil {
			panic(err)
		}
		r := Record{Kind: Feedback, Model: "m", Table: rows(1+i%20, strconv.Itoa(i))}
		if _, err := l.AppendDurable(ctx, &r); err != nil {
			panic(err)
		}
		fmt.Println(r.Offset, i)
	}
}

func TestKilledProcessLosesNothingAcknowledged(t *testing.T) {
	dir := t.TempDir()
	rng := seed.Seed(7).Rand("kills")
	acked := map[uint64]string{}
	for range 8 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "PREDLOG_VICTIM="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		until := 1 + rng.IntN(300)
		for n := 0; lines.Scan(); n++ {
			offset, text, _ := strings.Cut(lines.Text(), " ")
			o, err := strconv.ParseUint(offset, 10, 64)
			if err != nil {
				t.Fatalf("victim said %q", lines.Text())
			}
			if _, twice := acked[o]; twice {
				t.Fatalf("offset %d was given twice", o)
			}
			acked[o] = text
			if n == until {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		var exit *exec.ExitError
		if err := cmd.Wait(); !errors.As(err, &exit) {
			t.Fatalf("victim ended by itself: %v", err)
		}
	}
	l, err := Open(dir, clock.NewVirtual(time.Unix(0, 0)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, r := range collect(t, l, Query{Kinds: []Kind{Feedback}}) {
		if text, ok := acked[r.Offset]; ok {
			found++
			if r.Table.Column("s").Strings[0] != text {
				t.Fatalf("record at %d is another one", r.Offset)
			}
		}
	}
	if found != len(acked) || found < 8 {
		t.Fatalf("%d of %d acknowledged records are there", found, len(acked))
	}
	t.Logf("%d acknowledged records after 8 kills, %d segments", found, len(l.segments))
}

func FuzzReadRecord(f *testing.F) {
	r := Record{Kind: Event, Model: "m", Table: rows(2, "a")}
	b, err := appendRecord(nil, &r)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b[frameBytes:])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := readRecord(frame{length: len(b), kind: Event}, b, nil)
		if err != nil && !errors.Is(err, ErrCorrupt) {
			t.Fatalf("an untyped error: %v", err)
		}
		if err == nil && got.Table == nil {
			t.Fatal("neither rows nor error")
		}
		payloadModel(b)
	})
}

func FuzzOpen(f *testing.F) {
	r := Record{Kind: Event, Model: "m", Table: rows(2, "a")}
	b, err := appendRecord(header(0), &r)
	if err != nil {
		f.Fatal(err)
	}
	frame{length: len(b) - headerBytes - frameBytes, kind: Event, crc: checksum(b[headerBytes+frameBytes:])}.put(b[headerBytes:])
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(dir+"/00000000000000000000.log", b, 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := Open(dir, clock.NewVirtual(time.Unix(0, 0)), Options{})
		if err != nil {
			return
		}
		for _, err := range l.Scan(Query{}) {
			if err != nil && !errors.Is(err, ErrCorrupt) {
				t.Fatalf("an untyped error: %v", err)
			}
		}
		l.closeSegments()
	})
}
