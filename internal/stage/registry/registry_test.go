package registry

import (
	"crypto/sha256"
	"reflect"
	"testing"
	"time"

	"rondo.dev/rondo/internal/rondo"
)

func digest(name string) rondo.Digest { return rondo.DigestOf(sha256.Sum256([]byte(name))) }

var day = time.Date(2001, 3, 1, 0, 0, 0, 0, time.UTC)

func parts() Parts {
	at := .2
	return Parts{
		Spec: digest("spec"), Revision: 3, Cycle: "cyc_1", Threshold: &at, Loss: .4,
		Dataset: &rondo.Dataset{ID: "ds_1", Model: "m", Digest: digest("dataset"), Transform: digest("transform"),
			Parts: []rondo.Part{{Name: rondo.TrainPart, Rows: 10, From: day, To: day.AddDate(0, 0, 9)}}},
		Run:        &rondo.Run{ID: "run_1", Dataset: "ds_1", Artefact: digest("artefact")},
		Evaluation: &rondo.Evaluation{ID: "ev_1", Run: "run_1", Digest: digest("evaluation")},
	}
}

func refit() Parts {
	p := parts()
	p.RefitOf = &rondo.Version{ID: "m/1", Model: "m", Evaluation: "ev_1", Digest: digest("proved")}
	p.Evaluation.Run = "run_0"
	return p
}

func bound(t *testing.T, p Parts) *rondo.Version {
	t.Helper()
	v, err := Bind(p)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestVersionIsBoundToItsParts(t *testing.T) {
	p := parts()
	v := bound(t, p)
	want := rondo.Version{Model: "m", State: rondo.Candidate, Digest: v.Digest, Cycle: "cyc_1", Spec: p.Spec, Revision: 3, Dataset: "ds_1",
		Run: "run_1", Evaluation: "ev_1", Artefact: p.Run.Artefact, Transform: p.Dataset.Transform, Threshold: p.Threshold, Loss: .4,
		Rows: 10, Trained: [2]time.Time{day, day.AddDate(0, 0, 9)}}
	if !reflect.DeepEqual(*v, want) || !v.Digest.Valid() {
		t.Errorf("%+v", v)
	}
	if v = bound(t, refit()); v.RefitOf != "m/1" {
		t.Errorf("%+v", v)
	}
}

func TestDigestChangesWithEveryPart(t *testing.T) {
	seen := map[rondo.Digest]string{bound(t, parts()).Digest: "the version itself", bound(t, refit()).Digest: "its refit"}
	other := .25
	for name, change := range map[string]func(*Parts){
		"declaration": func(p *Parts) { p.Spec = digest("other") },
		"dataset":     func(p *Parts) { p.Dataset.Digest = digest("other") },
		"transform":   func(p *Parts) { p.Dataset.Transform = digest("other") },
		"artefact":    func(p *Parts) { p.Run.Artefact = digest("other") },
		"evaluation":  func(p *Parts) { p.Evaluation.Digest = digest("other") },
		"threshold":   func(p *Parts) { p.Threshold = &other },
		"none":        func(p *Parts) { p.Threshold = nil },
		"swapped":     func(p *Parts) { p.Run.Artefact, p.Dataset.Transform = p.Dataset.Transform, p.Run.Artefact },
	} {
		for kind, make := range map[string]func() Parts{"": parts, " of a refit": refit} {
			p := make()
			change(&p)
			d := bound(t, p).Digest
			if was, again := seen[d]; again {
				t.Errorf("%s%s: the digest of %s", name, kind, was)
			}
			seen[d] = name + kind
		}
	}
	p := refit()
	p.RefitOf.Digest = digest("other")
	if was, again := seen[bound(t, p).Digest]; again {
		t.Errorf("another proved version: the digest of %s", was)
	}
}

// Ids, instants, prices and hosts are no part of it (D10).
func TestDigestChangesWithNothingElse(t *testing.T) {
	want := bound(t, refit()).Digest
	p := refit()
	p.Cycle, p.Revision, p.Loss = "cyc_9", 9, .9
	p.Dataset.ID, p.Run.Dataset, p.Run.ID, p.Run.Attempt, p.Run.CPU = "ds_9", "ds_9", "run_9", 9, time.Hour
	p.Evaluation.ID, p.RefitOf.Evaluation, p.RefitOf.ID, p.Evaluation.Use = "ev_9", "ev_9", "m/9", 9
	p.Dataset.AsOf, p.Dataset.Profile, p.Dataset.Parts[0].Rows = day, digest("profile"), 99
	if got := bound(t, p).Digest; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestPartsThatDoNotBelongTogetherAreRefused(t *testing.T) {
	for name, change := range map[string]func(*Parts){
		"no dataset":            func(p *Parts) { p.Dataset = nil },
		"no run":                func(p *Parts) { p.Run = nil },
		"no evaluation":         func(p *Parts) { p.Evaluation = nil },
		"other dataset":         func(p *Parts) { p.Run.Dataset = "ds_2" },
		"other run":             func(p *Parts) { p.Evaluation.Run = "run_2" },
		"no spec":               func(p *Parts) { p.Spec = "" },
		"path as artefact":      func(p *Parts) { p.Run.Artefact = "../../etc/passwd" },
		"upper-case transform":  func(p *Parts) { p.Dataset.Transform = "ABCDEF" },
		"no dataset digest":     func(p *Parts) { p.Dataset.Digest = "" },
		"unfinished evaluation": func(p *Parts) { p.Evaluation.Digest = "" },
		"not the proof":         func(p *Parts) { *p = refit(); p.Evaluation.ID = "ev_2" },
		"of another model":      func(p *Parts) { *p = refit(); p.RefitOf.Model = "n" },
		"unbound proof":         func(p *Parts) { *p = refit(); p.RefitOf.Digest = "" },
	} {
		p := parts()
		change(&p)
		if v, err := Bind(p); err == nil {
			t.Errorf("%s: %+v", name, v)
		}
	}
}
