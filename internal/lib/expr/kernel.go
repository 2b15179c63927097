package expr

import (
	"cmp"
	"math"
)

// run computes n rows of a block.
type run = func(m *machine, n int)

// data finds a register's slice of a Go type. Timestamps and durations are int64.
type data[T any] func(r *register) []T

func boolsOf(r *register) []bool     { return r.bools }
func intsOf(r *register) []int64     { return r.ints }
func floatsOf(r *register) []float64 { return r.floats }
func textsOf(r *register) []string   { return r.texts }

// floatBinary is d = a op b for one of + - * / %. What is not finite is lost.
func floatBinary(op string, d, a, b int) run {
	loop := map[string]func(dst, x, y []float64){"+": addFloats, "-": subFloats, "*": mulFloats, "/": divFloats, "%": modFloats}[op]
	return func(m *machine, n int) {
		rd, ra, rb := &m.regs[d], &m.regs[a], &m.regs[b]
		rd.nullFrom(ra, rb, n)
		loop(rd.floats[:n], ra.floats[:n], rb.floats[:n])
		rd.finite(n)
	}
}

func addFloats(dst, x, y []float64) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i := range dst {
		dst[i] = x[i] + y[i]
	}
}

func subFloats(dst, x, y []float64) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i := range dst {
		dst[i] = x[i] - y[i]
	}
}

func mulFloats(dst, x, y []float64) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i := range dst {
		dst[i] = x[i] * y[i]
	}
}

func divFloats(dst, x, y []float64) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i := range dst {
		dst[i] = x[i] / y[i]
	}
}

func modFloats(dst, x, y []float64) {
	for i := range dst {
		dst[i] = math.Mod(x[i], y[i])
	}
}

// intBinary is d = a op b for one of + - * %, lost where it overflows or divides by zero.
func intBinary(op string, d, a, b int) run {
	f := map[string]func(x, y int64) (int64, bool){"+": addInts, "-": subInts, "*": mulInts, "%": modInts}[op]
	return map2(d, a, b, intsOf, intsOf, intsOf, f)
}

func addInts(x, y int64) (int64, bool) {
	s := x + y
	return s, (x^s)&(y^s) >= 0
}

func subInts(x, y int64) (int64, bool) {
	s := x - y
	return s, (x^y)&(x^s) >= 0
}

func mulInts(x, y int64) (int64, bool) {
	p := x * y
	if x == 0 || y == 0 {
		return 0, true
	}
	if x == -1 && y == math.MinInt64 || y == -1 && x == math.MinInt64 {
		return 0, false
	}
	return p, p/y == x
}

func modInts(x, y int64) (int64, bool) {
	if y == 0 || y == -1 {
		return 0, y == -1
	}
	return x % y, true
}

// roundToInt rounds half to even.
func roundToInt(x float64) (int64, bool) {
	r := math.RoundToEven(x)
	if r >= -(1<<63) && r < 1<<63 {
		return int64(r), true
	}
	return 0, false
}

func durationTimes(us int64, x float64) (int64, bool) { return roundToInt(float64(us) * x) }
func durationOver(us int64, x float64) (int64, bool)  { return roundToInt(float64(us) / x) }

// widen is int64 to float64.
func widen(d, a int) run {
	return func(m *machine, n int) {
		rd, ra := &m.regs[d], &m.regs[a]
		rd.nullFrom(ra, ra, n)
		dst, x := rd.floats[:n], ra.ints[:n]
		for i := range dst {
			dst[i] = float64(x[i])
		}
	}
}

// compareRun is d = a op b for one of = != < <= > >=.
func compareRun[T cmp.Ordered](op string, d, a, b int, of data[T]) run {
	if op == ">" || op == ">=" {
		op, a, b = map[string]string{">": "<", ">=": "<="}[op], b, a
	}
	loop := map[string]func(dst []bool, x, y []T){"=": equal[T], "!=": differ[T], "<": less[T], "<=": lessEqual[T]}[op]
	return func(m *machine, n int) {
		rd, ra, rb := &m.regs[d], &m.regs[a], &m.regs[b]
		rd.nullFrom(ra, rb, n)
		loop(rd.bools[:n], of(ra)[:n], of(rb)[:n])
	}
}

func equal[T cmp.Ordered](dst []bool, x, y []T) {
	for i := range dst {
		dst[i] = x[i] == y[i]
	}
}

func differ[T cmp.Ordered](dst []bool, x, y []T) {
	for i := range dst {
		dst[i] = x[i] != y[i]
	}
}

func less[T cmp.Ordered](dst []bool, x, y []T) {
	for i := range dst {
		dst[i] = x[i] < y[i]
	}
}

func lessEqual[T cmp.Ordered](dst []bool, x, y []T) {
	for i := range dst {
		dst[i] = x[i] <= y[i]
	}
}

// compareBools compares with false before true.
func compareBools(op string, d, a, b int) run {
	f := map[string]func(x, y bool) bool{
		"=": func(x, y bool) bool { return x == y }, "!=": func(x, y bool) bool { return x != y },
		"<": func(x, y bool) bool { return !x && y }, "<=": func(x, y bool) bool { return !x || y },
		">": func(x, y bool) bool { return x && !y }, ">=": func(x, y bool) bool { return x || !y },
	}[op]
	return map2(d, a, b, boolsOf, boolsOf, boolsOf, func(x, y bool) (bool, bool) { return f(x, y), true })
}

// junction is d = a and b (decisive false), or a or b (decisive true): a decisive value decides beside a null.
func junction(decisive bool, d, a, b int) run {
	return func(m *machine, n int) {
		rd, ra, rb := &m.regs[d], &m.regs[a], &m.regs[b]
		dst, x, y := rd.bools[:n], ra.bools[:n], rb.bools[:n]
		rd.nullFrom(ra, rb, n)
		switch {
		case rd.null != nil:
			for i := range dst {
				decided := x[i] == decisive && !ra.isNull(i) || y[i] == decisive && !rb.isNull(i)
				if decided {
					rd.null[i] = 0
				}
				dst[i] = decided == decisive
			}
		case decisive:
			for i := range dst {
				dst[i] = x[i] || y[i]
			}
		default:
			for i := range dst {
				dst[i] = x[i] && y[i]
			}
		}
	}
}

// isNullRun is d = a is null, or is not null.
func isNullRun(not bool, d, a int) run {
	return func(m *machine, n int) {
		rd, ra := &m.regs[d], &m.regs[a]
		rd.null = nil
		for i := range rd.bools[:n] {
			rd.bools[i] = ra.isNull(i) != not
		}
	}
}

// memberRun is d = a in set. hasNull: the list names null, so what is not found is unknown.
func memberRun[T comparable](d, a int, of data[T], set []T, hasNull bool) run {
	var index map[T]bool
	if len(set) > 8 {
		index = make(map[T]bool, len(set))
		for _, x := range set {
			index[x] = true
		}
	}
	return func(m *machine, n int) {
		rd, ra := &m.regs[d], &m.regs[a]
		rd.nullFrom(ra, ra, n)
		for i, x := range of(ra)[:n] {
			found := index[x]
			for k := 0; index == nil && k < len(set) && !found; k++ {
				found = set[k] == x
			}
			rd.bools[i] = found
			if hasNull && !found {
				rd.mark(i, n, missing)
			}
		}
	}
}

// map1 is d = f(a), row by row; f's false means lost.
func map1[A, D any](d, a int, dOf data[D], aOf data[A], f func(A) (D, bool)) run {
	return func(m *machine, n int) {
		rd, ra := &m.regs[d], &m.regs[a]
		rd.nullFrom(ra, ra, n)
		dst, x := dOf(rd)[:n], aOf(ra)[:n]
		for i := range dst {
			if ra.isNull(i) {
				continue
			}
			var ok bool
			if dst[i], ok = f(x[i]); !ok {
				rd.mark(i, n, lost)
			}
		}
	}
}

// map2 is d = f(a, b), row by row.
func map2[A, B, D any](d, a, b int, dOf data[D], aOf data[A], bOf data[B], f func(A, B) (D, bool)) run {
	return func(m *machine, n int) {
		rd, ra, rb := &m.regs[d], &m.regs[a], &m.regs[b]
		rd.nullFrom(ra, rb, n)
		dst, x, y := dOf(rd)[:n], aOf(ra)[:n], bOf(rb)[:n]
		for i := range dst {
			if rd.isNull(i) {
				continue
			}
			var ok bool
			if dst[i], ok = f(x[i], y[i]); !ok {
				rd.mark(i, n, lost)
			}
		}
	}
}

// mapRow is d = f(row), for functions of more registers; d is null where one of args is.
func mapRow(d int, args []int, f func(m *machine, i int) bool) run {
	return func(m *machine, n int) {
		rd := &m.regs[d]
		rd.nullFrom(&m.regs[args[0]], &m.regs[args[1]], n)
		for _, a := range args[2:] {
			rd.nullFrom(rd, &m.regs[a], n)
		}
		for i := 0; i < n; i++ {
			if !rd.isNull(i) && !f(m, i) {
				rd.mark(i, n, lost)
			}
		}
	}
}

// choose is d = the branch that m.pick names, for each row.
func choose[T any](d int, branches []int, of data[T]) run {
	return func(m *machine, n int) {
		rd := &m.regs[d]
		dst, pick := of(rd)[:n], m.pick[:n]
		rd.null = nil
		for k, b := range branches {
			rb := &m.regs[b]
			src := of(rb)[:n]
			for i := range dst {
				if pick[i] != uint8(k) {
					continue
				}
				dst[i] = src[i]
				if rb.isNull(i) {
					rd.mark(i, n, rb.null[i])
				}
			}
		}
	}
}

// pickCase picks, for each row, the first condition that is true, else len(conditions).
func pickCase(conditions []int) run {
	return func(m *machine, n int) {
		pick := m.pick[:n]
		for i := range pick {
			pick[i] = uint8(len(conditions))
		}
		for k := len(conditions) - 1; k >= 0; k-- {
			r := &m.regs[conditions[k]]
			for i, yes := range r.bools[:n] {
				if yes && !r.isNull(i) {
					pick[i] = uint8(k)
				}
			}
		}
	}
}

// pickPresent picks, for each row, the first that is not null, else the last.
func pickPresent(args []int) run {
	return func(m *machine, n int) {
		pick := m.pick[:n]
		for i := range pick {
			pick[i] = uint8(len(args) - 1)
		}
		for k := len(args) - 2; k >= 0; k-- {
			r := &m.regs[args[k]]
			for i := range pick {
				if !r.isNull(i) {
					pick[i] = uint8(k)
				}
			}
		}
	}
}

// extreme is the least (sign -1) or greatest (sign 1) of what is not null.
func extreme[T cmp.Ordered](sign, d int, args []int, of data[T]) run {
	return func(m *machine, n int) {
		rd, first := &m.regs[d], &m.regs[args[0]]
		rd.nullFrom(first, first, n)
		dst := of(rd)[:n]
		copy(dst, of(first))
		for _, a := range args[1:] {
			ra := &m.regs[a]
			for i, x := range of(ra)[:n] {
				switch {
				case ra.isNull(i):
				case rd.isNull(i):
					dst[i], rd.null[i] = x, 0
				case cmp.Compare(x, dst[i]) == sign:
					dst[i] = x
				}
			}
		}
	}
}
