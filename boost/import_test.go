package boost

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// oracle is what a peer says of its own model; testdata/oracle/imports.py made it.
type oracle struct {
	Rows          [][]value
	Predictions   [][]float64
	Contributions [][]float64
}

// value is a number in JSON: null is missing, infinities are texts.
type value float32

func (v *value) UnmarshalJSON(b []byte) error {
	text := strings.Trim(string(b), `"`)
	if text == "null" {
		text = "nan"
	}
	x, err := strconv.ParseFloat(text, 32)
	*v = value(x)
	return err
}

const importsDir = "testdata/oracle/imports"

func readOracle(t testing.TB, name string) (o oracle, rows [][]float32) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(importsDir, name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &o); err != nil {
		t.Fatal(err)
	}
	for _, r := range o.Rows {
		row := make([]float32, len(r))
		for i, x := range r {
			row[i] = float32(x)
		}
		rows = append(rows, row)
	}
	return o, rows
}

// importFile imports by the file's name.
func importFile(path string, b []byte) (*Model, error) {
	if strings.HasSuffix(path, ".lightgbm.txt") {
		return ImportLightGBM(b)
	}
	return ImportXGBoost(b)
}

func importedFiles(t testing.TB) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for _, pattern := range []string{"*.xgboost.json", "*.xgboost.ubj", "*.lightgbm.txt"} {
		paths, err := filepath.Glob(filepath.Join(importsDir, pattern))
		if err != nil || len(paths) == 0 {
			t.Fatal(pattern, err)
		}
		for _, path := range paths {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			files[path] = b
		}
	}
	return files
}

// refused are the models that have no equal here, and the word that says why.
var refused = map[string]string{
	"x-dart": "booster dart", "x-linear": "booster gblinear", "l-linear": "linear trees", "l-forest": "a random forest",
	"l-fair": `objective "fair"`, "l-steep": "sigmoid:2", "l-zero-missing": "takes 0 for missing",
}

func near(got, want float64) bool { return math.Abs(got-want) <= 1e-6*max(1, math.Abs(want)) }

func TestImportedModelsAnswerAsTheirAuthors(t *testing.T) {
	for path, b := range importedFiles(t) {
		name, kind, _ := strings.Cut(filepath.Base(path), ".")
		m, err := importFile(path, b)
		if why, is := refused[name]; is {
			if !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), why) {
				t.Errorf("%s %s: %v, want %q", name, kind, err, why)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s %s: %v", name, kind, err)
			continue
		}
		want, rows := readOracle(t, name)
		out := make([]float64, m.Outputs())
		worst := 0.0
		for r, row := range rows {
			m.Predict(row, out)
			for k, p := range out {
				worst = max(worst, math.Abs(p-want.Predictions[r][k]))
				if !near(p, want.Predictions[r][k]) {
					t.Errorf("%s %s: row %d %v predicts %v, want %v", name, kind, r, row, out, want.Predictions[r])
					break
				}
			}
		}
		back, err := Load(modelBytes(t, m))
		if err != nil {
			t.Fatalf("%s: saved and loaded: %v", name, err)
		}
		for r, row := range rows {
			back.Predict(row, out)
			if !near(out[0], want.Predictions[r][0]) {
				t.Errorf("%s: row %d after saving and loading", name, r)
			}
		}
		t.Logf("%-16s %-13s %v, %d nodes, largest difference %.2g", name, kind, m.Objective(), len(m.nodes), worst)
	}
}

func TestContributionsAreThoseOfTheAuthors(t *testing.T) {
	seen := 0
	for path, b := range importedFiles(t) {
		name, _, _ := strings.Cut(filepath.Base(path), ".")
		if refused[name] != "" {
			continue
		}
		want, rows := readOracle(t, name)
		if want.Contributions == nil {
			continue
		}
		seen++
		m, err := importFile(path, b)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]float64, m.Outputs()*(len(m.features)+1))
		for r, row := range rows {
			if err := m.Contributions(row, got); err != nil {
				t.Fatal(err)
			}
			for i := range got {
				if !(math.Abs(got[i]-want.Contributions[r][i]) <= 5e-6) { // XGBoost's are float32
					t.Fatalf("%s: row %d: contributions %v, want %v", path, r, got, want.Contributions[r])
				}
			}
		}
	}
	if seen < 7 {
		t.Errorf("%d files had contributions", seen)
	}
}

func TestImportKeepsNamesObjectivesAndParameters(t *testing.T) {
	files := importedFiles(t)
	for file, want := range map[string]struct {
		objective Objective
		parameter float64
		first     string
	}{
		"x-binary.xgboost.json":   {Binary, 0, "alpha"},
		"x-binary.xgboost.ubj":    {Binary, 0, "alpha"},
		"x-huber.xgboost.ubj":     {Huber, 1.5, "f0"},
		"x-quantile.xgboost.json": {Quantile, 0.8, "f0"},
		"x-rank.xgboost.json":     {Rank, 0, "f0"},
		"l-huber.lightgbm.txt":    {Huber, 1.5, "Column_0"},
		"l-tweedie.lightgbm.txt":  {Tweedie, 1.3, "Column_0"},
		"l-absolute.lightgbm.txt": {Quantile, 0.5, "Column_0"},
	} {
		m, err := importFile(file, files[filepath.Join(importsDir, file)])
		if err != nil {
			t.Fatal(err)
		}
		if m.Objective() != want.objective || m.Parameter() != want.parameter || m.Features()[0] != want.first {
			t.Errorf("%s: %v with %v, first feature %q", file, m.Objective(), m.Parameter(), m.Features()[0])
		}
		if strings.HasPrefix(file, "x-binary") && m.Features()[1] != "beta \"quoted\" \\ é" {
			t.Errorf("%s: second feature is %q", file, m.Features()[1])
		}
		cover, err := m.ImportanceByCover()
		if err != nil || slices.Max(cover) <= 0 || slices.Max(m.Importance()) <= 0 {
			t.Errorf("%s: importance %v and %v, %v", file, m.Importance(), cover, err)
		}
	}
}

// A cut is a float64 and zero may be missing: what LightGBM's NumericalDecision says must hold for every float32, or the cut
// is refused.
func TestCutsDecideAsInLightGBM(t *testing.T) {
	const zero = float64(float32(1e-35))
	inf := math.Inf(1)
	cuts := []float64{0, math.Copysign(0, -1), zero, -zero, 1e-36, -1e-36, 0.1, 0.5, -0.1, 1e300, -1e300, inf, math.MaxFloat32, 1e-300, -1e-300, 1e-35, -1e-35}
	refusals := 0
	for _, at := range cuts {
		values := []float64{math.NaN(), inf, -inf, 1, -1}
		for _, c := range append(slices.Clone(cuts), at) {
			x := float32(c)
			values = append(values, float64(x), float64(math.Nextafter32(x, -1)), float64(math.Nextafter32(x, 1)))
		}
		for kind := 0; kind < 12; kind += 2 {
			l := &lightgbmReader{}
			cut, missingLeft := l.cut(at, kind)
			if l.err != nil {
				refusals++
				if kind&lightgbmZero == 0 || !errors.Is(l.err, ErrUnsupported) {
					t.Errorf("cut %v of kind %d: %v", at, kind, l.err)
				}
				continue
			}
			m := &Model{features: []string{"x"}, base: []float64{0}, gain: []float64{0}, roots: []uint32{0}, objective: Squared}
			m.appendSplit(0, missingLeft, cut, 1)
			m.appendLeaf(1)
			m.appendLeaf(0)
			for _, x := range values {
				v, left := x, false
				if math.IsNaN(v) && kind&lightgbmNaN == 0 {
					v = 0
				}
				if kind&lightgbmZero != 0 && math.Abs(v) <= zero || kind&lightgbmNaN != 0 && math.IsNaN(v) {
					left = kind&lightgbmLeft != 0
				} else {
					left = v <= at
				}
				out := []float64{0}
				m.Raw([]float32{float32(x)}, out)
				if (out[0] == 1) != left {
					t.Errorf("cut %v of kind %d: %v goes left: %v, want %v", at, kind, x, out[0] == 1, left)
				}
			}
		}
	}
	if refusals == 0 || refusals > 2*len(cuts) {
		t.Errorf("%d refusals", refusals)
	}
}

func TestImportRefusesDamageAndNamesTheOffset(t *testing.T) {
	files := importedFiles(t)
	file := func(name string) string { return string(files[filepath.Join(importsDir, name)]) }
	x, c, l := file("x-binary.xgboost.json"), file("x-categories.xgboost.json"), file("l-categories.lightgbm.txt")
	change := func(s, old, new string) string {
		if !strings.Contains(s, old) {
			t.Fatalf("no %q to change", old)
		}
		return strings.Replace(s, old, new, 1)
	}
	for what, damage := range map[string]struct{ name, text, want string }{
		"nesting":         {"json", strings.Repeat("[", 1000), "offset 32: nested deeper than 32"},
		"binary nesting":  {"ubj", "{i\x01a" + strings.Repeat("[", 1000), "nested deeper than 32"},
		"no document":     {"json", "", "offset 0: the document is cut short"},
		"tail":            {"json", x + "x", "1 bytes after the document"},
		"no learner":      {"json", "{}", `offset 0: "learner" is missing`},
		"learner":         {"json", `{"learner":7}`, `offset 11: "learner" is a number, an object wanted`},
		"mixed":           {"json", `{"learner":[1,"a"]}`, "offset 14: numbers and others in one array"},
		"huge count":      {"ubj", "{i\x01a[$d#L\x00\xff\xff\xff\xff\xff\xff\xff", "do not fit into the remaining 0 bytes"},
		"typed nothing":   {"ubj", "{i\x01a[$T#L\x00\xff\xff\xff\xff\xff\xff\xff", "offset 7: an array of type 'T'"},
		"negative count":  {"ubj", "{i\xffa", "offset 2: -1 things"},
		"features":        {"json", change(x, `"num_class":"0","num_feature":"6"`, `"num_class":"0","num_feature":"99999999"`), `"num_feature" is "99999999", must be 1 to 65535`},
		"names":           {"json", change(x, `"alpha",`, ""), "5 names for 6 features"},
		"cycle":           {"json", change(x, `"left_children":[1,`, `"left_children":[0,`), "node 0 has child 0"},
		"no child":        {"json", change(x, `"left_children":[1,`, `"left_children":[99,`), "node 0 has child 99"},
		"short column":    {"json", change(x, `"left_children":[1,`, `"left_children":[`), "a tree's columns have"},
		"feature":         {"json", change(x, `"split_indices":[`, `"split_indices":[1.5,`), "a tree's columns have"},
		"category":        {"json", change(c, `"categories":[0,`, `"categories":[16777216,`), "category 1.6777216e+07, must be 0"},
		"same categories": {"json", change(c, `"categories_segments":[0,54,`, `"categories_segments":[0,99999,`), "categories from 99999"},
		"output":          {"json", change(x, `"tree_info":[0,`, `"tree_info":[1,`), "is of output 1 of 1"},
		"objective":       {"json", change(x, `"binary:logistic"`, `"survival:cox"`), `objective "survival:cox"`},
		"base":            {"json", change(x, `"base_score":"[4`, `"base_score":"[9999`), "is no probability"},
		"text start":      {"txt", "forest\n", "offset 0: does not begin with tree"},
		"text version":    {"txt", change(l, "version=v4", "version=v9"), "format version"},
		"text leaves":     {"txt", change(l, "num_leaves=12", "num_leaves=2147483647"), "leaf_value has 12 numbers, 2147483647 wanted"},
		"text few":        {"txt", change(l, "leaf_value=", "leaf_value=1 "), "leaf_value has 13 numbers, 12 wanted"},
		"text number":     {"txt", change(l, "threshold=", "threshold=x"), "is no number"},
		"text child":      {"txt", change(l, "left_child=1", "left_child=0"), "node 0 has child 0"},
		"text decision":   {"txt", change(l, "decision_type=10", "decision_type=99"), "decision 99 of split 0"},
		"text set":        {"txt", change(l, "cat_boundaries=0 3", "cat_boundaries=0 99"), "set 0 is numbers 0 to 99 of 8"},
		"text twice":      {"txt", change(l, "num_leaves=12", "num_cat=1"), "stands twice"},
		"text end":        {"txt", l[:len(l)/4], "offset"},
		"text objective":  {"txt", change(l, "objective=regression", "objective=mape"), `objective "mape"`},
	} {
		var err error
		if damage.name == "txt" {
			_, err = ImportLightGBM([]byte(damage.text))
		} else {
			_, err = ImportXGBoost([]byte(damage.text))
		}
		if err == nil || !strings.Contains(err.Error(), damage.want) || !errors.Is(err, ErrFormat) && !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: error %v, want %q", what, err, damage.want)
		}
		if errors.Is(err, ErrFormat) && !strings.Contains(err.Error(), "offset") {
			t.Errorf("%s: no offset in %v", what, err)
		}
	}
}

func TestImportOfAHostileFileTakesBoundedMemory(t *testing.T) {
	for what, text := range map[string]string{
		"arrays":        "[" + strings.Repeat("[],", 100_000) + "[]]",
		"objects":       "[" + strings.Repeat("{},", 100_000) + "{}]",
		"fields":        `{"a":0` + strings.Repeat(`,"":0`, 100_000) + "}",
		"binary arrays": "{i\x01a[" + strings.Repeat("[]", 100_000) + "]}",
		"binary fields": "{i\x01aZ" + strings.Repeat("i\x00Z", 100_000) + "}",
		"bytes":         "{i\x01a[$U#l\x00\x01\x86\xa0" + strings.Repeat("7", 100_000) + "}",
		"lines":         "tree\n" + strings.Repeat("\n", 300_000),
		"trees":         "tree\nversion=v4\nmax_feature_idx=0\nnum_tree_per_iteration=1\nfeature_names=a\nobjective=regression\n\n" + strings.Repeat("Tree=0\nnum_leaves=1\nleaf_value=1\n\n", 10_000) + "end of trees\n",
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, errX := ImportXGBoost([]byte(text))
		_, errL := ImportLightGBM([]byte(text))
		runtime.ReadMemStats(&after)
		if errX == nil || errL == nil != (what == "trees") {
			t.Errorf("%s: %v, %v", what, errX, errL)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 250*uint64(len(text)) { // all that was ever allocated, freed or not
			t.Errorf("%s: %d bytes for %d", what, used, len(text))
		}
	}
}

func fuzzImport(f *testing.F, suffix string, read func([]byte) (*Model, error)) {
	for path, b := range importedFiles(f) {
		if strings.HasSuffix(path, suffix) && strings.Contains(path, "-small.") {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := read(b)
		if err != nil {
			if !errors.Is(err, ErrFormat) && !errors.Is(err, ErrUnsupported) {
				t.Fatal(err)
			}
			return
		}
		if len(m.nodes)+len(m.sets.words) > 4*len(b) {
			t.Fatalf("%d nodes and %d words from %d bytes", len(m.nodes), len(m.sets.words), len(b))
		}
		m.Predict(make([]float32, len(m.features)), make([]float64, m.Outputs()))
		if _, err := Load(modelBytes(t, m)); err != nil {
			t.Fatalf("what was imported does not load: %v", err)
		}
	})
}

func FuzzImportXGBoostJSON(f *testing.F) { fuzzImport(f, ".xgboost.json", ImportXGBoost) }
func FuzzImportXGBoostUBJ(f *testing.F)  { fuzzImport(f, ".xgboost.ubj", ImportXGBoost) }
func FuzzImportLightGBM(f *testing.F)    { fuzzImport(f, ".lightgbm.txt", ImportLightGBM) }
