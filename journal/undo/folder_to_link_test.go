package undo

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/report"
)

// TestFolderToLink: a link has taken the place of a folder, and leads to one that has the same in it.
func TestFolderToLink(t *testing.T) {
	toLink := func(ctx context.Context, h host.Host) error {
		return errors.Join(h.Remove(ctx, "/app", true), h.Symlink(ctx, "/v2", "/app"))
	}
	for name, tc := range map[string]struct {
		since       func(ctx context.Context, h host.Host) error
		steps       int // that an undo takes and then dies
		without     int // steps that another undo does not take first, as if they had failed
		want, fails string
	}{
		"all":                          {want: "/app: , /app/sub: , /app/sub/file: "},
		"an undo that died":            {steps: 1, want: "/app/sub: , /app/sub/file: "},
		"a folder that cannot be made": {without: 1, want: "/app: , /app/sub: , /app/sub/file: ", fails: "/app is a link in the place of its folder"},
		"a link that is another since": {
			since: func(ctx context.Context, h host.Host) error { return h.Symlink(ctx, "/v3", "/app") },
			want:  "/app: it has changed since, /app/sub: it belongs into /app, which is refused, /app/sub/file: it belongs into /app, which is refused",
		},
	} {
		t.Run(name, func(t *testing.T) {
			const same = "sub/ 0750 --\n-- %sub/file 0600 --\nin it\n"
			h := hosttest.New(t, strings.ReplaceAll("-- app/ --\n-- app/"+same, "%", "app/")+strings.ReplaceAll("-- v2/ --\n-- v2/"+same, "%", "v2/")+"-- v3/ --\n-- v3/sub/ --\n")
			s, before := open(t), h.Snapshot()
			recorded(t, s, h, "1", toLink)
			if tc.since != nil {
				if err := tc.since(t.Context(), h); err != nil {
					t.Fatal(err)
				}
			}
			plan := func() *Plan {
				u, err := PlanOf(t.Context(), s, h, nil, "1")
				if err != nil {
					t.Fatal(err)
				}
				return u
			}
			// put takes so many steps at most, each by itself: folders are among them all.
			put := func(id string, u *Plan, steps int) *report.Report {
				rep, err := Run(t.Context(), s, h.Node, u, Options{ID: id, Interrupted: func() int {
					if steps--; steps < 0 {
						return 15
					}
					return 0
				}})
				if err != nil {
					t.Fatal(err)
				}
				return rep
			}
			put("2", plan(), tc.steps)
			u := plan()
			var got []string
			for _, step := range u.Steps {
				got = append(got, strings.TrimPrefix(step.What, "file ")+": "+step.Refused)
			}
			if diff := cmp.Diff(tc.want, strings.Join(got, ", ")); diff != "" {
				t.Error(diff)
			}
			now := h.Snapshot()
			u.Steps = u.Steps[tc.without:]
			for _, r := range put("3", u, len(u.Steps)).Results {
				fails := ""
				if r.Error != nil {
					_, fails, _ = strings.Cut(r.Error.Summary, ": ")
				}
				if diff := cmp.Diff(tc.fails, fails); diff != "" {
					t.Error(diff)
				}
			}
			if tc.fails == "" && tc.since == nil {
				now = before
			}
			if diff := cmp.Diff(now, h.Snapshot()); diff != "" {
				t.Error(diff)
			}
		})
	}
}
