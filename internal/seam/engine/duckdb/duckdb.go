// Package duckdb reads tables from files with DuckDB, in a child process that may be killed: it keeps engine's promise.
//
// The parent never opens a file's bytes. It starts the same program again with a hidden argument (Options of New say how),
// sends one request as JSON on the child's standard input and reads framed messages from its standard output: the fields,
// then batches as canonical blocks, then an end. A child that goes away without saying "end" is an error, so a partial
// result never looks whole. The child has an address-space limit, DuckDB's own memory limit below it, no temporary files,
// no extensions but those linked in, and may open no file but those named. It ends when its standard input does, so it
// does not outlive a parent that was killed.
//
// Types: a DATE or TIMESTAMP is a naive timestamp, TIMESTAMP WITH TIME ZONE is not naive; DECIMAL and integers beyond 64
// bits (UBIGINT, HUGEINT) are float64; TIME, INTERVAL, UUID, ENUM are text; nested and binary columns are refused by name.
// Missing: null, NaN and infinities are null. CSV: the first line names the columns; empty is null, "" is the empty string.
// Errors: rondo.Invalid with the file as field for what is wrong with a file; rondo.Unavailable when the child could not be started or used.
package duckdb

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os/exec"
	"time"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/engine"
)

// Options are limits of one child. Zero means the default.
type Options struct {
	Memory  int64         // bytes DuckDB may use; 1 GiB. The address space is limited to twice that, and 1 GiB for code and stacks
	Threads int           // 2
	Time    time.Duration // for one Describe or Read, the consumer's time included; 30 min
}

// Engine starts a child for each call. Safe for concurrent use.
type Engine struct {
	argv []string
	opt  Options
}

// New makes an engine whose children are started with argv and serve by calling Main.
func New(argv []string, opt Options) *Engine {
	if opt.Memory == 0 {
		opt.Memory = 1 << 30
	}
	if opt.Threads == 0 {
		opt.Threads = 2
	}
	if opt.Time == 0 {
		opt.Time = 30 * time.Minute
	}
	return &Engine{argv: argv, opt: opt}
}

var _ engine.Engine = (*Engine)(nil)

// Describe gives the columns that all files share and their rows, when counting them is cheap.
func (e *Engine) Describe(ctx context.Context, s engine.Source) ([]engine.Field, int64, error) {
	var head header
	err := e.call(ctx, e.request(s, true), func(m message) error {
		if m.kind != kindHeader {
			return fmt.Errorf("message %q where the fields stand", m.kind)
		}
		return json.Unmarshal(m.body, &head)
	})
	if err != nil {
		return nil, 0, err
	}
	fields, err := head.fields()
	return fields, head.Rows, err
}

// Read gives all rows, file by file.
func (e *Engine) Read(ctx context.Context, s engine.Source) iter.Seq2[engine.Batch, error] {
	return func(yield func(engine.Batch, error) bool) {
		err := e.call(ctx, e.request(s, false), func(m message) error {
			if m.kind == kindHeader {
				return nil
			}
			b, err := m.batch(s.Files)
			if err != nil {
				return err
			}
			if !yield(b, nil) {
				return errStopped
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStopped) {
			yield(engine.Batch{}, err)
		}
	}
}

// errStopped ends a call whose consumer has seen enough.
var errStopped = errors.New("consumer stopped")

func (e *Engine) request(s engine.Source, describe bool) request {
	r := request{Files: s.Files, Format: s.Format, Columns: s.Columns, Limit: s.Limit, Describe: describe,
		Memory: e.opt.Memory, Threads: e.opt.Threads, Types: make(map[string]string, len(s.Types))}
	for name, t := range s.Types {
		r.Types[name] = t.String()
	}
	return r
}

// call runs one child from request to end and hands every message between to each. The child is gone on return.
func (e *Engine) call(ctx context.Context, r request, each func(message) error) error {
	if len(r.Files) == 0 {
		return rondo.Errorf(rondo.Invalid, "no files to read")
	}
	body, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("ask the engine: %w", err)
	}
	limited, cancel := context.WithTimeout(ctx, e.opt.Time)
	defer cancel()
	cmd := exec.CommandContext(limited, e.argv[0], e.argv[1:]...)
	cmd.Env = []string{"MALLOC_ARENA_MAX=2", "TZ=UTC"}
	complaints := &tail{limit: 4 << 10}
	cmd.Stderr = complaints
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("start the engine's child: %w", err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("start the engine's child: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return &rondo.Error{Kind: rondo.Unavailable, Message: "the engine's child does not start", Err: err}
	}
	if _, err = stdin.Write(append(body, '\n')); err != nil {
		err = fmt.Errorf("ask the engine: %w", err)
	} else {
		err = receive(stdout, each)
	}
	cancel() // kills a child that is still at work; one that has ended does not mind
	waitErr := cmd.Wait()
	stdin.Close()
	return e.verdict(ctx, limited, r.Files, err, waitErr, complaints)
}

// receive reads messages up to the end; io.ErrUnexpectedEOF when the child went away before.
func receive(stdout io.Reader, each func(message) error) error {
	in := bufio.NewReaderSize(stdout, 1<<20)
	var buf []byte
	for {
		m, err := readMessage(in, &buf)
		if err != nil {
			return err
		}
		switch m.kind {
		case kindEnd:
			return nil
		case kindError:
			var f failure
			if err := json.Unmarshal(m.body, &f); err != nil {
				return fmt.Errorf("engine's error: %w", err)
			}
			return &rondo.Error{Kind: rondo.Invalid, Field: f.File, Message: f.Message}
		}
		if err := each(m); err != nil {
			return err
		}
	}
}

// verdict says what a call came to. A caller's cancelled context and a passed time limit come before what they caused.
func (e *Engine) verdict(ctx, limited context.Context, files []string, err, waitErr error, complaints *tail) error {
	if err == nil || errors.Is(err, errStopped) {
		return err
	}
	if ctx.Err() != nil {
		return fmt.Errorf("read %s: %w", files[0], ctx.Err())
	}
	if errors.Is(limited.Err(), context.DeadlineExceeded) {
		return &rondo.Error{Kind: rondo.Invalid, Field: files[0], Message: fmt.Sprintf("not read within %s", e.opt.Time)}
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return err
	}
	file := complaints.file(files)
	return &rondo.Error{Kind: rondo.Invalid, Field: file, Err: waitErr,
		Message: fmt.Sprintf("reading it went beyond the limits (%d MiB of memory) or broke the reader%s", e.opt.Memory>>20, complaints.reason())}
}

// tail keeps the first and the last bytes of what a child complains.
type tail struct {
	limit int
	b     []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if len(t.b) > 2*t.limit {
		t.b = append(t.b[:t.limit:t.limit], t.b[len(t.b)-t.limit:]...)
	}
	return len(p), nil
}

// file is the file the child was at: it says so on standard error when it starts one.
func (t *tail) file(files []string) string {
	at := bytes.LastIndex(t.b, []byte(atFile))
	if at < 0 {
		return files[0]
	}
	var n int
	if _, err := fmt.Sscanf(string(t.b[at+len(atFile):]), "%d", &n); err != nil || n < 0 || n >= len(files) {
		return files[0]
	}
	return files[n]
}

// reason is the first line that is not ours.
func (t *tail) reason() string {
	for _, line := range bytes.Split(t.b, []byte("\n")) {
		if s := bytes.TrimSpace(line); len(s) > 0 && !bytes.HasPrefix(s, []byte(atFile)) {
			return ": " + shorten(string(s))
		}
	}
	return ""
}

// fields turns the header's names and types into engine's.
func (h header) fields() ([]engine.Field, error) {
	out := make([]engine.Field, len(h.Fields))
	for i, f := range h.Fields {
		t, err := column.ParseType(f.Type)
		if err != nil {
			return nil, fmt.Errorf("engine's fields: %w", err)
		}
		out[i] = engine.Field{Name: f.Name, Type: t, Naive: f.Naive}
	}
	return out, nil
}
