package prediction

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/engine/internal/fate"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// thing is a resource of which only its place counts.
type thing struct{ resources.Resource }

// TestNew takes what was found of a, b and c, of which some come before others.
func TestNew(t *testing.T) {
	for _, tc := range []struct{ name, found, before, again, foreseen string }{
		{"nothing", "unchanged unchanged unchanged", "", "", ""},
		{"what differs, and what comes after it", "unchanged pending unchanged", "bc", "bc", "b"},
		{"what failed first, and what was skipped for it", "failed skipped unchanged", "ab", "ab", ""},
		{"what is notified", "unchanged unchanged notified", "", "c", ""},
		{"what hangs still", "stuck unchanged unchanged", "", "", ""},
		{"what hangs still, after what differs", "pending stuck unchanged", "ab", "a", "a"},
		{"what is not approved", "refused unchanged unchanged", "", "a", ""},
		{"of what is left out nothing", "out unchanged unchanged", "", "", ""},
		{"what something comes before", "unchanged notified pending", "bc", "bc", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var entries []*catalog.Entry
			for _, title := range "abc" {
				entries = append(entries, &catalog.Entry{Addr: resources.Address{Type: "t", Title: string(title)}, Resource: thing{}})
			}
			var relations []catalog.Relation
			if tc.before != "" {
				relations = append(relations, catalog.Relation{From: entries[tc.before[0]-'a'].Addr, To: entries[tc.before[1]-'a'].Addr})
			}
			c, problems := catalog.New(entries, relations, nil)
			if problems != nil {
				t.Fatal(problems)
			}
			words, fates := strings.Fields(tc.found), fate.New(c)
			var first *First
			for v, word := range words {
				res := &report.Result{Address: entries[v].Addr, Outcome: report.Unchanged, Changes: []report.Change{{}}}
				st := fates.Of(v)
				*st = fate.Fate{Results: []*report.Result{res}}
				switch word {
				case "pending":
					res.Outcome, st.Changed, first = report.Pending, true, &First{Vertex: v}
				case "failed":
					st.Failed, st.Cause = true, int32(v)+1
				case "skipped":
					st.Failed, st.Cause = true, int32(v)
				case "notified":
					res.NotifiedBy = []string{"t.z"}
				case "stuck", "out":
					st.Changed, st.Stuck = true, word == "stuck"
				}
			}
			leftOut := func(v int) bool { return words[v] == "out" }
			approve := func(res *report.Result) error {
				if words[res.Address.Title[0]-'a'] == "refused" {
					return errors.New("not approved")
				}
				return nil
			}
			p := New(c, fates, leftOut, approve, first)
			again, foreseen := "", ""
			for v, e := range entries {
				if p.Kept(v) == nil {
					again += e.Addr.Title
				}
				if p.Foreseen(v) != nil {
					foreseen += e.Addr.Title
				}
				if forgotten := p.Of(v).Results[0].Changes == nil; forgotten != (p.Kept(v) == nil) {
					t.Errorf("%s: forgotten %t", e.Addr, forgotten)
				}
				if refused := p.Refused(e.Addr) != nil; refused != (words[v] == "refused") {
					t.Errorf("%s: refused %t", e.Addr, refused)
				}
			}
			if diff := cmp.Diff([]string{tc.again, tc.foreseen}, []string{again, foreseen}); diff != "" || p.Left() != len(tc.again) {
				t.Errorf("%d left; again and foreseen: %s", p.Left(), diff)
			}
		})
	}
}
