package boost

import (
	"cmp"
	"math"
	"slices"
)

// mostLog bounds the scores whose exp is taken: 1e100 either way.
const mostLog = 230

// poissonStep widens the curvature of Poisson, exp(s + 0.7), as XGBoost and LightGBM do: a leaf whose rows have counts but
// hardly any expectation would otherwise leap.
const poissonStep = 2.0137527074704766 // exp(0.7)

// derivative is the gradient and curvature of one row of score s and label y by the objectives of numbers.
func (p *Params) derivative(s, y float64) (g, h float64) {
	switch p.Objective {
	case Huber: // beyond Delta the curvature is that of the parabola that touches the loss here and lies above it
		r := s - y
		if size := math.Abs(r); size > p.Delta {
			h = p.Delta / size
			return float64(r * h), h
		}
		return r, 1
	case Quantile:
		if s > y {
			return 1 - p.Alpha, 1
		}
		return -p.Alpha, 1
	case Poisson:
		e := exp(min(max(s, -mostLog), mostLog))
		return e - y, float64(e * poissonStep)
	case Tweedie:
		a, b := p.tweedie(s, y)
		return b - a, float64((p.Power-1)*a) + float64((2-p.Power)*b)
	}
	return s - y, 1
}

// tweedie is y exp((1-Power) s) and exp((2-Power) s).
func (p *Params) tweedie(s, y float64) (a, b float64) {
	s = min(max(s, -mostLog), mostLog)
	return float64(y * exp(float64((1-p.Power)*s))), exp(float64((2 - p.Power) * s))
}

// numberLoss is what derivative is the derivative of. Poisson and Tweedie lack terms of y alone.
func (p *Params) numberLoss(s, y float64) float64 {
	r := s - y
	switch p.Objective {
	case Huber:
		if size := math.Abs(r); size > p.Delta {
			return float64(p.Delta * (size - float64(0.5*p.Delta)))
		}
		return float64(0.5 * float64(r*r))
	case Quantile:
		if r > 0 {
			return float64((1 - p.Alpha) * r)
		}
		return float64(-p.Alpha * r)
	case Poisson:
		s = min(max(s, -mostLog), mostLog)
		return exp(s) - float64(y*s)
	case Tweedie:
		a, b := p.tweedie(s, y)
		return a/(p.Power-1) + b/(2-p.Power)
	}
	return float64(r * r)
}

// numberBase is the score before the first tree: the mean of the labels or its logarithm, their quantile, for Huber their
// median.
func (p *Params) numberBase(d Data) float64 {
	switch p.Objective {
	case Huber:
		return quantileOf(slices.Clone(d.Labels), d.Weights, 0.5)
	case Quantile:
		return quantileOf(slices.Clone(d.Labels), d.Weights, p.Alpha)
	}
	sum, weights := 0.0, 0.0
	for i, y := range d.Labels {
		w := d.weight(i)
		sum += float64(w * y)
		weights += w
	}
	mean := sum / weights
	if p.Objective.logarithmic() {
		return logarithm(min(max(mean, 1e-100), 1e100))
	}
	return mean
}

// quantileOf is the smallest of the values such that those up to it have the share alpha of the weights, nil for equal
// ones. It moves the values about.
func quantileOf(values, weights []float64, alpha float64) float64 {
	if weights == nil {
		at := int(math.Ceil(float64(alpha*float64(len(values))))) - 1
		return kth(values, min(max(at, 0), len(values)-1))
	}
	order := make([]int, 0, len(values))
	total := 0.0
	for i, w := range weights {
		if w > 0 {
			order = append(order, i)
			total += w
		}
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(values[a], values[b]), a-b) })
	sum, last := 0.0, 0.0
	for _, i := range order {
		sum += weights[i]
		last = values[i]
		if sum >= float64(alpha*total) {
			break
		}
	}
	return last
}

// kth is the k-th smallest of the values, from 0, which it moves about (Hoare 1961).
func kth(values []float64, k int) float64 {
	low, high := 0, len(values)-1
	for low < high {
		a, b, c := values[low], values[low+(high-low)/2], values[high]
		pivot := max(min(a, b), min(max(a, b), c)) // the middle one of three
		i, j := low, high
		for i <= j {
			for values[i] < pivot {
				i++
			}
			for values[j] > pivot {
				j--
			}
			if i <= j {
				values[i], values[j] = values[j], values[i]
				i++
				j--
			}
		}
		switch {
		case k <= j:
			high = j
		case k >= i:
			low = i
		default:
			return values[k]
		}
	}
	return values[k]
}

// renew gives each leaf of the tree just grown the quantile of what its rows still lack: gradients of the pinball loss
// say which way to go and not how far.
func (g *grower) renew(t *target) {
	g.team.share(len(g.leaves), func(_, i int) {
		l := &g.leaves[i]
		entries := g.entries[l.start:l.end]
		switch {
		case l.whole:
			child := g.tree[l.node].child
			for side := range 2 {
				g.renewLeaf(child+side, t, entries, func(row uint32) bool { return g.table.step(&l.best, row) == side })
			}
		case !l.retired:
			g.renewLeaf(l.node, t, entries, func(uint32) bool { return true })
		}
	})
}

func (g *grower) renewLeaf(node int, t *target, entries []uint64, has func(row uint32) bool) {
	lacks := make([]float64, 0, len(entries))
	var weights []float64
	for _, e := range entries {
		row := rowOf(e)
		if !has(row) {
			continue
		}
		lacks = append(lacks, t.labels[row]-t.scores[row])
		if t.weights != nil {
			weights = append(weights, t.weights[row])
		}
	}
	if len(lacks) > 0 {
		g.tree[node].value = float64(g.p.Rate * quantileOf(lacks, weights, g.p.Alpha))
	}
}
