package house

import (
	"path"
	"strings"
	"testing"
)

// floors is the house from the roof down: a package may import packages of lower floors only. A folder belongs to the
// longest prefix that is listed; a folder that no prefix names has no place in the house.
var floors = []struct {
	folder string
	floor  int
}{
	{"bench", 13}, {"test", 13}, {"internal/house", 13},
	{"cmd/rondo", 12},
	{"internal/door/cli", 11},
	{"internal/demo", 10}, // a story told through app and its doors
	{"internal/app", 9},
	{"internal/door", 8},
	{"internal/control", 7},
	{"internal/loop", 6},
	{"internal/stage", 5},
	{"internal/transform", 4}, {"internal/history", 4}, {"internal/predlog", 4}, {"internal/profile", 4}, {"internal/matrix", 4},
	{"internal/modelfile", 4},
	{"internal/seam", 3},
	{"internal/rondo", 2},
	{"boost", 1}, {"stat", 1}, {"metric", 1},
	{"internal/lib", 1}, {"examples", 1}, // data, and the bytes of it
}

func floorOf(dir string) (floor int, folder string) {
	for _, f := range floors {
		if within(dir, f.folder) && len(f.folder) > len(folder) {
			floor, folder = f.floor, f.folder
		}
	}
	return floor, folder
}

func TestArrowsGoDownOnly(t *testing.T) {
	s := theTree(t)
	b := breaches{tree: s}
	for _, f := range s.Files {
		floor, _ := floorOf(f.Dir)
		if floor == 0 {
			b.in(f.Path, "the folder %s has no floor; add it to the table, or find its place", f.Dir)
			continue
		}
		for name, pos := range f.imported() {
			to, ours := strings.CutPrefix(name, module+"/")
			if !ours || to == f.Dir { // an external test imports its own package
				continue
			}
			below, _ := floorOf(to)
			switch {
			case f.Test && !forTests(f.Dir): // tests build a world around their package; the rules below still hold
			case below < floor:
			case within(f.Dir, to): // a child may import its parent
			case within(f.Dir, "internal/lib") && within(to, "internal/lib"): // parts that know nothing of Rondo may know each other
			case child(f.Dir) && child(to) && path.Dir(f.Dir) == path.Dir(to): // what two keepers of one promise share
			default:
				b.at(pos, "%s (floor %d) imports %s (floor %d)", f.Dir, floor, to, below)
			}
		}
	}
	b.report(t)
}

func TestStagesDoNotImportEachOther(t *testing.T) {
	s := theTree(t)
	b := breaches{tree: s}
	for _, f := range s.Files {
		mine := below(f.Dir, "internal/stage")
		for name, pos := range f.imported() {
			to := strings.TrimPrefix(name, module+"/")
			if theirs := below(to, "internal/stage"); mine != "" && theirs != "" && theirs != mine && !f.Test {
				b.at(pos, "stage %s imports stage %s", mine, theirs)
			}
		}
	}
	b.report(t)
}

// below is the first folder of dir below folder: internal/stage/train/boosted is train of internal/stage.
func below(dir, folder string) string {
	rest, ok := strings.CutPrefix(dir, folder+"/")
	if !ok {
		return ""
	}
	first, _, _ := strings.Cut(rest, "/")
	return first
}

// child says whether a folder keeps a seam's promise, rather than making it or examining it.
func child(dir string) bool {
	rest, ok := strings.CutPrefix(dir, "internal/seam/")
	return ok && strings.Contains(rest, "/") && !strings.HasSuffix(path.Base(dir), "test")
}

func TestOnlyTheAssemblyImportsASeamsChild(t *testing.T) {
	s := theTree(t)
	b := breaches{tree: s}
	for _, f := range s.Files {
		if f.Test || within(f.Dir, "internal/app") || within(f.Dir, "cmd/rondo") {
			continue
		}
		for name, pos := range f.imported() {
			to := strings.TrimPrefix(name, module+"/")
			same := path.Dir(to) == path.Dir(f.Dir) && child(f.Dir) // sqlite and sqlstore live side by side
			if child(to) && !same {
				b.at(pos, "%s imports %s, a seam's child: only app, cmd/rondo, bench and tests do", f.Dir, to)
			}
		}
	}
	b.report(t)
}

func TestExaminationsAreImportedByTestsOnly(t *testing.T) {
	s := theTree(t)
	b := breaches{tree: s}
	for _, f := range s.Files {
		for name, pos := range f.imported() {
			to, ours := strings.CutPrefix(name, module+"/")
			if ours && strings.HasSuffix(path.Base(to), "test") && !f.Test {
				b.at(pos, "%s imports %s, which serves tests", f.Dir, to)
			}
		}
	}
	b.report(t)
}

func TestPublicPackagesImportOnlyTheStandardLibrary(t *testing.T) {
	s := theTree(t)
	b := breaches{tree: s}
	for _, f := range s.Files {
		if f.Test || !within(f.Dir, "boost") && !within(f.Dir, "stat") && !within(f.Dir, "metric") {
			continue
		}
		for name, pos := range f.imported() {
			if !standard(name) {
				b.at(pos, "%s imports %s", f.Dir, name)
			}
		}
	}
	b.report(t)
}

func standard(name string) bool {
	first, _, _ := strings.Cut(name, "/")
	return !strings.Contains(first, ".")
}

func TestLibKnowsNothingOfRondo(t *testing.T) {
	s := theTree(t)
	b := breaches{tree: s}
	for _, f := range s.Files {
		for name, pos := range f.imported() {
			to, ours := strings.CutPrefix(name, module+"/")
			if within(f.Dir, "internal/lib") && ours && !within(to, "internal/lib") {
				b.at(pos, "%s imports %s", f.Dir, to)
			}
		}
	}
	b.report(t)
}

// The words have no I/O and no interfaces: what they may import is a list.
func TestTheWordsDoNoInputOrOutput(t *testing.T) {
	allowed := map[string]bool{"bytes": true, "cmp": true, "crypto/sha256": true, "encoding": true, "encoding/base32": true,
		"encoding/hex": true, "encoding/json": true, "errors": true, "fmt": true, "maps": true, "math": true, "math/big": true,
		"math/bits": true, "slices": true, "sort": true, "strconv": true, "strings": true, "time": true, "unicode/utf8": true}
	s := theTree(t)
	b := breaches{tree: s}
	for _, f := range s.Files {
		if f.Test || f.Dir != "internal/rondo" {
			continue
		}
		for name, pos := range f.imported() {
			if !allowed[name] {
				b.at(pos, "internal/rondo imports %s", name)
			}
		}
	}
	b.report(t)
}

// A door translates. The request path is the one part of the lifecycle that the doors of predictions touch themselves.
func TestDoorsOnlyTranslate(t *testing.T) {
	s := theTree(t)
	b := breaches{tree: s}
	for _, f := range s.Files {
		door := below(f.Dir, "internal/door")
		if door == "" || f.Test {
			continue
		}
		for name, pos := range f.imported() {
			to, ours := strings.CutPrefix(name, module+"/")
			asks := door == "api" || door == "inference" || door == "openai"
			switch {
			case !ours:
			case to == "internal/stage/serve" && asks:
			case within(to, "internal/stage"), within(to, "internal/loop"), within(to, "internal/history"), within(to, "internal/transform"),
				within(to, "boost"), within(to, "stat"), within(to, "metric"):
				b.at(pos, "the door %s imports %s", door, to)
			}
		}
	}
	b.report(t)
}

// The loop and the request path meet in the route table and in the log of predictions, and nowhere else.
func TestLoopAndServeDoNotCallEachOther(t *testing.T) {
	s := theTree(t)
	b := breaches{tree: s}
	for _, f := range s.Files {
		for name, pos := range f.imported() {
			to := strings.TrimPrefix(name, module+"/")
			if !f.Test && (f.Dir == "internal/loop" && within(to, "internal/stage/serve") ||
				within(f.Dir, "internal/stage/serve") && to == "internal/loop") {
				b.at(pos, "%s imports %s", f.Dir, to)
			}
		}
	}
	b.report(t)
}

// C is linked in two places; everything else builds with CGO_ENABLED=0. A test that asks a C library for its opinion
// carries the build tag cgo.
func TestCLivesBehindTwoSeams(t *testing.T) {
	homes := map[string][]string{
		"internal/seam/engine/duckdb":  {"github.com/duckdb/"},
		"internal/seam/store/sqlite":   {"github.com/mattn/go-sqlite3"},
		"internal/seam/store/sqlstore": {"github.com/mattn/go-sqlite3"}, // its tests only, to run the statements
		"test/crash":                   {"github.com/mattn/go-sqlite3"}, // looks into what a killed program left
	}
	s := theTree(t)
	b := breaches{tree: s}
	for _, f := range s.Files {
		for name, pos := range f.imported() {
			linked := name == "C" || strings.HasPrefix(name, "github.com/duckdb/") || strings.HasPrefix(name, "github.com/mattn/go-sqlite3")
			if !linked || tagged(f, "cgo") && f.Test {
				continue
			}
			at := false
			for _, prefix := range homes[f.Dir] {
				at = at || strings.HasPrefix(name, prefix)
			}
			if !at || f.Dir == "internal/seam/store/sqlstore" && !f.Test {
				b.at(pos, "%s links C through %s", f.Dir, name)
			}
		}
	}
	b.report(t)
}

// tagged says whether a file's build constraint is exactly the tag.
func tagged(f *file, tag string) bool {
	for _, group := range f.AST.Comments {
		if group.Pos() > f.AST.Package {
			return false
		}
		for _, comment := range group.List {
			if comment.Text == "//go:build "+tag {
				return true
			}
		}
	}
	return false
}
