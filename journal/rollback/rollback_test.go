package rollback

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/journal/undo"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// state keeps runs, the oldest first, one a word: SOURCE@COMMIT, then ! failed, ~ of a dirty tree, % partial, ^ interrupted, * with a command that changed
// something, + with one that a notify had run. An undo is of no source: "-", with
// the number of the run that it undid.
func state(t *testing.T, runs string) *journal.State {
	t.Helper()
	s, err := journal.OpenState(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for i, word := range strings.Fields(runs) {
		text := strings.TrimRight(word, "!~%^*+")
		marks := word[len(text):]
		undone, isUndo := strings.CutPrefix(text, "-")
		from, commit, _ := strings.Cut(text, "@")
		r := &report.Report{Run: fmt.Sprint(i + 1), Source: from, Commit: commit, Dirty: strings.Contains(marks, "~"), Partial: strings.Contains(marks, "%")}
		if isUndo {
			r.Source, r.Manifest = "", undo.Name(undone)
		}
		if strings.Contains(marks, "^") {
			r.Interrupted = 15
		}
		r.Results = []*report.Result{{Address: resources.Address{Type: "file", Title: "f"}, Outcome: report.Changed, Reversible: true}}
		if strings.Contains(marks, "!") {
			r.Results[0].Outcome = report.Failed
		}
		if strings.Contains(marks, "*") {
			r.Results = append(r.Results, &report.Result{Address: resources.Address{Type: "exec", Title: "x"}, Pos: "main.hcl:1", Outcome: report.Changed})
		}
		if strings.Contains(marks, "+") {
			r.Results = append(r.Results, &report.Result{Address: resources.Address{Type: "exec", Title: "y"}, Pos: "main.hcl:1", Outcome: report.Refreshed})
		}
		if err := s.SaveReport(r.Run, r); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestFind(t *testing.T) {
	for name, test := range map[string]struct {
		runs, tag string
		reach     string // the commit that the tag turned out to be
		want      string // FROM>TO, runs, and what lasts
		err       string
	}{
		"nothing on record":          {runs: "", err: "no run of a manifest from git"},
		"of no repository":           {runs: "a@ -", err: "no run of a manifest from git"},
		"one revision":               {runs: "a@1 a@1", err: "no revision of a before 1 converged"},
		"the one before":             {runs: "a@1 a@2 a@3", want: "3>2"},
		"the same twice":             {runs: "a@1 a@2 a@2", want: "3>1"},
		"over what failed":           {runs: "a@1 a@2! a@3", want: "3>1"},
		"over what was interrupted":  {runs: "a@1 a@2^ a@3", want: "3>1"},
		"over a dirty tree":          {runs: "a@1 a@2~ a@3", want: "3>1"},
		"over a part":                {runs: "a@1 a@2% a@3", want: "3>1"},
		"over an undo":               {runs: "a@1 a@2 -", want: "2>1"},
		"from what was undone":       {runs: "a@1 a@2 a@3 -3", want: "3>2"},
		"back, which was undone":     {runs: "a@1 a@2 a@3 a@2* -4", want: "3>2 exec.x:4"},
		"back, undone and redone":    {runs: "a@1 a@2 a@3 a@2 -4 -5", want: "4>1"},
		"back, not all of it undone": {runs: "a@1 a@2 a@3 a@2 -4!", want: "4>1"},
		"of the last source":         {runs: "b@1 a@1 b@2 a@2", want: "4>2"},
		"from what failed":           {runs: "a@1 a@2!", want: "2>1"},
		"a second time":              {runs: "a@1 a@2 a@3 a@2", want: "4>1"},
		"as often as there are any":  {runs: "a@1 a@2 a@3 a@2 a@1", err: "no revision of a before 1 converged"},
		"forward after it":           {runs: "a@1 a@2 a@3 a@2 a@4", want: "5>4"},
		"to the same after it":       {runs: "a@1 a@2 a@1 a@2", want: "4>3"},
		"after one that failed":      {runs: "a@1 a@2 a@3 a@2!", want: "4>1"},
		"from a part of an old one":  {runs: "a@1 a@2 a@1%", want: "3>2"},
		"from an old one, edited":    {runs: "a@1 a@2 a@1~", want: "3>2"},
		"from an edited one":         {runs: "a@1 a@2 a@2~", want: "3>2"},
		"from one edited twice":      {runs: "a@1 a@2 a@2~ a@2~", want: "4>2"},
		"commands since":             {runs: "a@1* a@2* a@2*", want: "3>1 exec.x:3"},
		"a refresh since":            {runs: "a@1 a@2+", want: "2>1 exec.y:2"},
		"a tag that ran":             {runs: "a@1 a@2* a@3", tag: "v1", reach: "1", want: "3>1 exec.x:2"},
		"a tag that never ran":       {runs: "a@1 a@2* a@3", tag: "v9", reach: "9", want: "3>- exec.x:2"},
		"a tag that ran dirty alone": {runs: "a@1~ a@2", tag: "v1", reach: "1", want: "2>-"},
	} {
		t.Run(name, func(t *testing.T) {
			w, err := Find(state(t, test.runs), test.tag)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Fatalf("want %q, got %v", test.err, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if test.reach == "" {
				if diff := cmp.Diff(w.To.Commit, w.Revision()); diff != "" {
					t.Error(diff)
				}
				test.reach = w.To.Commit
			} else if w.Revision() != test.tag {
				t.Errorf("the revision is %q, want %q", w.Revision(), test.tag)
			}
			w.Reach(test.reach)
			got := w.From.Run + ">-"
			if w.To != nil {
				got = w.From.Run + ">" + w.To.Run
			}
			for _, l := range w.Irreversible() {
				got += fmt.Sprintf(" %s:%s", l.Address, l.Run)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
