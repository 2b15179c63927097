package boost

// curve tabulates the sigmoid and its integral, log(1+exp(x)), for the trainer; predictions use exp itself. Between
// nodes 1/64 apart both follow their Taylor series: the error is below 3e-6 (sigmoid; gradients are rounded to 5e-4) and
// 2e-8 (integral). Beyond ±16 the sigmoid stays at 1e-7 from its limit, so that no row loses its curvature altogether.
type curve struct {
	sigmoid  [curveNodes]float64
	softplus [curveNodes]float64
}

const (
	curveReach = 16
	curveSteps = 64 // nodes per unit
	curveNodes = 2*curveReach*curveSteps + 2
)

func newCurve() *curve {
	c := &curve{}
	for i := range c.sigmoid {
		x := float64(i-curveReach*curveSteps) / curveSteps
		c.sigmoid[i] = sigmoid(x)
		c.softplus[i] = softplus(x)
	}
	return c
}

// node is the number of the node next to x and the way from it to x.
func (c *curve) node(x float64) (int, float64) {
	if x > curveReach {
		x = curveReach
	}
	if x < -curveReach {
		x = -curveReach
	}
	at := int(float64(x*curveSteps) + (curveReach*curveSteps + 0.5))
	return at, x - float64(float64(at-curveReach*curveSteps)*(1.0/curveSteps))
}

func (c *curve) probability(x float64) float64 {
	i, d := c.node(x)
	p := c.sigmoid[i]
	return p + float64(float64(p*(1-p))*d)
}

// logLoss is log(1+exp(x)) - y x.
func (c *curve) logLoss(x, y float64) float64 {
	if x > curveReach || x < -curveReach {
		return softplus(x) - float64(y*x)
	}
	i, d := c.node(x)
	p := c.sigmoid[i]
	series := c.softplus[i] + float64(p*d) + float64(float64(float64(p*(1-p))*0.5)*float64(d*d))
	return series - float64(y*x)
}

// softplus is log(1+exp(x)).
func softplus(x float64) float64 {
	if x > 36 {
		return x // exp(-x) is below half an ulp of x
	}
	if x < -36 {
		return exp(x)
	}
	return logarithm(1 + exp(x))
}

// target is one table's labels with the scores of the trees so far, and what the objective makes of them.
type target struct {
	p        *Params
	outputs  int
	rows     int
	labels   []float64
	weights  []float64 // nil: all 1
	scores   []float64 // [outputs][rows]
	logSum   []float64 // Multiclass: of each row the log of the sum of exp(score), as of the last observe
	ranks    *ranks    // Rank
	curve    *curve
	team     *crew
	explicit bool
	spread   bool      // the weights span decades
	g, h     []float64 // where explicit, of each row for the tree at hand
	took     []bool    // where rows are sampled by gradient, those in the tree at hand
}

func newTarget(p Params, d Data, m *Model, table *curve, team *crew) *target {
	t := &target{
		p: &p, outputs: p.outputs(), rows: d.Rows, labels: d.Labels, weights: d.Weights,
		curve: table, team: team,
	}
	t.scores = make([]float64, t.outputs*t.rows)
	t.parts(func(start, end int) float64 {
		m.rawInto(d, start, end, t.scores, t.rows)
		return 0
	})
	switch p.Objective {
	case Multiclass:
		t.logSum = make([]float64, t.rows)
	case Rank:
		t.ranks = newRanks(p, d)
	}
	return t
}

// readyToTrain makes room for what only training rows need.
func (t *target) readyToTrain() {
	t.spread = t.weightsSpread()
	t.explicit = t.spread || t.p.Objective > Squared || t.p.bySize()
	if t.explicit {
		t.g, t.h = make([]float64, t.rows), make([]float64, t.rows)
	}
	if t.p.bySize() {
		t.took = make([]bool, t.rows)
	}
}

// partSize is how many rows one sum of losses covers: a fixed number, so that its bits do not depend on the crew.
const partSize = 1 << 13

// parts calls do for stretches of rows and returns the sum, in order, of what it returns.
func (t *target) parts(do func(start, end int) float64) float64 {
	sums := make([]float64, (t.rows+partSize-1)/partSize)
	t.team.share(len(sums), func(_, part int) {
		sums[part] = do(part*partSize, min((part+1)*partSize, t.rows))
	})
	total := 0.0
	for _, s := range sums {
		total += s
	}
	return total
}

// weight is the sum of the weights.
func (t *target) weight() float64 {
	if t.weights == nil {
		return float64(t.rows)
	}
	return t.parts(func(start, end int) float64 {
		sum := 0.0
		for _, w := range t.weights[start:end] {
			sum += w
		}
		return sum
	})
}

// loss is the weighted mean of the objective's loss.
func (t *target) loss() float64 {
	if t.p.Objective == Rank {
		return t.rankLoss()
	}
	return t.parts(func(start, end int) float64 {
		sum := 0.0
		if t.p.Objective == Binary && t.weights == nil { // the usual case, without a branch per row
			labels := t.labels[start:end]
			for i, x := range t.scores[start:end] {
				sum += t.curve.logLoss(x, labels[i])
			}
			return sum
		}
		for i := start; i < end; i++ {
			sum += float64(t.rowLoss(i) * t.weightOf(i))
		}
		return sum
	}) / t.weight()
}

func (t *target) weightOf(i int) float64 {
	if t.weights == nil {
		return 1
	}
	return t.weights[i]
}

func (t *target) rowLoss(i int) float64 {
	switch t.p.Objective {
	case Binary:
		return t.curve.logLoss(t.scores[i], t.labels[i])
	case Multiclass:
		return t.rowLogSum(i) - t.scores[int(t.labels[i])*t.rows+i]
	}
	return t.p.numberLoss(t.scores[i], t.labels[i])
}

func (t *target) rowLogSum(i int) float64 {
	top := t.scores[i]
	for k := 1; k < t.outputs; k++ {
		if s := t.scores[k*t.rows+i]; s > top {
			top = s
		}
	}
	sum := 0.0
	for k := range t.outputs {
		sum += exp(t.scores[k*t.rows+i] - top)
	}
	return top + logarithm(sum)
}

// observe prepares a round: all its trees see the scores as they are now.
func (t *target) observe() {
	if t.p.Objective == Multiclass {
		t.parts(func(start, end int) float64 {
			for i := start; i < end; i++ {
				t.logSum[i] = t.rowLogSum(i)
			}
			return 0
		})
	}
}

// baseScores are the scores before the first tree. For classes they are the log-odds or log shares; a class without
// weight counts as half of an average row. Ranks have none.
func baseScores(p Params, d Data) []float64 {
	switch {
	case p.Objective == Rank:
		return []float64{0}
	case !p.Objective.classifies():
		return []float64{p.numberBase(d)}
	}
	sums := make([]float64, max(p.outputs(), 2)) // of weights by class
	for i, y := range d.Labels {
		sums[int(y)] += d.weight(i)
	}
	if p.Objective == Binary {
		return []float64{logarithm(min(max(sums[1]/sums[0], 1e-300), 1e300))}
	}
	total := 0.0
	for _, s := range sums {
		total += s
	}
	for k, s := range sums {
		if s == 0 {
			s = total / float64(2*d.Rows)
		}
		sums[k] = logarithm(max(s/total, 1e-300))
	}
	return sums
}
