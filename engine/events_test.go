package engine

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/catalog/selection"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// told is what a printer was told.
type told struct{ log []string }

func (p *told) Begin(r *report.Report) { p.log = append(p.log, fmt.Sprint("begin of ", r.Resources)) }
func (p *told) Running(a resources.Address, what string) {
	p.log = append(p.log, strings.TrimSuffix(a.Title+": "+what, ": "))
}
func (p *told) Ended(r *report.Result) { p.log = append(p.log, r.Address.Title+" "+string(r.Outcome)) }
func (p *told) End(*report.Report)     { p.log = append(p.log, "end") }

// A converge is told from its prediction on; what was only looked at says so.
func TestEvents(t *testing.T) {
	for name, c := range map[string]struct {
		decl string
		do   func(*testing.T, *world, Options, string) error
		want string
	}{
		"converge":         {"a b:there", converge, "begin of 2, a: checking, a, b: checking, b, a: checking, a: applying, a changed, b unchanged, end"},
		"plan":             {"a b:there", plan, "begin of 2, a: checking, a pending, b: checking, b unchanged, end"},
		"what is left out": {"a b:tag=x", plan, "begin of 1, a: checking, a pending, end"},
		"tries": {"a:twice,tries", converge,
			"begin of 1, a: checking, a, a: checking, a: applying, a: waiting to try again (1 of 3 failed), a: applying, a changed, end"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var p told
				if err := c.do(t, &world{}, Options{Events: &p, Choice: selection.Choice{SkipTags: []string{"x"}}}, c.decl); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(c.want, strings.Join(p.log, ", ")); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func converge(t *testing.T, w *world, o Options, decl string) error {
	_, err := Converge(t.Context(), node{}, parse(t, w, decl, ""), o)
	return err
}

func plan(t *testing.T, w *world, o Options, decl string) error {
	_, err := Plan(t.Context(), node{}, parse(t, w, decl, ""), o)
	return err
}
