package boost

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
)

// Progress is called once after each round, counted from 1, with the mean losses so far of the objective.
// validationLoss is NaN without validation. With Params.Continue the count goes on after the rounds that are there.
type Progress func(round int, trainLoss, validationLoss float64)

// Train trains a model. validation and progress may be nil. With Params.EarlyStop the model ends with the best round.
func Train(ctx context.Context, p Params, train Data, validation *Data, progress Progress) (*Model, error) {
	if err := checkTrain(p, train, validation); err != nil {
		return nil, err
	}
	s, err := newSession(ctx, p, train, validation)
	if err != nil {
		return nil, fmt.Errorf("boost: binning: %w", err)
	}
	if err := s.run(ctx, progress); err != nil {
		return nil, fmt.Errorf("boost: training: %w", err)
	}
	s.model.complete()
	return s.model, nil
}

// newSession bins the rows: everything before the first round.
func newSession(ctx context.Context, p Params, train Data, validation *Data) (*session, error) {
	workers := p.Threads
	if workers == 0 {
		workers = min(runtime.GOMAXPROCS(0), maxThreads)
	}
	s := &session{p: p, team: &crew{workers: workers}}
	if p.Continue != nil {
		s.model = p.Continue.extended()
	} else {
		s.model = &Model{
			objective: p.Objective,
			parameter: p.parameter(),
			features:  slices.Clone(train.Features),
			base:      baseScores(p, train),
			gain:      make([]float64, len(train.Features)),
		}
	}
	s.covers = len(s.model.roots) == 0 || s.model.cover != nil
	s.before = len(s.model.roots) / len(s.model.base)
	s.gains = slices.Clone(s.model.gain)
	table, err := newTable(ctx, train, p, s.team)
	if err != nil {
		return nil, err
	}
	s.grower = newGrower(p, table, s.team)
	curve := newCurve()
	s.train = newTarget(p, train, s.model, curve, s.team)
	s.train.readyToTrain()
	if validation != nil {
		s.keys = make([]uint32, len(validation.Values))
		for i, x := range validation.Values {
			s.keys[i] = valueKey(x)
		}
		s.validation = newTarget(p, *validation, s.model, curve, s.team)
	}
	return s, nil
}

func checkTrain(p Params, train Data, validation *Data) error {
	if err := p.Validate(); err != nil {
		return fmt.Errorf("boost: parameters: %w", err)
	}
	if err := train.check(p); err != nil {
		return err
	}
	if p.Objective.classifies() {
		if err := train.checkClasses(); err != nil {
			return err
		}
	}
	if err := p.checkFeatures(train); err != nil {
		return err
	}
	if validation == nil {
		if p.EarlyStop > 0 {
			return errors.New("boost: parameters: early stop needs validation rows")
		}
		return nil
	}
	if err := validation.check(p); err != nil {
		return fmt.Errorf("validation: %w", err)
	}
	if !slices.Equal(train.Features, validation.Features) {
		return errors.New("boost: validation has other features than the training rows")
	}
	if !slices.Equal(train.Categories, validation.Categories) {
		return errors.New("boost: validation has other categories than the training rows")
	}
	return nil
}

// session is one training.
type session struct {
	p          Params
	team       *crew
	grower     *grower
	model      *Model
	train      *target
	validation *target   // nil without validation
	keys       []uint32  // of the validation rows' values
	covers     bool      // the model's nodes have their covers: one that is continued may lack them
	before     int       // rounds of the model that is continued
	gains      []float64 // Model.gain after the best round
}

func (s *session) run(ctx context.Context, progress Progress) error {
	best, bestLoss := s.before, math.Inf(1)
	if s.p.EarlyStop > 0 && s.before > 0 {
		bestLoss = s.validation.loss()
	}
	for round := s.before + 1; round <= s.before+s.p.Trees; round++ {
		if err := s.round(ctx, uint64(round)); err != nil {
			return err
		}
		validationLoss := math.NaN()
		if s.validation != nil && (progress != nil || s.p.EarlyStop > 0) {
			validationLoss = s.validation.loss()
		}
		if progress != nil {
			progress(round, s.train.loss(), validationLoss)
		}
		if s.p.EarlyStop == 0 {
			continue
		}
		if validationLoss < bestLoss {
			best, bestLoss = round, validationLoss
			s.gains = append(s.gains[:0], s.model.gain...)
		}
		if round-best >= s.p.EarlyStop {
			break
		}
	}
	if s.p.EarlyStop > 0 && best > 0 {
		s.cutAfter(best)
	}
	return nil
}

// round grows one tree per output.
func (s *session) round(ctx context.Context, round uint64) error {
	s.train.observe()
	rowDraw := stream(s.p.Seed, drawRows, round)
	for k := range s.model.base {
		tree := round*uint64(len(s.model.base)) + uint64(k)
		draws := draws{sampler{rowDraw, s.p.RowSample}, stream(s.p.Seed, drawRounding, tree)}
		g := s.grower
		rows, pack, unit := g.gradients(s.train, k, draws)
		if err := g.grow(ctx, rows, pack, unit, stream(s.p.Seed, drawColumns, tree)); err != nil {
			return err
		}
		scores := s.train.scores[k*s.train.rows : (k+1)*s.train.rows]
		if s.p.Objective == Quantile {
			g.renew(s.train)
		}
		g.addScores(scores)
		switch {
		case s.p.bySize():
			g.addUnsampled(scores, func(row int) bool { return s.train.took[row] })
		case s.p.RowSample < 1:
			g.addUnsampled(scores, func(row int) bool { return draws.rows.has(uint64(row)) })
		}
		root := s.appendTree()
		if v := s.validation; v != nil {
			scores, width := v.scores[k*v.rows:(k+1)*v.rows], len(s.model.features)
			v.parts(func(start, end int) float64 {
				s.model.addTree(root, s.keys[start*width:end*width], width, scores[start:end], 1)
				return 0
			})
		}
	}
	return nil
}

// gradients fills the grower's entries for a tree of output k.
func (g *grower) gradients(t *target, k int, draws draws) (int, packing, quantum) {
	if !t.explicit {
		return t.gradients(k, draws, g.entries, g.scratch)
	}
	if g.curvature == nil && t.explicitPacking().sums == gradientSums {
		g.curvature = make([]uint64, t.rows)
	}
	return t.explicitGradients(k, draws, g.entries, g.curvature)
}

// addScores adds the tree just grown to the scores of its rows; the rows of a leaf stand together.
func (g *grower) addScores(scores []float64) {
	g.team.share(len(g.leaves), func(_, i int) {
		l := &g.leaves[i]
		entries := g.entries[l.start:l.end]
		switch {
		case l.whole:
			g.addWhole(l, entries, scores)
		case !l.retired:
			value := g.tree[l.node].value
			for _, e := range entries {
				scores[rowOf(e)] += value
			}
		}
	})
}

// addWhole does so for a leaf whose rows were not moved when it was split.
func (g *grower) addWhole(l *leaf, entries []uint64, scores []float64) {
	child := g.tree[l.node].child
	values := [2]float64{g.tree[child].value, g.tree[child+1].value}
	if l.best.set != nil {
		for _, e := range entries {
			scores[rowOf(e)] += values[1-g.table.inSet(&l.best, rowOf(e))&1]
		}
		return
	}
	bins := g.table.columns[l.best.column]
	for _, e := range entries {
		row := rowOf(e)
		scores[row] += values[l.best.cutStep(bins[row])&1]
	}
}

// appendTree adds the tree just grown to the model, breadth first, and returns its root.
func (s *session) appendTree() uint32 {
	g, m := s.grower, s.model
	root := uint32(len(m.nodes))
	m.roots = append(m.roots, root)
	queue := append(make([]int, 0, len(g.tree)), 0)
	for i := 0; i < len(queue); i++ {
		n := &g.tree[queue[i]]
		if s.covers {
			m.cover = append(m.cover, n.cover)
		}
		if n.child == 0 {
			m.appendLeaf(n.value)
			continue
		}
		feature := g.table.source[n.split.column]
		m.gain[feature] += n.gain
		s.appendSplit(&n.split, uint32(feature), root+uint32(len(queue)))
		queue = append(queue, n.child, n.child+1)
	}
	return root
}

// appendSplit adds a split with the values, no longer bins, that go left.
func (s *session) appendSplit(c *candidate, feature, child uint32) {
	t := s.grower.table
	if c.set != nil {
		var left []uint32
		for i := range c.set {
			for bin, code := range t.codes[c.column+i] {
				if c.set[i].has(uint8(bin+1)) == 1 {
					left = append(left, code)
				}
			}
		}
		slices.Sort(left)
		s.model.appendCategorySplit(feature, left, child)
		return
	}
	cut := float32(math.Inf(1)) // values against missing
	if cuts := t.cuts[c.column]; int(c.bin) <= len(cuts) {
		cut = cuts[c.bin-1]
	}
	s.model.appendSplit(feature, c.missingRight == 0, cut, child)
}

// cutAfter drops the rounds after the best.
func (s *session) cutAfter(round int) {
	s.model.keepTrees(round * len(s.model.base))
	copy(s.model.gain, s.gains)
}
