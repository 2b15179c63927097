package house

import (
	"go/ast"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path"
	"strings"
	"testing"
)

// A field that is accepted and read by nobody is a lie to whoever wrote it. Every field that can be declared is read
// (not only written) by code outside modelfile and the words themselves.
func TestEveryDeclaredFieldIsRead(t *testing.T) {
	s := theTree(t)
	checked := typed(t, s)
	words := checked.words
	fields := map[types.Object]string{}
	seen := map[types.Type]bool{}
	declared(words.Scope().Lookup("Spec").Type(), "Spec", fields, seen)
	if len(fields) < 50 {
		t.Fatalf("%d fields found under Spec: the rule would hold of nothing", len(fields))
	}
	for object := range checked.reads {
		delete(fields, object)
	}
	known := excuse(unread)
	for object, name := range fields {
		if known.has(name) {
			continue
		}
		t.Errorf("%s: %s is declared and no code outside modelfile reads it", s.Fset.Position(object.Pos()), name)
	}
	known.report(t)
}

// unread are fields that nobody has to read, each with its reason.
var unread = map[string]string{
	"Spec.Train.Trainer": "modelfile refuses all trainers but the one there is",
}

// declared collects the fields of a struct of package rondo and of all structs they hold.
func declared(of types.Type, name string, fields map[types.Object]string, seen map[types.Type]bool) {
	switch of := of.(type) {
	case *types.Pointer:
		declared(of.Elem(), name, fields, seen)
	case *types.Slice:
		declared(of.Elem(), name, fields, seen)
	case *types.Named:
		shape, ok := of.Underlying().(*types.Struct)
		if !ok || seen[of] || of.Obj().Pkg().Path() != module+"/internal/rondo" {
			return
		}
		seen[of] = true
		for i := range shape.NumFields() {
			field := shape.Field(i)
			fields[field] = name + "." + field.Name()
			declared(field.Type(), name+"."+field.Name(), fields, seen)
		}
	}
}

// checking type-checks our packages from source, in the order of their imports; other modules come as export data.
type checking struct {
	t       *testing.T
	tree    *tree
	folders map[string][]*ast.File
	done    map[string]*types.Package
	others  types.Importer
	words   *types.Package
	reads   map[types.Object]bool
}

func typed(t *testing.T, s *tree) *checking {
	t.Helper()
	c := &checking{t: t, tree: s, folders: map[string][]*ast.File{}, done: map[string]*types.Package{}, reads: map[types.Object]bool{}}
	exports := map[string]string{}
	for _, f := range s.Files {
		if !f.Test && built(f) && within(f.Dir, "internal") {
			c.folders[f.Dir] = append(c.folders[f.Dir], f.AST)
		}
	}
	for _, line := range list(t, s.Root) {
		if name, at, ok := strings.Cut(line, "\t"); ok {
			exports[name] = at
		}
	}
	c.others = importer.ForCompiler(s.Fset, "gc", func(name string) (io.ReadCloser, error) { return os.Open(exports[name]) })
	for dir := range c.folders {
		if _, err := c.Import(module + "/" + dir); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// list asks the go command for the export data of everything that our packages import.
func list(t *testing.T, root string) []string {
	t.Helper()
	ask := exec.Command("go", "list", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}", "./internal/...")
	ask.Dir = root
	ask.Stderr = os.Stderr
	out, err := ask.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

// built says whether a file is part of an ordinary build on Linux.
func built(f *file) bool {
	base := path.Base(f.Path)
	for _, other := range []string{"_other.go", "_windows.go", "_darwin.go"} {
		if strings.HasSuffix(base, other) {
			return false
		}
	}
	return !tagged(f, "failpoints")
}

// Import gives the package, checked once, and notes which fields its code reads.
func (c *checking) Import(name string) (*types.Package, error) {
	dir, ours := strings.CutPrefix(name, module+"/")
	if !ours || c.folders[dir] == nil {
		return c.others.Import(name)
	}
	if known := c.done[dir]; known != nil {
		return known, nil
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}, Selections: map[*ast.SelectorExpr]*types.Selection{}}
	config := types.Config{Importer: c, FakeImportC: true}
	pkg, err := config.Check(name, c.tree.Fset, c.folders[dir], info)
	if err != nil {
		return nil, err
	}
	c.done[dir] = pkg
	switch dir {
	case "internal/rondo":
		c.words = pkg
	case "internal/modelfile":
	default:
		c.note(c.folders[dir], info)
	}
	return pkg, nil
}

// note marks every field that is selected other than as the whole left side of an assignment.
func (c *checking) note(files []*ast.File, info *types.Info) {
	for _, file := range files {
		written := map[ast.Expr]bool{}
		ast.Inspect(file, func(n ast.Node) bool {
			if assign, ok := n.(*ast.AssignStmt); ok && assign.Tok == token.ASSIGN {
				for _, left := range assign.Lhs {
					written[left] = true
				}
			}
			return true
		})
		ast.Inspect(file, func(n ast.Node) bool {
			use, ok := n.(*ast.SelectorExpr)
			if ok && !written[use] {
				if chosen := info.Selections[use]; chosen != nil {
					c.reads[chosen.Obj()] = true
				}
			}
			return true
		})
	}
}
