package transform_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"testing"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/transform"
)

// fitted are programs with every kind of step and output.
func fitted(t testing.TB) [][]byte {
	t.Helper()
	var out [][]byte
	flight := prepare(t, flights(), someFlights(400, 6), map[string]*column.Table{"airport": airports(6)})
	raw := someFlights(400, 6)
	raw.Column("distance").SetNull(3)
	for _, spec := range []*rondo.Spec{
		{Task: rondo.Task{Kind: rondo.Multiclass, Target: "destination"}, Data: rondo.Data{Drop: []string{"date"}, Features: []rondo.FeatureStep{
			{Impute: []rondo.Column{{Column: "distance", How: "median"}}}, {Encode: []rondo.Column{{Column: "origin", How: "target"}}}}}},
		{Task: rondo.Task{Kind: rondo.Regression, Target: "delay"}, Data: rondo.Data{Features: []rondo.FeatureStep{
			{DateParts: []rondo.DateParts{{Column: "date", Parts: []string{"hour"}}}}, {Encode: []rondo.Column{{Column: "origin", How: "ordinal"}}}}}},
	} {
		p, err := prepareAny(spec, raw)
		if err != nil {
			t.Fatal(err)
		}
		b, err := p.program.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b)
	}
	b, err := flight.program.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return append(out, b)
}

// signed gives bytes the checksum they need to be looked at.
func signed(b []byte) []byte {
	if len(b) < 4 {
		return b
	}
	return binary.LittleEndian.AppendUint32(append([]byte(nil), b[:len(b)-4]...), crc32.ChecksumIEEE(b[:len(b)-4]))
}

func TestEqualTrainingGivesEqualBytes(t *testing.T) {
	first, second := fitted(t), fitted(t)
	for i := range first {
		if !bytes.Equal(first[i], second[i]) {
			t.Errorf("program %d differs", i)
		}
	}
}

// A broken byte is noticed by the checksum; with a right checksum it is refused, or it makes another valid program.
func TestBrokenBytesNeverPanic(t *testing.T) {
	for _, b := range fitted(t) {
		for i := range b {
			broken := append([]byte(nil), b...)
			broken[i] ^= 1 << (i % 8)
			if _, err := transform.Load(broken); !errors.Is(err, transform.ErrFormat) {
				t.Fatalf("byte %d turned: %v", i, err)
			}
			if _, err := transform.Load(signed(broken)); err != nil && !errors.Is(err, transform.ErrFormat) {
				t.Fatalf("byte %d turned and signed: %v", i, err)
			}
			if _, err := transform.Load(b[:i]); !errors.Is(err, transform.ErrFormat) {
				t.Fatalf("cut at byte %d: %v", i, err)
			}
		}
	}
}

func FuzzLoad(f *testing.F) {
	for _, b := range fitted(f) {
		f.Add(b)
	}
	table := someFlights(3, 2)
	f.Fuzz(func(t *testing.T, b []byte) {
		b = signed(b)
		p, err := transform.Load(b)
		if err != nil {
			if !errors.Is(err, transform.ErrFormat) {
				t.Fatalf("an untyped error: %v", err)
			}
			return
		}
		again, err := p.MarshalBinary()
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("what was read writes other bytes: %v", err)
		}
		_ = p.Apply(table, nil, &transform.Matrix{}) // an error or a matrix, no panic
	})
}
