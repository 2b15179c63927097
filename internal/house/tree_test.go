package house

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const module = "rondo.dev/rondo"

// file is one Go file of the module. Path is relative to the module's root, with slashes.
type file struct {
	Path  string
	Dir   string // its folder: "." for the root
	Test  bool   // a _test.go file, or a package that only tests import
	Lines int
	AST   *ast.File
}

// tree is the source of the module.
type tree struct {
	Root  string
	Fset  *token.FileSet
	Files []*file
}

// module's source is read once for all rules.
var source = sync.OnceValues(load)

func theTree(t *testing.T) *tree {
	t.Helper()
	s, err := source()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// foreign are folders below the root that hold no source of ours.
var foreign = []string{".git", ".venv", "venv", "bin", "node_modules", "testdata", "rondo-demo"}

func load() (*tree, error) {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		return nil, fmt.Errorf("the module's root: %w", err)
	}
	s := &tree{Root: root, Fset: token.NewFileSet()}
	err = filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if slices.Contains(foreign, entry.Name()) && name != root {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		return s.add(name)
	})
	if err == nil && len(s.Files) < 100 {
		err = fmt.Errorf("%d files below %s: the rules would hold of nothing", len(s.Files), root)
	}
	return s, err
}

func (s *tree) add(name string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	rel, err := filepath.Rel(s.Root, name)
	if err != nil {
		return err
	}
	rel = filepath.ToSlash(rel)
	parsed, err := parser.ParseFile(s.Fset, rel, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	dir := path.Dir(rel)
	s.Files = append(s.Files, &file{Path: rel, Dir: dir, AST: parsed, Lines: strings.Count(string(text), "\n"),
		Test: strings.HasSuffix(rel, "_test.go") || forTests(dir)})
	return nil
}

// forTests says whether a folder serves tests and measurements only: examinations of seams, bench and test.
func forTests(dir string) bool {
	return strings.HasSuffix(path.Base(dir), "test") || within(dir, "test") || within(dir, "bench")
}

// within says whether dir is the folder or lies below it.
func within(dir, folder string) bool { return dir == folder || strings.HasPrefix(dir, folder+"/") }

// imported lists what f imports, with the position of each.
func (f *file) imported() map[string]token.Pos {
	all := map[string]token.Pos{}
	for _, spec := range f.AST.Imports {
		if name, err := strconv.Unquote(spec.Path.Value); err == nil {
			all[name] = spec.Pos()
		}
	}
	return all
}

// breaches collects what breaks a rule.
type breaches struct {
	tree *tree
	all  []string
}

func (b *breaches) at(pos token.Pos, format string, args ...any) {
	p := b.tree.Fset.Position(pos)
	b.all = append(b.all, fmt.Sprintf("%s:%d: %s", p.Filename, p.Line, fmt.Sprintf(format, args...)))
}

func (b *breaches) in(where, format string, args ...any) {
	b.all = append(b.all, where+": "+fmt.Sprintf(format, args...))
}

func (b *breaches) report(t *testing.T) {
	t.Helper()
	sort.Strings(b.all)
	for _, breach := range slices.Compact(b.all) {
		t.Error(breach)
	}
}

// excused says whether the table has a reason for this name, and remembers that it was needed.
type excuses struct {
	reasons map[string]string
	used    map[string]bool
}

func excuse(reasons map[string]string) *excuses {
	return &excuses{reasons: reasons, used: map[string]bool{}}
}

func (e *excuses) has(name string) bool {
	if e.reasons[name] == "" {
		return false
	}
	e.used[name] = true
	return true
}

// report fails for an exception that nothing needs.
func (e *excuses) report(t *testing.T) {
	t.Helper()
	for name := range e.reasons {
		if !e.used[name] {
			t.Errorf("%s: an exception that nothing needs any more", name)
		}
	}
}
