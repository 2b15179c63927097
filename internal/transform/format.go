package transform

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"math"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/expr"
	"rondo.dev/rondo/internal/rondo"
)

// The format is described in docs/formats/transform.md.
const (
	programMagic   = "RONDOTRF"
	formatVersion  = 1
	maxHeaderBytes = 2 << 20
	maxBytes       = 512 << 20
	maxClasses     = 4096
)

// ErrFormat is wrapped by every error about bytes that are no transform.
var ErrFormat = errors.New("not a transform")

type header struct {
	Task    rondo.TaskKind `json:"task"`
	Time    string         `json:"time,omitempty"`
	TZData  string         `json:"tzdata"`
	Inputs  []fieldJSON    `json:"inputs"`
	Steps   []step         `json:"steps"`
	Outputs []outputJSON   `json:"outputs"`
}

type fieldJSON struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

type outputJSON struct {
	Column string `json:"column"`
	Type   string `json:"type"`
	How    string `json:"how"`
}

// MarshalBinary writes the program: equal programs have equal bytes.
func (p *Program) MarshalBinary() ([]byte, error) {
	h := header{Task: p.task, Time: p.time, TZData: p.tzdata, Inputs: fieldsJSON(p.inputs), Steps: p.steps}
	var tables []*column.Table
	if p.task == rondo.Multiclass {
		t := &column.Table{}
		t.Set("class", &column.Vector{Type: column.String, Strings: p.classes})
		tables = append(tables, t)
	}
	for i := range p.outputs {
		o := &p.outputs[i]
		h.Outputs = append(h.Outputs, outputJSON{o.column, o.kind.String(), o.how})
		if o.how != asNumber {
			tables = append(tables, o.table())
		}
	}
	return seal(programMagic, h, tables)
}

func fieldsJSON(fields []Field) []fieldJSON {
	out := make([]fieldJSON, len(fields))
	for i, f := range fields {
		out[i] = fieldJSON{f.Name, f.Type.String()}
	}
	return out
}

// table is an encoding as columns: the kept values, and for target encodings the numbers of all buckets.
func (o *output) table() *column.Table {
	t := &column.Table{}
	if o.how != asTarget {
		t.Set("value", o.kept)
		return t
	}
	value := column.New(o.kept.Type, 0)
	_ = value.Append(o.kept) // of one type by construction
	_ = value.Append(column.AllNull(o.kept.Type, 2))
	t.Set("value", value)
	for c := range o.width {
		x := make([]float64, o.buckets())
		for b := range x {
			x[b] = o.frozen[b*o.width+c]
		}
		t.Set(fmt.Sprintf("mean_%d", c), column.Floats(x))
	}
	return t
}

// seal writes magic, version, header and blocks, and the checksum over all of it.
func seal(magic string, header any, tables []*column.Table) ([]byte, error) {
	text, err := json.Marshal(header)
	if err != nil {
		return nil, fmt.Errorf("write transform: %w", err)
	}
	if len(text) > maxHeaderBytes {
		return nil, fmt.Errorf("write transform: the program has %d bytes, at most %d", len(text), maxHeaderBytes)
	}
	b := append([]byte(magic), formatVersion, 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(text)))
	b = append(b, text...)
	for _, t := range tables {
		b = column.AppendBlock(b, t)
	}
	b = binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	if len(b) > maxBytes {
		return nil, fmt.Errorf("write transform: %d bytes, at most %d", len(b), maxBytes)
	}
	return b, nil
}

// unseal checks what seal wrote, reads the header and gives the blocks.
func unseal(b []byte, magic string, header any) (blocks []byte, err error) {
	start := len(magic) + 2 + 4
	switch {
	case len(b) > maxBytes:
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrFormat, len(b), maxBytes)
	case len(b) < start+4 || string(b[:len(magic)]) != magic:
		return nil, fmt.Errorf("%w: it does not begin as one", ErrFormat)
	case binary.LittleEndian.Uint16(b[len(magic):]) != formatVersion:
		return nil, fmt.Errorf("%w: version %d, this program reads %d", ErrFormat, binary.LittleEndian.Uint16(b[len(magic):]), formatVersion)
	case crc32.ChecksumIEEE(b[:len(b)-4]) != binary.LittleEndian.Uint32(b[len(b)-4:]):
		return nil, fmt.Errorf("%w: wrong checksum", ErrFormat)
	}
	size := int(binary.LittleEndian.Uint32(b[len(magic)+2:]))
	if size > maxHeaderBytes || size > len(b)-4-start {
		return nil, fmt.Errorf("%w: a header of %d bytes", ErrFormat, size)
	}
	decode := json.NewDecoder(bytes.NewReader(b[start : start+size]))
	decode.DisallowUnknownFields()
	if err := decode.Decode(header); err != nil {
		return nil, fmt.Errorf("%w: header: %v", ErrFormat, err)
	}
	return b[start+size : len(b)-4], nil
}

// Load reads a program. Memory stays within a small multiple of len(b).
func Load(b []byte) (*Program, error) {
	var h header
	blocks, err := unseal(b, programMagic, &h)
	if err != nil {
		return nil, err
	}
	p := &Program{task: h.Task, time: h.Time, tzdata: h.TZData, steps: h.Steps}
	types, err := p.loadInputs(h.Inputs)
	if err != nil {
		return nil, err
	}
	if err := p.loadSteps(types); err != nil {
		return nil, err
	}
	if blocks, err = p.loadClasses(blocks); err != nil {
		return nil, err
	}
	for _, j := range h.Outputs {
		o := output{column: j.Column, how: j.How}
		if o.kind, err = column.ParseType(j.Type); err != nil || types[o.column] != o.kind || o.kind == column.Timestamp {
			return nil, fmt.Errorf("%w: feature column %q as %s", ErrFormat, o.column, j.Type)
		}
		if blocks, err = o.load(blocks, max(1, len(p.classes))); err != nil {
			return nil, fmt.Errorf("%w: encoding of %q: %v", ErrFormat, o.column, err)
		}
		p.outputs = append(p.outputs, o)
	}
	if len(blocks) > 0 || len(p.outputs) == 0 {
		return nil, fmt.Errorf("%w: %d bytes behind %d outputs", ErrFormat, len(blocks), len(p.outputs))
	}
	if err := p.layOut(); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrFormat, err)
	}
	if again, err := p.MarshalBinary(); err != nil || !bytes.Equal(again, b) {
		return nil, fmt.Errorf("%w: not in its canonical form", ErrFormat)
	}
	return p, nil
}

// loadInputs gives the columns that steps may name.
func (p *Program) loadInputs(inputs []fieldJSON) (expr.Schema, error) {
	types := make(expr.Schema)
	for _, j := range inputs {
		t, err := column.ParseType(j.Type)
		if _, twice := types[j.Name]; err != nil || twice {
			return nil, fmt.Errorf("%w: input %q of type %q", ErrFormat, j.Name, j.Type)
		}
		types[j.Name] = t
		p.inputs = append(p.inputs, Field{j.Name, t})
	}
	if p.time != "" && types[timeColumn] != 0 {
		if types[timeColumn] != column.Timestamp || p.time != timeColumn && types[p.time] != 0 {
			return nil, fmt.Errorf("%w: time is no timestamp, or stands twice", ErrFormat)
		}
		types[p.time] = column.Timestamp
	}
	return types, nil
}

func (p *Program) loadSteps(types expr.Schema) error {
	for i := range p.steps {
		s := &p.steps[i]
		if s.How == "" {
			program, err := expr.Compile(s.Text, types)
			if err != nil || s.Value != (value{}) {
				return fmt.Errorf("%w: feature %q: %v", ErrFormat, s.Name, err)
			}
			s.program, types[s.Name] = program, program.Type()
			continue
		}
		t, ok := types[s.Name]
		to := imputed(s.How, t)
		known := s.How == "median" || s.How == "mean" || s.How == "mode" || s.How == "constant"
		if !ok || !known || s.Text != "" || !s.Value.fits(to) || t == column.Timestamp || t == column.Duration || to != t && t == column.String {
			return fmt.Errorf("%w: imputation of %q", ErrFormat, s.Name)
		}
		types[s.Name] = to
	}
	return nil
}

func (p *Program) loadClasses(blocks []byte) ([]byte, error) {
	switch p.task {
	case rondo.Binary, rondo.Regression:
		return blocks, nil
	case rondo.Multiclass:
	default:
		return nil, fmt.Errorf("%w: task %q", ErrFormat, p.task)
	}
	t, rest, err := column.ReadBlock(blocks)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrFormat, err)
	}
	v := t.Column("class")
	if v == nil || len(t.Columns) != 1 || v.Type != column.String || v.Null != nil || v.Len() > maxClasses {
		return nil, fmt.Errorf("%w: classes", ErrFormat)
	}
	for i := 1; i < v.Len(); i++ {
		if v.Strings[i-1] >= v.Strings[i] {
			return nil, fmt.Errorf("%w: classes are not in order", ErrFormat)
		}
	}
	p.classes = v.Strings
	return rest, nil
}

// load reads the block of an encoding.
func (o *output) load(blocks []byte, outcomes int) ([]byte, error) {
	if o.how == asNumber {
		if o.kind == column.String {
			return nil, errors.New("text is no number")
		}
		return blocks, nil
	}
	if o.how != asOneHot && o.how != asTarget && o.how != asOrdinal || o.kind == column.Float64 || o.kind == column.Duration {
		return nil, fmt.Errorf("%s as %q", o.kind, o.how)
	}
	t, rest, err := column.ReadBlock(blocks)
	if err != nil {
		return nil, err
	}
	kept := t.Column("value")
	if kept == nil || kept.Type != o.kind {
		return nil, errors.New("no values")
	}
	if o.how == asTarget {
		if kept.Len() < 2 || len(t.Columns) != 1+outcomes {
			return nil, errors.New("too few buckets or columns")
		}
		o.width = outcomes
		o.frozen = make([]float64, kept.Len()*outcomes)
		for c, v := range t.Columns[1:] {
			if v.Type != column.Float64 {
				return nil, errors.New("a mean is no number")
			}
			for b := range v.Len() {
				x, ok := v.Float(b)
				if !ok {
					x = math.NaN()
				}
				o.frozen[b*outcomes+c] = x
			}
		}
		kept = kept.Slice(0, kept.Len()-2)
	}
	if kept.Nulls() > 0 {
		return nil, errors.New("a missing value among the kept ones")
	}
	kept.Null = nil
	for i := 1; i < kept.Len(); i++ {
		if compareValues(kept, i-1, i) >= 0 {
			return nil, errors.New("values are not in order")
		}
	}
	o.keep(kept)
	if o.dict.Len() != kept.Len() || o.how == asOneHot && kept.Len() > maxOneHot {
		return nil, errors.New("too many values, or one twice")
	}
	return rest, nil
}
