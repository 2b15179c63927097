package house

import (
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strings"
	"testing"
)

func TestEveryPackageSaysWhatItAnswers(t *testing.T) {
	s := theTree(t)
	b := breaches{tree: s}
	longest := map[string]int{}
	names := map[string]string{}
	for _, f := range s.Files {
		if strings.HasSuffix(f.Path, "_test.go") {
			continue
		}
		names[f.Dir] = f.AST.Name.Name
		if f.AST.Doc != nil {
			longest[f.Dir] = max(longest[f.Dir], len(f.AST.Doc.Text()))
			text, want := f.AST.Doc.Text(), "Package "+f.AST.Name.Name+" "
			if f.AST.Name.Name == "main" {
				want = "Command "
			}
			if !strings.HasPrefix(text, want) {
				b.at(f.AST.Doc.Pos(), "a package document begins with %q", want)
			}
		} else {
			longest[f.Dir] += 0
		}
	}
	for dir, n := range longest {
		if n < 40 {
			b.in(dir, "package %s has no document that says what it answers", names[dir])
		}
	}
	b.report(t)
}

// drawers are names that say nothing of what is inside.
var drawers = []string{"util", "utils", "common", "helper", "helpers", "type", "types", "base", "misc", "shared", "manager",
	"managers", "service", "services", "handler", "handlers", "processor", "core", "lib", "pkg", "tool", "tools", "impl", "interfaces"}

func TestNoDrawers(t *testing.T) {
	s := theTree(t)
	b := breaches{tree: s}
	for _, f := range s.Files {
		stem := strings.TrimSuffix(strings.TrimSuffix(path.Base(f.Path), ".go"), "_test")
		if slices.Contains(drawers, f.AST.Name.Name) {
			b.in(f.Path, "a package called %s", f.AST.Name.Name)
		}
		if slices.Contains(drawers, stem) {
			b.in(f.Path, "a file called %s", stem)
		}
		if last := path.Base(f.Dir); f.AST.Name.Name != "main" && f.Dir != "." && strings.TrimSuffix(f.AST.Name.Name, "_test") != last {
			b.in(f.Path, "package %s lies in a folder called %s", f.AST.Name.Name, last)
		}
		for _, decl := range f.AST.Decls {
			gen, ok := decl.(*ast.GenDecl)
			if !ok || gen.Tok != token.TYPE {
				continue
			}
			for _, spec := range gen.Specs {
				name := spec.(*ast.TypeSpec).Name
				if slices.Contains([]string{"Manager", "Handler", "Processor", "Service"}, name.Name) {
					b.at(name.Pos(), "a type whose whole meaning is %s", name.Name)
				}
			}
		}
	}
	b.report(t)
}

// long are the files of more than 600 lines, each with its reason. None may reach 1,000.
var long = map[string]string{}

func TestFilesAreShort(t *testing.T) {
	s := theTree(t)
	b := breaches{tree: s}
	known := excuse(long)
	for _, f := range s.Files {
		switch {
		case strings.HasSuffix(f.Path, "_gen.go"):
		case f.Lines >= 1000:
			b.in(f.Path, "%d lines; 1,000 is too many", f.Lines)
		case f.Lines > 600 && !known.has(f.Path):
			b.in(f.Path, "%d lines; more than 600 need a reason in the table of this rule", f.Lines)
		}
	}
	b.report(t)
	known.report(t)
}

// wide are functions of more than 90 lines, each with its reason.
var wide = map[string]string{}

func TestFunctionsFitAScreen(t *testing.T) {
	s := theTree(t)
	b := breaches{tree: s}
	known := excuse(wide)
	for _, f := range s.Files {
		if f.Test { // a table of cases may be as long as its cases
			continue
		}
		for _, decl := range f.AST.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			lines := s.Fset.Position(fn.End()).Line - s.Fset.Position(fn.Pos()).Line + 1
			if lines > 90 && !known.has(f.Path+" "+fn.Name.Name) {
				b.at(fn.Pos(), "%s has %d lines; 90 fit a screen", fn.Name.Name, lines)
			}
		}
	}
	b.report(t)
	known.report(t)
}

// A seam's promise may be larger than what a consumer needs of another package, and is still a contract, not a world.
func TestInterfacesAreSmall(t *testing.T) {
	known := excuse(map[string]string{
		"internal/seam/store Steps": "leases, fences and the ways a step can end: one state machine, thirteen methods",
	})
	s := theTree(t)
	b := breaches{tree: s}
	for _, f := range s.Files {
		ast.Inspect(f.AST, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			face, ok := spec.Type.(*ast.InterfaceType)
			if !ok {
				return true
			}
			limit := 9
			if within(f.Dir, "internal/seam") {
				limit = 12
			}
			if methods := face.Methods.NumFields(); methods > limit && !known.has(f.Dir+" "+spec.Name.Name) {
				b.at(spec.Pos(), "interface %s has %d methods; at most %d", spec.Name.Name, methods, limit)
			}
			return true
		})
	}
	b.report(t)
	known.report(t)
}
