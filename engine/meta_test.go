package engine

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

func TestTriesAndTimeouts(t *testing.T) {
	for _, tc := range []struct {
		name, decl, want, err string
		after                 time.Duration
		warnings              []string
		log                   string
	}{
		{"tries until it works", "a:twice,tries", "a=changed", "", time.Minute, []string{"attempt 1 of 3: not yet"}, "apply a,apply a"},
		{"and gives up", "a:fails,tries", "a=failed", "boom", 2 * time.Minute, []string{"attempt 1 of 3: boom", "attempt 2 of 3: boom"}, "apply a,apply a,apply a"},
		{"what has come about meanwhile is not done again", "a:late,tries", "a=changed", "", time.Minute, []string{"attempt 1 of 3: no answer"}, "apply a"},
		{"a check that takes too long", "a:slow", "a=failed", "timed out after 5m0s", 5 * time.Minute, nil, ""},
		{"its own timeout", "a:slow,timeout=30s", "a=failed", "timed out after 30s", 30 * time.Second, nil, ""},
		{"an unless that takes too long is an error", "a:unless=hang", "a=failed", "timed out after 5m0s", 5 * time.Minute, nil, ""},
		{"so is an onlyif, by its own timeout", "a:onlyif=hang,timeout=30s", "a=failed", "timed out after 30s", 30 * time.Second, nil, ""},
		{"a check that nothing ends", "a:hangs b", "a=failed b=changed", "s, and hangs still in the kernel", predictFor, nil, "apply b"},
		{"what hangs is not tried again", "a:stays,tries,timeout=30s", "a=failed", "hangs still", 30 * time.Second, nil, "apply a"},
	} {
		ways(t, tc.name, func(t *testing.T, w *world) {
			synctest.Test(t, func(t *testing.T) {
				w.dead = make(chan struct{})
				defer close(w.dead)
				start := time.Now()
				rep, err := Converge(t.Context(), node{}, parse(t, w, tc.decl, ""), Options{})
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tc.want, outcomes(rep)); diff != "" {
					t.Error(diff)
				}
				if diff := cmp.Diff(tc.warnings, rep.Results[0].Warnings); diff != "" {
					t.Error(diff)
				}
				if diff := cmp.Diff(tc.log, w.done()); diff != "" {
					t.Error(diff)
				}
				if took := time.Since(start); took < tc.after || took > tc.after+predictFor {
					t.Errorf("want %v, took %v", tc.after, took)
				}
				if tc.err != "" && !strings.Contains(rep.Results[0].Error.Summary, tc.err) {
					t.Errorf("want %q in %q", tc.err, rep.Results[0].Error.Summary)
				}
			})
		})
	}
}

// TestWhatHangs: a resource that nothing ends has failed in the prediction, whatever comes before it, and takes what depends on it along.
func TestWhatHangs(t *testing.T) {
	for edges, want := range map[string]string{"": "a=changed b=failed c=changed", "a>b b>c": "a=changed b=failed c=skipped(t.b)"} {
		ways(t, edges, func(t *testing.T, w *world) {
			synctest.Test(t, func(t *testing.T) {
				w.dead = make(chan struct{})
				defer close(w.dead)
				rep, err := Converge(t.Context(), node{}, parse(t, w, "a b:hangs c", edges), Options{})
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, outcomes(rep)); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// TestUnpredicted: what the prediction has no time for is pending, and is looked at by the run with its own deadline.
func TestUnpredicted(t *testing.T) {
	ways(t, "slow", func(t *testing.T, w *world) {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			rep, err := Converge(t.Context(), node{}, parse(t, w, "a:slow,timeout=30s b:there", ""), Options{})
			if err != nil {
				t.Fatal(err)
			}
			want := []report.Surprise{{Address: resources.Address{Type: "t", Title: "a"}, Planned: report.Pending, Outcome: report.Failed}}
			if diff := cmp.Diff(want, rep.Surprises); diff != "" {
				t.Error(diff)
			}
			if took := time.Since(start); took != predictFor+30*time.Second {
				t.Errorf("took %v", took)
			}
		})
	})
}
