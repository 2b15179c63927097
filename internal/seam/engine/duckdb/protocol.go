package duckdb

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/seam/engine"
)

// request is one line of JSON on the child's standard input.
type request struct {
	Files    []string          `json:"files"`
	Format   string            `json:"format,omitempty"`
	Columns  []string          `json:"columns,omitempty"`
	Types    map[string]string `json:"types,omitempty"`
	Limit    int               `json:"limit,omitempty"`
	Describe bool              `json:"describe,omitempty"`
	Memory   int64             `json:"memory"`
	Threads  int               `json:"threads"`
}

// header is the first message of an answer.
type header struct {
	Fields []headerField `json:"fields"`
	Rows   int64         `json:"rows"` // -1: not counted
}

type headerField struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Naive bool   `json:"naive,omitempty"`
}

// failure is the message that ends an answer which is not whole.
type failure struct {
	File    string `json:"file"`
	Message string `json:"message"`
}

// The kinds of message. A message is u32 length of the body, kind byte, body; numbers are little-endian.
const (
	kindHeader = 'F'
	kindBatch  = 'B' // u32 index of the file, u64 first row, canonical block
	kindError  = 'E'
	kindEnd    = 'D'
)

// maxMessage is more than a batch may hold: the child ends a batch at 32 MiB, and its last 2,048 rows may be large.
const maxMessage = 1 << 30

// atFile begins the line on standard error that names the file about to be read, by its index.
const atFile = "at file "

type message struct {
	kind byte
	body []byte
}

// readMessage reads the next message; its body is good until the next call, which uses buf again.
func readMessage(in *bufio.Reader, buf *[]byte) (message, error) {
	var head [5]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return message{}, err
	}
	n := binary.LittleEndian.Uint32(head[:4])
	if n > maxMessage {
		return message{}, fmt.Errorf("engine's message of %d bytes", n)
	}
	if int(n) > cap(*buf) {
		*buf = make([]byte, n)
	}
	body := (*buf)[:n]
	if _, err := io.ReadFull(in, body); err != nil {
		return message{}, io.ErrUnexpectedEOF
	}
	return message{kind: head[4], body: body}, nil
}

func writeMessage(out io.Writer, kind byte, body []byte) error {
	head := binary.LittleEndian.AppendUint32(nil, uint32(len(body)))
	if _, err := out.Write(append(head, kind)); err != nil {
		return err
	}
	_, err := out.Write(body)
	return err
}

const batchHead = 12

func appendBatchHead(b []byte, file int, first int64) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(file))
	return binary.LittleEndian.AppendUint64(b, uint64(first))
}

func (m message) batch(files []string) (engine.Batch, error) {
	if m.kind != kindBatch || len(m.body) < batchHead {
		return engine.Batch{}, fmt.Errorf("message %q of %d bytes where a batch stands", m.kind, len(m.body))
	}
	file := binary.LittleEndian.Uint32(m.body)
	if int64(file) >= int64(len(files)) {
		return engine.Batch{}, fmt.Errorf("batch of file %d among %d", file, len(files))
	}
	t, rest, err := column.ReadBlock(m.body[batchHead:])
	if err != nil {
		return engine.Batch{}, fmt.Errorf("batch of %s: %w", files[file], err)
	}
	if len(rest) != 0 {
		return engine.Batch{}, fmt.Errorf("batch of %s: %w: %d bytes too many", files[file], column.ErrCorrupt, len(rest))
	}
	return engine.Batch{File: files[file], First: int64(binary.LittleEndian.Uint64(m.body[4:])), Table: t}, nil
}

// shorten makes one line of what DuckDB says, without the advice that follows its first lines.
func shorten(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 400 {
		s = strings.ToValidUTF8(s[:400], "") + " ..."
	}
	return s
}
