package boost

import (
	"bytes"
	"encoding/json"
	"flag"
	"math"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write the ONNX files; then run testdata/oracle/onnx.py on them")

// exported are the imported models that stand in testdata/oracle/onnx as ONNX files, with what ONNX Runtime said of their rows.
var exported = map[string]string{
	"x-binary": "json", "x-squared": "ubj", "x-poisson": "json", "x-rank": "json", "x-multiclass": "json",
	"l-binary": "txt", "l-multiclass": "txt", "l-quantile": "txt", "l-tweedie": "txt", "x-leafwise": "json",
	"x-categories": "json", "l-categories": "txt", "l-onehot": "txt",
}

// An export whose bytes are no longer those that ONNX Runtime was asked about fails: run with -update, then onnx.py.
func TestONNXRuntimeAnswersAsWeDo(t *testing.T) {
	files := importedFiles(t)
	worst, same, all := 0.0, 0, 0
	for name, kind := range exported {
		file := name + ".xgboost." + kind
		if kind == "txt" {
			file = name + ".lightgbm.txt"
		}
		m, err := importFile(file, files[filepath.Join(importsDir, file)])
		if err != nil {
			t.Fatal(err)
		}
		b, err := m.ONNX()
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata/oracle/onnx", name+".onnx")
		if *update {
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if committed, err := os.ReadFile(path); err != nil || !bytes.Equal(b, committed) {
			t.Errorf("%s: the export is not the committed one, %v", name, err)
		}
		answers, err := os.ReadFile(filepath.Join("testdata/oracle/onnx", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var want [][]float64
		if err := json.Unmarshal(answers, &want); err != nil {
			t.Fatal(err)
		}
		_, rows := readOracle(t, name)
		if len(want) != len(rows) {
			t.Fatalf("%s: %d answers for %d rows", name, len(want), len(rows))
		}
		out := make([]float64, m.Outputs())
		for r, row := range rows {
			m.Predict(row, out)
			for k, p := range out {
				worst = max(worst, math.Abs(p-want[r][k])/max(1, math.Abs(p)))
				if all++; float32(p) == float32(want[r][k]) {
					same++
				}
				if !near(p, want[r][k]) {
					t.Fatalf("%s: row %d: ONNX Runtime says %v, we %v", name, r, want[r], out)
				}
			}
		}
	}
	t.Logf("largest difference %.2g; %d of %d answers are the same float32", worst, same, all)
}
