// Package line is the resource type of single lines in text files. All other lines keep their bytes and their order.
package line

import (
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/internal/text"
)

var (
	_ resources.Resource   = (*Line)(nil)
	_ resources.Validator  = (*Line)(nil)
	_ resources.Identified = (*Line)(nil)
	_ resources.Toucher    = (*Line)(nil)
	_ resources.Locker     = (*Line)(nil)
	_ resources.Lister     = (*Line)(nil)
)

// Type is line.
func Type() resources.Type {
	return resources.Type{Name: "line", New: func(title string) resources.Resource { return &Line{Ensure: present, title: title} }}
}

// Line is a line in a text file, which must be there. The title is free.
//
// Without `match` the line is added where the file does not have it. With `match` it replaces the line that matches; where none does
// and the file does not have the line, it is added. Patterns are regular expressions (RE2), each line is matched by itself.
type Line struct {
	// The absolute path of the file.
	Path string `hcl:"path,required,public"`
	// The whole line, without its end. May be left out where `ensure` is `absent` and `match` says which.
	Line string `hcl:"line"`
	// A pattern for the line that is to be replaced or, with `absent`, for lines to be removed beside `line`.
	Match string `hcl:"match"`
	// A pattern for the line behind which the line is added. Where no line matches, it is added at the end. What is there already is not moved.
	After string `hcl:"after"`
	// `present` (default) or `absent`.
	Ensure string `hcl:"ensure"`
	// Whether `match` or `after` may match several lines: then each is replaced (or removed), or the line is added behind each. Without it, that is
	// a failure, unless the file has the line already. Default: false.
	Multiple bool `hcl:"multiple"`

	title string
}

const (
	present = "present"
	absent  = "absent"
)

// Validate checks path and patterns.
func (l *Line) Validate() error {
	var bad resources.Mistakes
	if !path.IsAbs(l.Path) || path.Clean(l.Path) != l.Path {
		bad.Addf("path", "%q is no absolute path in its shortest form", l.Path)
	}
	if strings.ContainsAny(l.Line, "\n\r\x00") {
		bad.Addf("line", "it must be one line")
	}
	bad.OneOf("ensure", l.Ensure, present, absent)
	switch {
	case l.Line == "" && (l.Ensure == present || l.Match == ""):
		bad.Addf("line", "must be set")
	case l.Ensure == absent && l.After != "":
		bad.Addf("after", "says where a line is added, and ensure is \"absent\"")
	}
	_, err := regexp.Compile(l.Match)
	bad.Add("match", err)
	_, err = regexp.Compile(l.After)
	bad.Add("after", err)
	return bad.Err()
}

// Provides is the line, and the pattern of those that it replaces.
func (l *Line) Provides() []resources.Identity {
	var ids []resources.Identity
	if l.Line != "" {
		ids = append(ids, resources.Identity{Kind: "line", Name: l.Path + "\n" + l.Line})
	}
	if l.Match != "" {
		ids = append(ids, resources.Identity{Kind: "line", Name: l.Path + "\n~ " + l.Match})
	}
	return ids
}

// Requires is the file.
func (l *Line) Requires() []resources.Identity {
	return []resources.Identity{{Kind: "path", Name: l.Path, Nearest: true}}
}

// Touches is the file, of which the line is a part.
func (l *Line) Touches() []resources.Touch {
	if l.Ensure == absent {
		return nil
	}
	return []resources.Touch{{Path: l.Path, How: resources.Edits, Text: &l.Line}}
}

// Locks keeps two lines from editing the file at a time.
func (l *Line) Locks() []string { return []string{l.Path} }

// found is what the file has, as indices of lines.
type found struct {
	*text.File
	equal   []int
	matches []int // not equal
	after   []int
}

func (l *Line) look(v host.View) (*found, error) {
	file, err := text.Read(v, l.Path)
	if err != nil {
		return nil, err
	}
	f := &found{File: file}
	match, after := pattern(l.Match), pattern(l.After)
	for i, line := range f.Lines {
		body := text.Body(line)
		switch {
		case l.Line != "" && body == l.Line:
			f.equal = append(f.equal, i)
		case match != nil && match.MatchString(body):
			f.matches = append(f.matches, i)
		}
		if after != nil && after.MatchString(body) {
			f.after = append(f.after, i)
		}
	}
	return f, l.one(f)
}

// one fails where a pattern that must match one line matches several.
func (l *Line) one(f *found) error {
	several := func(attr string, at []int) error {
		lines := make([]string, len(at))
		for i, n := range at {
			lines[i] = strconv.Itoa(n + 1)
		}
		return &resources.AttrError{Attr: attr, Err: fmt.Errorf("%d lines of %s match (%s); multiple = true allows that", len(at), l.Path, strings.Join(lines, ", "))}
	}
	switch {
	case l.Multiple || l.Ensure == present && len(f.equal) > 0:
		return nil
	case len(f.matches) > 1:
		return several("match", f.matches)
	case len(f.matches) == 0 && len(f.after) > 1:
		return several("after", f.after)
	}
	return nil
}

// pattern compiles what Validate has seen; nil for none.
func pattern(s string) *regexp.Regexp {
	if s == "" {
		return nil
	}
	return regexp.MustCompile(s)
}

// Check looks for the line.
func (l *Line) Check(_ context.Context, v host.View) (resources.Diff, error) {
	var d resources.Diff
	add := func(attr, from, to string) {
		d.Changes = append(d.Changes, resources.Change{Attr: attr, From: from, To: to})
	}
	f, err := l.look(v)
	switch {
	case err != nil:
		return d, err
	case l.Ensure == absent:
		if len(f.equal)+len(f.matches) > 0 {
			add("ensure", f.bodies(append(slices.Clone(f.equal), f.matches...)), absent)
		}
	case !f.There:
		return d, &resources.MissingError{What: l.Path + ": does not exist", Advice: fmt.Sprintf("declare file[%q], or require what brings it", l.Path)}
	case l.replaces(f):
		add("line", f.bodies(f.matches), l.Line)
	case len(f.equal) == 0:
		add("ensure", absent, present)
	}
	if d.Empty() {
		return d, nil
	}
	return d, f.Writable(v)
}

// replaces says whether lines that match are to become the line.
func (l *Line) replaces(f *found) bool {
	return len(f.matches) > 0 && (l.Multiple || len(f.equal) == 0)
}

const shown = 5 // lines that a change names

// bodies are the lines as a change shows them.
func (f *found) bodies(at []int) string {
	slices.Sort(at)
	var lines []string
	for i, n := range at {
		if i == shown {
			lines = append(lines, fmt.Sprintf("... (%d lines)", len(at)))
			break
		}
		lines = append(lines, text.Body(f.Lines[n]))
	}
	return strings.Join(lines, "\n")
}

// edits bounds how often a file is edited anew that somebody else has written meanwhile.
const edits = 10

// Apply edits the file. The lock is of its name: whoever edits it by another one, through a link, is noticed as it is written.
func (l *Line) Apply(ctx context.Context, h host.Host, _ resources.Diff) error {
	for n := 1; ; n++ {
		if err := l.edit(ctx, h); n == edits || !errors.Is(err, host.ErrReplaced) {
			return err
		}
	}
}

func (l *Line) edit(ctx context.Context, h host.Host) error {
	f, err := l.look(h) // under the lock: another line may have been written since the check
	if err != nil {
		return err
	}
	switch {
	case l.Ensure == absent:
		f.Remove(func(i int, _ string) bool { return slices.Contains(f.equal, i) || slices.Contains(f.matches, i) })
	case !f.There:
		return fmt.Errorf("%s: does not exist", l.Path)
	case l.replaces(f):
		for _, i := range f.matches {
			f.Replace(i, l.Line)
		}
	case len(f.equal) > 0:
		return nil
	case len(f.after) > 0:
		for _, i := range slices.Backward(f.after) {
			f.Insert(i+1, l.Line)
		}
	default:
		f.Insert(len(f.Lines), l.Line)
	}
	return f.Write(ctx, h, host.Meta{})
}

// Inspect takes path and line from a title "/PATH: LINE" and says whether the file has the line.
func (l *Line) Inspect(_ context.Context, v host.View) error {
	if l.Path == "" {
		name, line, ok := strings.Cut(l.title, ": ")
		if !ok || !path.IsAbs(name) || line == "" {
			return fmt.Errorf("a line is named by its file and itself, as in line[%q]", "/etc/motd: welcome")
		}
		l.Path, l.Line = path.Clean(name), line
	}
	f, err := l.look(v)
	if err == nil && len(f.equal) == 0 {
		l.Ensure = absent
	}
	return err
}

// List returns the lines of the file of, empty ones left out, each once.
func (l *Line) List(_ context.Context, v host.View, of string) ([]string, error) {
	if !path.IsAbs(of) {
		return nil, errors.New("want a file, as in line:/etc/motd")
	}
	f, err := text.Read(v, path.Clean(of))
	if err != nil {
		return nil, err
	}
	var titles []string
	for _, line := range f.Lines {
		if body := text.Body(line); strings.TrimSpace(body) != "" && !slices.Contains(titles, f.Name+": "+body) {
			titles = append(titles, f.Name+": "+body)
		}
	}
	return titles, nil
}
