package undo

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/host/recording"
	"github.com/nodeapply/apply/resources"
)

// settler is a type whose state has /d/home with it.
type settler struct{ turned }

func (settler) Takes(context.Context, host.View, json.RawMessage) ([]string, error) {
	return []string{"/d/home"}, nil
}

// What the run brought to a folder that it made does not keep the folder, by whatever name or type it came; what others brought does.
func TestFolderOfTheRun(t *testing.T) {
	touch := func(name string) func(ctx context.Context, h host.Host) error {
		return func(ctx context.Context, h host.Host) error {
			return h.WriteFile(ctx, name, host.NewFile{Content: strings.NewReader("x")})
		}
	}
	mkdir := func(name string) func(ctx context.Context, h host.Host) error {
		return func(ctx context.Context, h host.Host) error { return h.Mkdir(ctx, name, host.Meta{}) }
	}
	nothing := func(context.Context, host.Host) error { return nil }
	for name, tc := range map[string]struct {
		run, others func(ctx context.Context, h host.Host) error
		want        string
	}{
		"its own file":                   {touch("/d/f"), nothing, ""},
		"by another name of the folder":  {touch("/link/f"), nothing, ""},
		"a folder by another name":       {mkdir("/link/sub"), nothing, ""},
		"somebody else's file":           {nothing, touch("/d/mine"), "it holds mine, which the run did not make"},
		"somebody else's beside it":      {touch("/link/f"), touch("/d/mine"), "it holds mine, which the run did not make"},
		"a folder that goes with a user": {nothing, mkdir("/d/home"), ""},
		"and one that does not":          {nothing, mkdir("/d/houses"), "it holds houses, which the run did not make"},
		"one of theirs in the run's user": {nothing, func(ctx context.Context, h host.Host) error {
			return errors.Join(mkdir("/d/home")(ctx, h), touch("/d/home/x")(ctx, h))
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, "-- link -> /d --\n")
			s := open(t)
			r := begin(t, s, "1", "")
			ctx, user := t.Context(), resources.Address{Type: "user", Title: "app"}
			if err := errors.Join(
				r.Begin(ctx, motd, resources.Diff{}, nil, nil), recording.Of(h, recorder{r, motd}).Mkdir(ctx, "/d", host.Meta{}), tc.run(ctx, recording.Of(h, recorder{r, motd})),
				r.Ended(ctx, motd, h), tc.others(ctx, h),
				r.Begin(ctx, user, resources.Diff{}, nil, []byte(`"nobody"`)), r.Op(ctx, user, h, host.Op{Kind: host.OpRun, Name: "useradd"}), r.Close(),
			); err != nil {
				t.Fatal(err)
			}
			types := []resources.Type{{Name: "user", New: func(string) resources.Resource { return settler{turned{&node{dial: `"somebody"`}}} }}}
			u, err := PlanOf(ctx, s, h, types, "1")
			if err != nil {
				t.Fatal(err)
			}
			got := "no step"
			for _, step := range u.Steps {
				if step.What == "file /d" {
					got = step.Refused
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
