package duckdb

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"rondo.dev/rondo/internal/lib/column"
)

// Main is the child: it answers one request on standard input and returns the exit code. A failed request is answered,
// so its code is 0; only a parent that cannot be understood or heard gives another.
func Main(args []string) int {
	if len(args) != 0 {
		fmt.Fprintf(os.Stderr, "the engine's child takes no arguments, got %q\n", args)
		return 2
	}
	in := bufio.NewReaderSize(os.Stdin, 64<<10)
	var r request
	if err := json.NewDecoder(io.LimitReader(in, 64<<20)).Decode(&r); err != nil {
		fmt.Fprintf(os.Stderr, "request: %v\n", err)
		return 2
	}
	// The parent keeps standard input open for as long as it lives.
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(3)
	}()
	if err := limitSelf(2*r.Memory + 1<<30); err != nil {
		fmt.Fprintf(os.Stderr, "limits: %v\n", err)
		return 1
	}
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	if err := answer(r, out); err != nil {
		fmt.Fprintf(os.Stderr, "answer: %v\n", err)
		return 1
	}
	return 0
}

// answer writes the whole answer to r; an error means that the parent could not be told.
func answer(r request, out *bufio.Writer) error {
	f, err := serve(r, out)
	if err != nil {
		return err
	}
	if f != nil {
		f.Message = shorten(f.Message)
		body, err := json.Marshal(f)
		if err != nil {
			return err
		}
		if err := writeMessage(out, kindError, body); err != nil {
			return err
		}
		return out.Flush()
	}
	if err := writeMessage(out, kindEnd, nil); err != nil {
		return err
	}
	return out.Flush()
}

// serve writes header and batches. What is wrong with a file is a failure; what is wrong with the pipe is an error.
func serve(r request, out *bufio.Writer) (*failure, error) {
	inputs := make([]input, len(r.Files))
	for i, path := range r.Files {
		in, f := open(path, r.Format)
		if f != nil {
			return f, nil
		}
		inputs[i] = in
	}
	s, err := openSession(r)
	if err != nil {
		return &failure{File: r.Files[0], Message: err.Error()}, nil
	}
	defer s.close()
	fields, f := s.describe(inputs, r)
	if f != nil {
		return f, nil
	}
	head := header{Fields: make([]headerField, len(fields)), Rows: -1}
	for i, c := range fields {
		head.Fields[i] = headerField{Name: c.name, Type: c.kind.String(), Naive: c.naive}
	}
	if r.Describe {
		if head.Rows, f = s.count(inputs, r.Limit); f != nil {
			return f, nil
		}
	}
	body, err := json.Marshal(head)
	if err != nil {
		return nil, err
	}
	if err := writeMessage(out, kindHeader, body); err != nil || r.Describe {
		return nil, err
	}
	left := int64(r.Limit)
	for i, in := range inputs {
		fmt.Fprintf(os.Stderr, "%s%d\n", atFile, i)
		w := &batchWriter{out: out, file: i}
		if f, err := s.read(in, fields, left, w); f != nil || err != nil {
			return f, err
		}
		if r.Limit > 0 {
			if left -= w.first; left == 0 {
				break
			}
		}
	}
	return nil, nil
}

// input is a file with the way to read it.
type input struct {
	path   string
	format string // csv, json, jsonl, parquet
}

// open looks at a file without reading it: only a regular file, named itself, may reach DuckDB.
func open(path, format string) (input, *failure) {
	fail := func(text string, args ...any) (input, *failure) {
		return input{}, &failure{File: path, Message: fmt.Sprintf(text, args...)}
	}
	if !filepath.IsAbs(path) {
		return fail("not an absolute path")
	}
	info, err := os.Lstat(path)
	switch {
	case os.IsNotExist(err):
		return fail("no such file")
	case err != nil:
		return fail("%v", err)
	case info.IsDir():
		return fail("is a folder; name its files, say %s", filepath.Join(path, "*.csv"))
	case info.Mode()&os.ModeSymlink != 0:
		return fail("is a link; name the file it leads to")
	case !info.Mode().IsRegular():
		return fail("is no regular file (%s)", info.Mode().Type())
	case info.Size() == 0:
		return fail("is empty")
	}
	if format == "" {
		format = formatOf(path)
	}
	switch format {
	case "csv", "json", "jsonl", "parquet":
		return input{path: path, format: format}, nil
	}
	return fail("is of no format that can be read: csv, json, jsonl, parquet")
}

func formatOf(path string) string {
	ext := strings.ToLower(filepath.Ext(strings.TrimSuffix(strings.ToLower(path), ".gz")))
	switch ext {
	case ".csv", ".tsv":
		return "csv"
	case ".jsonl", ".ndjson":
		return "jsonl"
	}
	return strings.TrimPrefix(ext, ".")
}

// The size of a batch: rows, and bytes of text, whichever comes first.
const (
	batchRows  = 65_536
	batchBytes = 32 << 20
)

// batchWriter collects rows of one file and writes them as batches.
type batchWriter struct {
	out   *bufio.Writer
	file  int
	first int64 // rows written
	buf   []byte
}

func (w *batchWriter) write(t *column.Table) error {
	rows := t.Rows()
	if rows == 0 {
		return nil
	}
	w.buf = column.AppendBlock(appendBatchHead(w.buf[:0], w.file, w.first), t)
	if len(w.buf) > maxMessage {
		return fmt.Errorf("%d rows take %d bytes", rows, len(w.buf))
	}
	w.first += int64(rows)
	return writeMessage(w.out, kindBatch, w.buf)
}
