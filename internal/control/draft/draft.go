// Package draft answers: what would a good engineer declare about this table, to start from?
//
// Make looks at a table and returns a Draft: task, time, key, checks, drops, suspected leaks, split and bars, each with its
// reason. Text writes it as a model file that passes apply unchanged; the reasons are its comments. A key is proved: it is
// unique on every row that was looked at, or it gets a running number and the collisions are counted. What cannot be known
// from data, above all which column is the target, is asked for: Targets ranks the candidates, with reasons.
//
// Shapes: a table with one target a row. Missing: a null target is a row without a label; ranges are those of the values that
// are there. Suspected leaks are columns that predict the target almost alone: out of two folds, AUC above 0.95 (binary), as
// much of the chance-corrected accuracy (multiclass) or of the variance (regression), columns missing exactly where the
// target is, and amounts that are not 0 almost only where a rare answer is. Errors: rondo.Invalid when a column cannot be a target, with what it is.
package draft

import (
	"fmt"
	"strings"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/nearest"
	"rondo.dev/rondo/internal/profile"
	"rondo.dev/rondo/internal/rondo"
)

// Source is the table whose declaration is wanted.
type Source struct {
	Model string // the name of the model; empty: from Path
	Path  string // as the model file names it
	Table *column.Table
	Naive map[string]bool // timestamps without a zone
	Whole bool            // Table has every row of the source
	// Yes or No, where one is set, makes a yes-or-no question of any target: is it Yes; is it anything but No.
	Yes, No string
}

// Line is something declared, with its reason.
type Line struct {
	Text string `json:"text"`
	Why  string `json:"why,omitempty"`
}

// Draft is a declaration with its reasons.
type Draft struct {
	Model    string         `json:"model"`
	Source   string         `json:"source"`
	Rows     int            `json:"rows"`
	Columns  int            `json:"columns"`
	Kind     rondo.TaskKind `json:"kind"`
	Target   Line           `json:"target"` // Text is the column the model file names
	Derive   *Line          `json:"derive,omitempty"`
	Time     Line           `json:"time"` // Text is empty where there is none
	Zone     string         `json:"zone,omitempty"`
	Key      []string       `json:"key,omitempty"`
	Number   string         `json:"number,omitempty"`
	KeyWhy   string         `json:"keyWhy"`
	Checks   []Line         `json:"checks,omitempty"`
	Features []Line         `json:"features,omitempty"`
	Drop     []Line         `json:"drop,omitempty"`
	Leaks    []Line         `json:"leaks,omitempty"` // suspected; they stand under drop, too
	Split    Line           `json:"split"`
	Train    Line           `json:"train"`
	Decide   *Line          `json:"decide,omitempty"`
	Bars     []Line         `json:"bars"`
	Slices   []string       `json:"slices,omitempty"`
}

// maker is a draft on its way.
type maker struct {
	Source
	*Draft
	profile *profile.Profile
	raw     string // the column the target is made of
	labels  *labels
	dropped map[string]bool
	seconds map[string]bool // timestamps that become date parts
}

// Make writes the draft for a target column of the source.
func Make(s Source, target string) (*Draft, error) {
	if s.Table.Rows() == 0 {
		return nil, rondo.Errorf(rondo.Invalid, "%s has no rows to look at", s.Path)
	}
	if s.Table.Column(target) == nil {
		return nil, rondo.Errorf(rondo.Invalid, "%s has no column %q%s", s.Path, target, nearest.Hint(target, s.Table.Names))
	}
	m := &maker{Source: s, profile: profile.Of(s.Table), raw: target, dropped: make(map[string]bool), seconds: make(map[string]bool),
		Draft: &Draft{Model: s.Model, Source: s.Path, Rows: s.Table.Rows(), Columns: len(s.Table.Columns)}}
	if m.Draft.Model == "" {
		m.Draft.Model = nameOf(s.Path)
	}
	if err := m.task(); err != nil { // 1. what is asked
		return nil, err
	}
	m.time()  // 2. when it is asked
	m.key()   // 3. of which row
	m.drops() // 4. which columns are no features, and which know the answer
	m.use()   // 5. what is checked and made of the others
	m.parts() // 6. how rows are parted, what is trained, and what a version must reach
	return m.Draft, nil
}

// nameOf makes the name of a model of that of a file.
func nameOf(path string) string {
	base := path[strings.LastIndexAny(path, `/\`)+1:]
	if at := strings.IndexByte(base, '.'); at > 0 {
		base = base[:at]
	}
	name := strings.Trim(slug(base, '-'), "-")
	if name == "" || name[0] < 'a' || name[0] > 'z' {
		name = strings.TrimRight("model-"+name, "-")
	}
	return strings.TrimRight(name[:min(len(name), 63)], "-")
}

// slug keeps small letters and digits; a run of anything else becomes one sep.
func slug(s string, sep byte) string {
	var b strings.Builder
	for _, r := range strings.ToLower(s) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && b.String()[b.Len()-1] != sep:
			b.WriteByte(sep)
		}
	}
	return strings.Trim(b.String(), string(sep))
}

// percent is a share for people.
func percent(part, whole int) string {
	x := 100 * float64(part) / float64(max(whole, 1))
	if x > 0 && x < 1 || x > 99 && x < 100 {
		return fmt.Sprintf("%.1f %%", x)
	}
	return fmt.Sprintf("%.0f %%", x)
}

// short keeps a value or a name readable in a comment: one line, not too long.
func short(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 40 {
		return string(r[:37]) + "..."
	}
	return s
}

// hinted says whether a name is made of words one of which is in the list.
func hinted(name string, words ...string) bool {
	for _, part := range strings.Split(slug(name, ' '), " ") {
		for _, w := range words {
			if part == w {
				return true
			}
		}
	}
	return false
}
