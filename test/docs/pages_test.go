package docs

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

func TestEveryLinkLeadsSomewhere(t *testing.T) {
	for _, d := range documents(t) {
		name := filepath.Join("..", "..", filepath.FromSlash(d.Path))
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			for _, m := range link.FindAllStringSubmatch(line, -1) {
				to, _, _ := strings.Cut(m[1], "#")
				if to == "" || strings.Contains(to, "://") {
					continue
				}
				if _, err := os.Stat(filepath.Join(filepath.Dir(name), filepath.FromSlash(to))); err != nil {
					t.Errorf("%s:%d: %s leads nowhere", d.Path, i+1, m[1])
				}
			}
		}
	}
}

func TestEveryFormatAndDecisionIsInItsList(t *testing.T) {
	for _, folder := range []string{"formats", "decisions"} {
		dir := filepath.Join("..", "..", "docs", folder)
		list, err := os.ReadFile(filepath.Join(dir, "README.md"))
		if err != nil {
			t.Fatal(err)
		}
		pages, err := fs.Glob(os.DirFS(dir), "*.md")
		if err != nil {
			t.Fatal(err)
		}
		for _, page := range pages {
			if page != "README.md" && !bytes.Contains(list, []byte("("+page+")")) {
				t.Errorf("docs/%s/README.md does not name %s", folder, page)
			}
		}
	}
}

func TestADecisionFitsFortyLines(t *testing.T) {
	pages, err := filepath.Glob("../../docs/decisions/0*.md")
	if err != nil || len(pages) == 0 {
		t.Fatal(pages, err)
	}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(text, []byte("\n")); n > 40 {
			t.Errorf("%s has %d lines", page, n)
		}
	}
}

// A package that a document names is there: what moves takes its name along.
func TestEveryPathOfTheArchitectureIsThere(t *testing.T) {
	for _, page := range []string{"architecture.md", "statistics.md"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "docs", page))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile("`((?:door|stage|seam|lib)/[a-z/]+)`").FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join("..", "..", "internal", filepath.FromSlash(m[1]))); err != nil {
				t.Errorf("docs/%s: there is no internal/%s", page, m[1])
			}
		}
	}
}
