package data

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"rondo.dev/rondo/internal/history"
	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/matrix"
	"rondo.dev/rondo/internal/profile"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/object"
	"rondo.dev/rondo/internal/transform"
)

// Columns that a part or the facts have beside those of the model; no source can name a column so and be read back wrongly,
// because they come last.
const (
	keyHigh       = "@key0" // the key's first 8 bytes, little-endian
	keyLow        = "@key1"
	knownColumn   = "@known"
	arrivedColumn = "@arrived"
)

// blockRows is the rows of a canonical block.
const blockRows = 1 << 16

// group is the rows of a part, copied together.
type group struct {
	refs        []ref
	table       *column.Table
	zones       []*time.Location
	time, known []int64
	keys        []transform.Key
}

func (g *group) take(rows []int32) {
	refs, keys := make([]ref, len(rows)), make([]transform.Key, len(rows))
	var zones []*time.Location
	var at, known []int64
	for i, r := range rows {
		refs[i], keys[i] = g.refs[r], g.keys[r]
		if g.time != nil {
			at, known = append(at, g.time[r]), append(known, g.known[r])
		}
		if g.zones != nil {
			zones = append(zones, g.zones[r])
		}
	}
	*g = group{refs: refs, table: g.table.Take(rows), zones: zones, time: at, known: known, keys: keys}
}

// columnNames are the columns of a part: those of the model, then time and known.
func (w *preparation) columnNames() []string {
	past := w.history.Names()
	var names []string
	signature := w.rows.Signature()
	for _, c := range signature.Columns {
		if !slices.Contains(past, c.Name) && w.stock.has(c.Name) {
			names = append(names, c.Name)
		}
	}
	for _, made := range []string{"time", "known"} {
		if w.Spec.Data.Time != nil && !slices.Contains(names, made) {
			names = append(names, made)
		}
	}
	return names
}

// groups copies the rows of each part, column by column: what has been copied is let go, so that the rows are held about once.
func (w *preparation) groups(refs []ref, past []*column.Vector, parts []int8) []*group {
	names := w.columnNames()
	out := make([]*group, len(partNames))
	rows := make([][]int32, len(partNames))
	for i, r := range refs {
		if p := parts[i]; p >= 0 {
			if out[p] == nil {
				out[p] = &group{}
			}
			out[p].refs, rows[p] = append(out[p].refs, r), append(rows[p], int32(i))
		}
	}
	for p, g := range out {
		if g == nil {
			g = &group{}
			out[p] = g
		}
		g.table = &column.Table{Names: slices.Clone(names), Columns: make([]*column.Vector, len(names))}
		g.zones, g.keys = w.stock.zones(g.refs), w.stock.keys(g.refs)
		if w.Spec.Data.Time != nil {
			g.time, g.known = instants(g.refs, w.stock.time), instants(g.refs, w.stock.known)
		}
	}
	inParallel(len(names), func(i int) {
		for _, g := range out {
			g.table.Columns[i] = w.stock.take(names[i], g.refs)
		}
		w.stock.drop(names[i])
	})
	for p, g := range out {
		for n, name := range w.history.Names() {
			g.table.Set(name, past[n].Take(rows[p]))
		}
	}
	w.stock = nil
	return out
}

// write keeps the matrix of a part.
func (w *preparation) write(ctx context.Context, name rondo.PartName, g *group, m *transform.Matrix, classes []string) (rondo.Part, error) {
	part := rondo.Part{Name: name, Rows: len(g.refs)}
	if n := len(g.time); n > 0 {
		part.From, part.To = time.UnixMicro(g.time[0]).UTC(), time.UnixMicro(g.time[n-1]).UTC()
	}
	targets, err := w.targets(g, classes)
	if err != nil {
		return part, err
	}
	out := &matrix.Matrix{Features: m.Features, Rows: m.Rows, Values: m.Values, Targets: targets, Times: g.time, Classes: classes}
	part.Matrix, err = w.put(ctx, func(f io.Writer) error { return matrix.Write(f, out) })
	return part, err
}

// putRows keeps the rows of a part with their keys.
func (w *preparation) putRows(ctx context.Context, g *group) (rondo.Digest, error) {
	keyed := g.table.Shallow()
	setKeys(keyed, g.keys)
	return w.put(ctx, func(f io.Writer) error { return writeBlocks(f, keyed) })
}

// targets are what the trainer reads: 0 and 1, numbers, or indexes into the classes.
func (w *preparation) targets(g *group, classes []string) ([]float64, error) {
	v, err := w.rows.Target(g.table)
	if err != nil {
		return nil, err
	}
	at := make(map[string]float64, len(classes))
	for i, c := range classes {
		at[c] = float64(i)
	}
	out := make([]float64, len(g.refs))
	for i := range out {
		if v.Type == column.String {
			out[i] = at[v.Strings[i]]
		} else {
			out[i], _ = v.Float(i)
		}
	}
	return out, nil
}

// put writes an object by way of a file, so that it is never whole in memory.
func (p *Preparer) put(ctx context.Context, write func(io.Writer) error) (rondo.Digest, error) {
	f, err := os.CreateTemp(p.opt.Temp, "rondo-part-*")
	if err != nil {
		return "", fmt.Errorf("a file on its way into the object store: %w", err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	buffered := bufio.NewWriterSize(f, 1<<20)
	if err := write(buffered); err != nil {
		return "", err
	}
	if err := buffered.Flush(); err != nil {
		return "", fmt.Errorf("a file on its way into the object store: %w", err)
	}
	if err := f.Close(); err != nil {
		return "", fmt.Errorf("a file on its way into the object store: %w", err)
	}
	return p.objects.PutFile(ctx, f.Name())
}

// writeBlocks writes a table as blocks, each after its length in 8 bytes.
func writeBlocks(out io.Writer, t *column.Table) error {
	var b []byte
	for at := 0; at < t.Rows(); at += blockRows {
		b = column.AppendBlock(append(b[:0], 0, 0, 0, 0, 0, 0, 0, 0), t.Slice(at, min(t.Rows(), at+blockRows)))
		binary.LittleEndian.PutUint64(b, uint64(len(b)-8))
		if _, err := out.Write(b); err != nil {
			return err
		}
	}
	return nil
}

// maxBlock is more bytes than a block of a part can have here.
const maxBlock = 1 << 30

// readBlocks reads what writeBlocks wrote.
func readBlocks(in io.Reader) (*column.Table, error) {
	out := &column.Table{}
	r := bufio.NewReaderSize(in, 1<<20)
	var buf bytes.Buffer
	var strings column.Strings
	for {
		var head [8]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			if errors.Is(err, io.EOF) {
				return out, nil
			}
			return nil, fmt.Errorf("%w: %v", column.ErrCorrupt, err)
		}
		n := binary.LittleEndian.Uint64(head[:])
		if n > maxBlock {
			return nil, fmt.Errorf("%w: a block of %d bytes", column.ErrCorrupt, n)
		}
		buf.Reset()
		if m, err := io.CopyN(&buf, r, int64(n)); err != nil {
			return nil, fmt.Errorf("%w: ends after %d of %d bytes of a block: %v", column.ErrCorrupt, m, n, err)
		}
		t, rest, err := strings.ReadBlock(buf.Bytes())
		if err != nil {
			return nil, err
		}
		if len(rest) > 0 {
			return nil, fmt.Errorf("%w: %d bytes behind a block", column.ErrCorrupt, len(rest))
		}
		if err := out.Append(t); err != nil {
			return nil, fmt.Errorf("%w: %v", column.ErrCorrupt, err)
		}
	}
}

func setKeys(t *column.Table, keys []transform.Key) {
	high, low := column.New(column.Int64, len(keys)), column.New(column.Int64, len(keys))
	for i := range keys {
		high.Ints[i] = int64(binary.LittleEndian.Uint64(keys[i][:8]))
		low.Ints[i] = int64(binary.LittleEndian.Uint64(keys[i][8:]))
	}
	t.Set(keyHigh, high)
	t.Set(keyLow, low)
}

// cutKeys takes the keys out of a table.
func cutKeys(t *column.Table) ([]transform.Key, error) {
	high, low := t.Column(keyHigh), t.Column(keyLow)
	if high == nil || low == nil || high.Type != column.Int64 || low.Type != column.Int64 {
		return nil, fmt.Errorf("%w: no keys", column.ErrCorrupt)
	}
	keys := make([]transform.Key, t.Rows())
	for i := range keys {
		binary.LittleEndian.PutUint64(keys[i][:8], uint64(high.Ints[i]))
		binary.LittleEndian.PutUint64(keys[i][8:], uint64(low.Ints[i]))
	}
	for _, name := range []string{keyHigh, keyLow} {
		n := t.Index(name)
		t.Names, t.Columns = slices.Delete(t.Names, n, n+1), slices.Delete(t.Columns, n, n+1)
	}
	return keys, nil
}

// facts keeps the newest outcomes of the source, from which live history starts: all that a row as late as the newest
// could see, and those not known yet. Rows of the log are not among them: the log has them.
func (w *preparation) facts(ctx context.Context, seen []ref) error {
	if len(w.Spec.Data.History) == 0 {
		return nil
	}
	var refs []ref
	newest := int64(0)
	for _, r := range seen {
		newest = max(newest, w.stock.time(r))
	}
	for _, r := range seen {
		if !w.stock.chunks[r.chunk].logged && w.stock.known(r) > newest-w.history.Longest() {
			refs = append(refs, r)
		}
	}
	f := w.factsOf(w.stock.sort(refs))
	t := f.Table.Shallow()
	t.Set(knownColumn, &column.Vector{Type: column.Timestamp, Ints: f.Known})
	t.Set(arrivedColumn, &column.Vector{Type: column.Timestamp, Ints: f.Arrived})
	setKeys(t, f.Keys)
	digest, err := w.put(ctx, func(out io.Writer) error { return writeBlocks(out, t) })
	if err != nil {
		return fmt.Errorf("keep the newest facts: %w", err)
	}
	w.out.Facts = digest
	return nil
}

// describe keeps the profile of the training rows: what later feeds, and drift, are held against.
func (w *preparation) describe(ctx context.Context, train *column.Table) error {
	digest, err := w.objects.Put(ctx, profile.Of(train).Bytes())
	if err != nil {
		return fmt.Errorf("keep the profile: %w", err)
	}
	w.out.Profile = digest
	return nil
}

// name gives the dataset its digest, over all that was made of the rows (D11), and an id that sorts by time.
func (w *preparation) name() {
	h := sha256.New()
	for _, p := range w.out.Parts {
		fmt.Fprintf(h, "%s %d %s %s\n", p.Name, p.Rows, p.Object, p.Matrix)
	}
	fmt.Fprintf(h, "facts %s\ntransform %s\n%s\n", w.out.Facts, w.out.Transform, program)
	sum := [32]byte(h.Sum(nil))
	w.out.Digest = rondo.DigestOf(sum)
	w.out.ID = rondo.DatasetID(rondo.NewID("dataset", w.Now, sum))
}

// Part is the rows of one part, in order of time.
type Part struct {
	Table       *column.Table // all columns: raw, looked up, derived, history, time, known
	Keys        []transform.Key
	Time, Known []int64 // nil without time
}

// OpenPart reads one part of a dataset.
func OpenPart(ctx context.Context, objects object.Store, d *rondo.Dataset, name rondo.PartName) (*Part, error) {
	declared := d.Part(name)
	if declared == nil {
		return nil, rondo.Errorf(rondo.NotFound, "dataset %s has no %s rows", d.ID, name)
	}
	t, keys, err := openBlocks(ctx, objects, declared.Object)
	if err != nil {
		return nil, fmt.Errorf("%s rows of dataset %s: %w", name, d.ID, err)
	}
	out := &Part{Table: t, Keys: keys}
	if v := t.Column("time"); v != nil && v.Type == column.Timestamp && !d.From.IsZero() {
		out.Time = v.Ints
	}
	if v := t.Column("known"); v != nil && out.Time != nil {
		out.Known = v.Ints
	}
	return out, nil
}

func openBlocks(ctx context.Context, objects object.Store, d rondo.Digest) (*column.Table, []transform.Key, error) {
	in, err := objects.Open(ctx, d)
	if err != nil {
		return nil, nil, err
	}
	defer in.Close()
	t, err := readBlocks(in)
	if err != nil {
		return nil, nil, err
	}
	if len(t.Columns) == 0 {
		return t, nil, nil // a part without rows
	}
	keys, err := cutKeys(t)
	return t, keys, err
}

// Keys are the keys of the rows of a part that was kept, of this dataset or of an older one.
func Keys(ctx context.Context, objects object.Store, part rondo.Digest) ([]transform.Key, error) {
	_, keys, err := openBlocks(ctx, objects, part)
	if err != nil {
		return nil, fmt.Errorf("keys of the rows %s: %w", part.Short(), err)
	}
	return keys, nil
}

// Facts reads the newest facts of a dataset's source; nothing for a model without history.
func Facts(ctx context.Context, objects object.Store, d *rondo.Dataset) (history.Facts, error) {
	if d.Facts == "" {
		return history.Facts{Table: &column.Table{}}, nil
	}
	t, keys, err := openBlocks(ctx, objects, d.Facts)
	if err != nil {
		return history.Facts{}, fmt.Errorf("facts of dataset %s: %w", d.ID, err)
	}
	out := history.Facts{Table: t, Keys: keys}
	for name, to := range map[string]*[]int64{knownColumn: &out.Known, arrivedColumn: &out.Arrived} {
		n := t.Index(name)
		if n < 0 {
			if t.Rows() == 0 {
				continue
			}
			return history.Facts{}, fmt.Errorf("facts of dataset %s: %w: no %s", d.ID, column.ErrCorrupt, name)
		}
		*to = t.Columns[n].Ints
		t.Names, t.Columns = slices.Delete(t.Names, n, n+1), slices.Delete(t.Columns, n, n+1)
	}
	return out, nil
}
