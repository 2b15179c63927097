package expr

import (
	"fmt"
	"sync"
	"time"

	"rondo.dev/rondo/internal/lib/column"
)

// Block sizes: one machine computes this many rows at a time. Small ones serve single rows and short requests.
const (
	smallBlock = 32
	largeBlock = 1024
)

// Why a value is null. A value that is absent for both reasons counts as missing.
const (
	missing uint8 = 1 // an input was null
	lost    uint8 = 2 // the inputs were there, the answer is not a value
)

// Env is what an evaluation may depend on beside the columns.
type Env struct {
	Zones []*time.Location // the zone of each row, for date parts; nil entries are UTC
	Zone  *time.Location   // the zone of all rows where Zones is nil; nil: UTC
	Lost  *int64           // when set, grows by the rows whose result is null by overflow, division by zero and the like
}

// Program is a compiled expression; safe for concurrent use.
type Program struct {
	typ     column.Type
	columns []string
	types   []column.Type
	steps   []step
	result  int       // the step whose register is the answer
	small   sync.Pool // of *machine
	large   sync.Pool
}

// step fills register i of a machine, where i is the step's position.
type step struct {
	typ  column.Type
	view bool // the register shows a column's memory; it has none of its own
	fill func(r *register)
	run  func(m *machine, n int)
}

// register holds the values of one step for the rows of a block.
type register struct {
	bools  []bool
	ints   []int64
	floats []float64
	texts  []string
	null   []uint8 // nil: all values are there
	spare  []uint8 // the memory of null
}

type machine struct {
	regs    []register
	columns []*column.Vector
	from    int // the block's first row
	env     Env
	pick    []uint8
	zones   zoneCache
}

// Type is the type of the result.
func (p *Program) Type() column.Type { return p.typ }

// Columns are the columns the program reads, sorted.
func (p *Program) Columns() []string { return append([]string(nil), p.columns...) }

// Eval computes every row of t. It fails only when a column is absent or has another type than Compile was told.
func (p *Program) Eval(t *column.Table, env Env) (*column.Vector, error) {
	rows := t.Rows()
	if env.Zones != nil && len(env.Zones) != rows {
		return nil, fmt.Errorf("evaluate over %d rows: %d zones", rows, len(env.Zones))
	}
	pool, size := &p.large, largeBlock
	if rows <= smallBlock {
		pool, size = &p.small, smallBlock
	}
	m, ok := pool.Get().(*machine)
	if !ok {
		m = p.newMachine(size)
	}
	defer func() { m.release(p); pool.Put(m) }()
	for i, name := range p.columns {
		v := t.Column(name)
		if v == nil {
			return nil, fmt.Errorf("evaluate: no column %q", name)
		}
		if v.Type != p.types[i] || v.Len() != rows {
			return nil, fmt.Errorf("evaluate: column %q is %s of %d rows; the expression was compiled for %s, the table has %d rows",
				name, v.Type, v.Len(), p.types[i], rows)
		}
		m.columns[i] = v
	}
	m.env = env
	out := column.New(p.typ, rows)
	for from := 0; from < rows; from += size {
		n := min(size, rows-from)
		m.from = from
		for i := range p.steps {
			if run := p.steps[i].run; run != nil {
				run(m, n)
			}
		}
		m.regs[p.result].copyTo(out, from, n, env.Lost)
	}
	return out, nil
}

func (p *Program) newMachine(size int) *machine {
	m := &machine{regs: make([]register, len(p.steps)), columns: make([]*column.Vector, len(p.columns)), pick: make([]uint8, size)}
	nulls := make([]uint8, len(p.steps)*size)
	for i, s := range p.steps {
		r := &m.regs[i]
		r.spare = nulls[i*size : (i+1)*size : (i+1)*size]
		if s.view {
			continue
		}
		switch s.typ {
		case column.Bool:
			r.bools = make([]bool, size)
		case column.Float64:
			r.floats = make([]float64, size)
		case column.String:
			r.texts = make([]string, size)
		default:
			r.ints = make([]int64, size)
		}
		if s.fill != nil {
			s.fill(r)
		}
	}
	return m
}

// release lets go of the caller's memory, so a pooled machine keeps no table alive.
func (m *machine) release(p *Program) {
	m.env = Env{}
	clear(m.columns)
	for i, s := range p.steps {
		r := &m.regs[i]
		switch {
		case s.view:
			*r = register{spare: r.spare}
		case s.fill == nil && s.typ == column.String:
			clear(r.texts)
		}
	}
}

// copyTo writes n values into rows from `from` of out; what is null gets the type's zero.
func (r *register) copyTo(out *column.Vector, from, n int, gone *int64) {
	switch out.Type {
	case column.Bool:
		copy(out.Bools[from:], r.bools[:n])
	case column.Float64:
		copy(out.Floats[from:], r.floats[:n])
	case column.String:
		copy(out.Strings[from:], r.texts[:n])
	default:
		copy(out.Ints[from:], r.ints[:n])
	}
	if r.null == nil {
		return
	}
	for i, why := range r.null[:n] {
		if why == 0 {
			continue
		}
		out.SetNull(from + i)
		if why == lost && gone != nil {
			*gone++
		}
	}
}

// nullFrom makes r null where a or b is.
func (r *register) nullFrom(a, b *register, n int) {
	switch {
	case a.null == nil && b.null == nil:
		r.null = nil
	case b.null == nil:
		r.null = r.spare[:n]
		copy(r.null, a.null)
	case a.null == nil:
		r.null = r.spare[:n]
		copy(r.null, b.null)
	default:
		r.null = r.spare[:n]
		x, y := a.null[:n], b.null[:n]
		for i := range r.null {
			r.null[i] = x[i] | y[i]
		}
	}
}

// mark notes why value i of n is null.
func (r *register) mark(i, n int, why uint8) {
	if r.null == nil {
		r.null = r.spare[:n]
		clear(r.null)
	}
	r.null[i] |= why
}

func (r *register) isNull(i int) bool { return r.null != nil && r.null[i] != 0 }

// finite marks what is NaN or infinite as lost and turns -0 into 0.
func (r *register) finite(n int) {
	x := r.floats[:n]
	for i := range x {
		v := x[i] + 0
		x[i] = v
		if v-v != 0 {
			x[i] = 0
			r.mark(i, n, lost)
		}
	}
}

// load shows rows of column c in register d.
func load(d, c int, typ column.Type) func(m *machine, n int) {
	return func(m *machine, n int) {
		r, v := &m.regs[d], m.columns[c]
		from, to := m.from, m.from+n
		switch typ {
		case column.Bool:
			r.bools = v.Bools[from:to]
		case column.Float64:
			r.floats = v.Floats[from:to]
		case column.String:
			r.texts = v.Strings[from:to]
		default:
			r.ints = v.Ints[from:to]
		}
		r.null = nil
		if v.Null == nil {
			return
		}
		any := uint8(0)
		for i, null := range v.Null[from:to] {
			bit := uint8(0)
			if null {
				bit = missing
			}
			r.spare[i] = bit
			any |= bit
		}
		if any != 0 {
			r.null = r.spare[:n]
		}
	}
}

// constant fills a register once, when a machine is made.
func constant(l literal) func(r *register) {
	return func(r *register) {
		for i := range r.spare {
			switch l.typ {
			case column.Bool:
				r.bools[i] = l.b
			case column.Float64:
				r.floats[i] = l.f
			case column.String:
				r.texts[i] = l.s
			default:
				r.ints[i] = l.i
			}
		}
	}
}

// nothing fills a register with nulls.
func nothing(r *register) {
	r.null = r.spare
	for i := range r.null {
		r.null[i] = missing
	}
}
