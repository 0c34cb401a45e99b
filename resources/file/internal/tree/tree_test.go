package tree

import (
	"context"
	"fmt"
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
)

func TestWalk(t *testing.T) {
	const files = "-- from/a --\nnew\n-- from/d/x --\n-- from/l -> d --\n-- from/pipe| --\n-- to/a --\nold\n-- to/b --\n-- to/c.bak --\n-- to/d/y --\n-- to/e/z --\n"
	for name, tc := range map[string]struct {
		walk    Walk
		source  string
		missing bool
		managed string
		kept    string
		want    string
	}{
		"what is there":           {want: "a b c.bak d d/y e e/z"},
		"a copy":                  {source: "/from", want: "a=file b c.bak d=directory d/x=file d/y e e/z l=link:d; pipe: fifo, not copied"},
		"a copy, its links not":   {walk: Walk{Follow: true}, source: "/from", want: "a=file b c.bak d=directory d/x=file d/y e e/z l=directory +l/x=file; pipe: fifo, not copied"},
		"into what is not there":  {source: "/from", missing: true, want: "+a=file +d=directory +d/x=file +l=link:d; pipe: fifo, not copied"},
		"one level":               {walk: Walk{Limit: new(1)}, source: "/from", want: "a=file b c.bak d=directory e l=link:d; pipe: fifo, not copied"},
		"purged":                  {walk: Walk{Purge: true}, source: "/from", want: "a=file -b -c.bak d=directory d/x=file -d/y l=link:d; e: not managed, kept with all that is in it: purging directories needs force; pipe: fifo, not copied"},
		"purged by force":         {walk: Walk{Purge: true, Force: true}, source: "/from", want: "a=file -b -c.bak d=directory d/x=file -d/y -e l=link:d; pipe: fifo, not copied"},
		"of another resource":     {walk: Walk{Purge: true, Force: true}, source: "/from", managed: "/to/e/w", want: "a=file -b -c.bak d=directory d/x=file -d/y e -e/z l=link:d; pipe: fifo, not copied"},
		"a part of another's":     {walk: Walk{Purge: true}, source: "/from", kept: "/to/b", want: "a=file -c.bak d=directory d/x=file -d/y l=link:d; e: not managed, kept with all that is in it: purging directories needs force; pipe: fifo, not copied"},
		"a part of what is there": {kept: "/to/b", want: "a b c.bak d d/y e e/z"},
		"copies of earlier files": {walk: Walk{Purge: true, Backup: func(base string) bool { return path.Ext(base) == ".bak" }}, want: "-a -b; d: not managed, kept with all that is in it: purging directories needs force; e: not managed, kept with all that is in it: purging directories needs force"},
		"ignored where a folder is purged": {walk: Walk{Purge: true, Force: true, Ignores: func(base string) bool { return base == "z" }},
			want: "-a -b -c.bak -d e"},
		"ignored further down": {walk: Walk{Purge: true, Force: true, Limit: new(1), Ignores: func(base string) bool { return base == "z" || base == "y" }}, want: "-a -b -c.bak d e"},
		"ignored":              {walk: Walk{Ignores: func(base string) bool { return base == "d" || base == "a" }}, source: "/from", want: "b c.bak e e/z l=link:d; pipe: fifo, not copied"},
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, files)
			h.Mount()
			w := tc.walk
			w.View = h
			w.Managed = func(name string) (bool, bool) { return name == tc.managed, strings.HasPrefix(tc.managed, name+"/") }
			w.Kept = func(name string) bool { return name == tc.kept }
			if w.Backup == nil {
				w.Backup = func(string) bool { return false }
			}
			var got, notes []string
			w.Note = func(text string) {
				notes = append(notes, "; "+text[1+strings.LastIndex(text[:strings.Index(text, ": ")], "/"):])
			}
			w.Visit = func(_ context.Context, n Name, _ Place) (host.Kind, error) {
				text := strings.TrimPrefix(n.Path, "/to/")
				switch {
				case n.Fresh:
					text = "+" + text
				case n.Purge:
					text = "-" + text
				}
				if n.Copy != host.Absent {
					text += "=" + n.Copy.String()
				}
				if n.Target != "" {
					text += ":" + n.Target
				}
				got = append(got, text)
				st, err := h.Lstat(n.Path)
				return st.Kind, err
			}
			if err := w.Through(t.Context(), "/to", tc.missing, tc.source); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, strings.Join(got, " ")+strings.Join(notes, "")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWalkInACircle(t *testing.T) {
	h := hosttest.New(t, "-- from/d/up -> .. --\n-- to/ --\n")
	none := func(string) bool { return false }
	w := Walk{
		View: h, Follow: true, Ignores: none, Backup: none, Managed: func(string) (bool, bool) { return false, false }, Kept: none, Note: func(string) {},
		Visit: func(context.Context, Name, Place) (host.Kind, error) { return host.Absent, nil },
	}
	err := w.Through(t.Context(), "/to", false, "/from")
	if want := fmt.Sprintf("source: %s: its links lead in a circle", "/from/d"); err == nil || err.Error() != want {
		t.Errorf("want %q, got %v", want, err)
	}
}
