package boost

import (
	"bytes"
	"strings"
	"testing"
)

func TestAContinuedTrainingIsTheUninterruptedOne(t *testing.T) {
	names, params, tables := allVariants(3001)
	for i, p := range params {
		p.Trees = 5
		whole := mustTrain(t, p, tables[i], nil, nil)
		p.Trees = 2
		first := mustTrain(t, p, tables[i], nil, nil)
		before := modelBytes(t, first)
		loaded, err := Load(before)
		if err != nil {
			t.Fatal(err)
		}
		p.Trees, p.Continue = 3, loaded
		rounds := 0
		second := mustTrain(t, p, tables[i], nil, func(round int, _, _ float64) { rounds = round })
		if !bytes.Equal(modelBytes(t, second), modelBytes(t, whole)) {
			t.Errorf("%s: 2 and 3 rounds are not 5", names[i])
		}
		if rounds != 5 {
			t.Errorf("%s: the last round is called %d", names[i], rounds)
		}
		if !bytes.Equal(modelBytes(t, loaded), before) {
			t.Errorf("%s: the model that was continued has changed", names[i])
		}
	}
}

func TestTwoContinuationsDoNotMeet(t *testing.T) {
	d := categorical(Squared, 3000, 20, 1)
	p := DefaultParams(Squared)
	p.Trees = 3
	p.Continue = mustTrain(t, p, d, nil, nil)
	a := mustTrain(t, p, d, nil, nil)
	want := modelBytes(t, a)
	p.Seed, p.RowSample = 5, 0.5
	mustTrain(t, p, d, nil, nil)
	if !bytes.Equal(modelBytes(t, a), want) {
		t.Error("a second continuation wrote into the first")
	}
}

func TestContinuingNeverEndsWorseOnValidation(t *testing.T) {
	d, v := world{rows: 1500, columns: 6, seed: 1}.table(Binary, 2), world{rows: 1500, columns: 6, seed: 2}.table(Binary, 2)
	p := DefaultParams(Binary)
	p.Trees, p.EarlyStop, p.Rate = 200, 10, 0.3
	best := mustTrain(t, p, d, &v, nil)
	p.Continue = best
	again := mustTrain(t, p, d, &v, nil)
	if a, b := lossOf(again, v), lossOf(best, v); a > b {
		t.Errorf("validation loss %v after, %v before", a, b)
	}
	// On labels that are the opposite nothing helps at once: what was there stays, whole.
	for i := range v.Labels {
		v.Labels[i] = 1 - v.Labels[i]
	}
	p.EarlyStop = 3
	if !bytes.Equal(modelBytes(t, mustTrain(t, p, d, &v, nil)), modelBytes(t, best)) {
		t.Error("the model that could not be improved has changed")
	}
}

func TestContinuingNeedsAModelOfTheSameKind(t *testing.T) {
	d := world{rows: 500, columns: 3, seed: 1}.table(Binary, 2)
	p := DefaultParams(Binary)
	p.Trees = 1
	m := mustTrain(t, p, d, nil, nil)
	for want, change := range map[string]func(p *Params, d *Data){
		"is for binary 0, not squared 0": func(p *Params, d *Data) { p.Objective = Squared },
		"other features":                 func(p *Params, d *Data) { d.Features = []string{"a", "b", "c"} },
		"are more than 1048576":          func(p *Params, d *Data) { p.Trees = maxTrees },
	} {
		p, d := p, d
		p.Continue = m
		change(&p, &d)
		if _, err := Train(t.Context(), p, d, nil, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
