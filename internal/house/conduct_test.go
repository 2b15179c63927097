package house

import (
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// clocks are the functions of package time that read the wall or wait on it. Timers and tickers that pace a device are
// allowed: they wait, and decide nothing.
var clocks = map[string]bool{"Now": true, "Since": true, "Until": true, "Sleep": true, "After": true, "AfterFunc": true, "Tick": true}

func TestTheWallIsReadInClockOnly(t *testing.T) {
	s := theTree(t)
	b := breaches{tree: s}
	for _, f := range s.Files {
		if f.Test || f.Dir == "internal/lib/clock" {
			continue
		}
		each(f, "time", func(use *ast.SelectorExpr) {
			if clocks[use.Sel.Name] {
				b.at(use.Pos(), "time.%s; instants come from internal/lib/clock", use.Sel.Name)
			}
		})
	}
	b.report(t)
}

// What lies under test waits for processes of its own making, and asks them again and again; it alone may sleep meanwhile.
func TestTestsDoNotSleep(t *testing.T) {
	known := excuse(map[string]string{
		"bench/http/ask.go":   "a client that asks a thousand times a second waits between questions",
		"bench/start/main.go": "a server has nothing to do for two seconds before its memory is read",
	})
	s := theTree(t)
	b := breaches{tree: s}
	for _, f := range s.Files {
		each(f, "time", func(use *ast.SelectorExpr) {
			if f.Test && !within(f.Dir, "test") && use.Sel.Name == "Sleep" && !known.has(f.Path) {
				b.at(use.Pos(), "time.Sleep in a test")
			}
		})
	}
	b.report(t)
	known.report(t)
}

// each calls do with every use of the package that f imports as path.
func each(f *file, path string, do func(*ast.SelectorExpr)) {
	name := ""
	for _, spec := range f.AST.Imports {
		if got, err := strconv.Unquote(spec.Path.Value); err == nil && got == path {
			name = path[strings.LastIndex(path, "/")+1:]
			if spec.Name != nil {
				name = spec.Name.Name
			}
		}
	}
	if name == "" {
		return
	}
	ast.Inspect(f.AST, func(n ast.Node) bool {
		use, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := use.X.(*ast.Ident); ok && x.Name == name {
			do(use)
		}
		return true
	})
}

func TestChanceComesFromSeedOnly(t *testing.T) {
	s := theTree(t)
	b := breaches{tree: s}
	for _, f := range s.Files {
		for name, pos := range f.imported() {
			if !f.Test && f.Dir != "internal/lib/seed" && (name == "math/rand" || name == "math/rand/v2") {
				b.at(pos, "%s; chance comes from internal/lib/seed, by name", name)
			}
		}
	}
	b.report(t)
}

var promise = regexp.MustCompile(`\b(TODO|FIXME|HACK)\b(\s*\(#\d+\))?`)

func TestAPromiseCarriesAnIssue(t *testing.T) {
	s := theTree(t)
	b := breaches{tree: s}
	for _, f := range s.Files {
		if f.Dir == "internal/house" {
			continue
		}
		for _, group := range f.AST.Comments {
			for _, comment := range group.List {
				for _, found := range promise.FindAllStringSubmatch(comment.Text, -1) {
					if found[2] == "" {
						b.at(comment.Pos(), "%s without an issue: %s (#12)", found[1], found[1])
					}
				}
			}
		}
	}
	b.report(t)
}

// A missing part is a failure, not a skip. What remains: an input out of range that a fuzz or property test has drawn.
func TestNothingIsSkippedForAMissingPart(t *testing.T) {
	s := theTree(t)
	b := breaches{tree: s}
	for _, f := range s.Files {
		for _, decl := range f.AST.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			drawn := strings.HasPrefix(fn.Name.Name, "Fuzz") || uses(f, fn.Body, "pgregory.net/rapid", "T")
			ast.Inspect(fn.Body, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				use, ok := call.Fun.(*ast.SelectorExpr)
				if !ok || use.Sel.Name != "Skip" && use.Sel.Name != "Skipf" && use.Sel.Name != "SkipNow" {
					return true
				}
				if x, named := use.X.(*ast.Ident); named && (x.Name == "t" || x.Name == "b" || x.Name == "tb" || x.Name == "f") {
					if !drawn || len(call.Args) == 0 {
						b.at(call.Pos(), "%s.%s in %s", x.Name, use.Sel.Name, fn.Name.Name)
					}
				}
				return true
			})
		}
	}
	b.report(t)
}

// uses says whether a piece of f names this member of the package that f imports as path.
func uses(f *file, piece ast.Node, path, member string) bool {
	found := false
	each(f, path, func(use *ast.SelectorExpr) {
		found = found || use.Sel.Name == member && use.Pos() >= piece.Pos() && use.End() <= piece.End()
	})
	return found
}

func TestNoEffectsBeforeMain(t *testing.T) {
	allowed := map[string]bool{"embed": true, "time/tzdata": true}
	drivers := map[string][]string{
		"github.com/mattn/go-sqlite3":    {"internal/seam/store", "test/crash"},
		"github.com/duckdb/duckdb-go/v2": {"internal/seam/engine"},
	}
	s := theTree(t)
	b := breaches{tree: s}
	for _, f := range s.Files {
		for _, decl := range f.AST.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				b.at(fn.Pos(), "func init")
			}
		}
		for _, spec := range f.AST.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil || spec.Name == nil || spec.Name.Name != "_" || allowed[name] {
				continue
			}
			if !slices.ContainsFunc(drivers[name], func(home string) bool { return within(f.Dir, home) }) {
				b.at(spec.Pos(), "a blank import of %s registers behind everybody's back", name)
			}
		}
	}
	b.report(t)
}

// statement is what a literal that is SQL begins with.
var statement = regexp.MustCompile(`(?is)^\s*(select\s.+\sfrom\s|insert\s+into\s|update\s+\w+\s+set\s|delete\s+from\s|create\s+(table|index|view)\s|alter\s+table\s|pragma\s)`)

func TestSQLStandsBehindItsSeams(t *testing.T) {
	s := theTree(t)
	b := breaches{tree: s}
	for _, f := range s.Files {
		if f.Test || within(f.Dir, "internal/seam/store") || within(f.Dir, "internal/seam/engine") {
			continue
		}
		ast.Inspect(f.AST, func(n ast.Node) bool {
			literal, ok := n.(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				return true
			}
			if text, err := strconv.Unquote(literal.Value); err == nil && statement.MatchString(text) {
				b.at(literal.Pos(), "SQL outside internal/seam/store and internal/seam/engine")
			}
			return true
		})
	}
	b.report(t)
}

func TestOnlyMainEndsTheProcess(t *testing.T) {
	known := excuse(map[string]string{
		"internal/seam/engine/duckdb/child.go": "the main of a child: a read that its parent no longer waits for cannot be asked to stop",
	})
	s := theTree(t)
	b := breaches{tree: s}
	for _, f := range s.Files {
		if f.Test || f.AST.Name.Name == "main" {
			continue
		}
		each(f, "os", func(use *ast.SelectorExpr) {
			if use.Sel.Name == "Exit" && !known.has(f.Path) {
				b.at(use.Pos(), "os.Exit outside main")
			}
		})
		each(f, "log", func(use *ast.SelectorExpr) {
			b.at(use.Pos(), "log.%s; a *slog.Logger is given to the constructor", use.Sel.Name)
		})
		each(f, "log/slog", func(use *ast.SelectorExpr) {
			switch use.Sel.Name {
			case "Info", "Warn", "Error", "Debug", "Default", "SetDefault":
				b.at(use.Pos(), "slog.%s is global; a *slog.Logger is given to the constructor", use.Sel.Name)
			}
		})
	}
	b.report(t)
	known.report(t)
}
