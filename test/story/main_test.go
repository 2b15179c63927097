package main

import (
	"io"
	"strings"
	"testing"
)

const good = `{"elapsed_s": 50, "versions": [{"id": "a"}, {"id": "b"}],
	"decisions": [{"outcome": "promoted"}, {"outcome": "refused"}, {"outcome": "promoted"}],
	"last15d": {"rows": 70000, "champion": {"auc": 0.735}, "first": {"auc": 0.717}},
	"money": {"decisions": 100, "neverRetrained": 101}}`

func TestEachBrokenPromiseIsFound(t *testing.T) {
	if kept, err := check(strings.NewReader(good), io.Discard); !kept || err != nil {
		t.Fatal(kept, err)
	}
	for name, change := range map[string][2]string{
		"one promotion":      {`{"outcome": "refused"}, {"outcome": "promoted"}`, `{"outcome": "refused"}`},
		"one version":        {`{"id": "a"}, {"id": "b"}`, `{"id": "a"}`},
		"no refusal":         {`{"outcome": "refused"}`, `{"outcome": "waiting"}`},
		"a low AUC":          {`{"auc": 0.735}, "first": {"auc": 0.717}`, `{"auc": 0.719}, "first": {"auc": 0.700}`},
		"no gain":            {`{"auc": 0.717}`, `{"auc": 0.7301}`},
		"dearer than before": {`"neverRetrained": 101`, `"neverRetrained": 99`},
		"too slow":           {`"elapsed_s": 50`, `"elapsed_s": 181`},
	} {
		broken := strings.Replace(good, change[0], change[1], 1)
		if broken == good {
			t.Fatalf("%s changes nothing", name)
		}
		if kept, err := check(strings.NewReader(broken), io.Discard); kept || err != nil {
			t.Errorf("%s: kept %v, %v", name, kept, err)
		}
	}
}

func TestAMissingNumberIsAnErrorNotAZero(t *testing.T) {
	for _, gone := range []string{`{"auc": 0.735}`, `"decisions": 100, `, `"rows": 70000, `} {
		repl := ""
		if strings.HasPrefix(gone, "{") {
			repl = "{}"
		}
		if _, err := check(strings.NewReader(strings.Replace(good, gone, repl, 1)), io.Discard); err == nil {
			t.Errorf("without %s: no error", gone)
		}
	}
	if _, err := check(strings.NewReader("{"), io.Discard); err == nil {
		t.Error("half a document is no error")
	}
}
