package undo

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
)

// TestFolderThatBecameALink: somebody has moved a folder away since the run, and a link is in its place.
func TestFolderThatBecameALink(t *testing.T) {
	const planted = "whether it has changed since is not known: /bob/app: refused: a link that its owner may have planted (owner 65534)"
	for name, tc := range map[string]struct {
		folder, owner string
		run           func(ctx context.Context, h host.Host) error
		want          string
	}{
		"that the run made, with what is where the link leads": {
			folder: "/app", owner: "root",
			run: func(ctx context.Context, h host.Host) error {
				return errors.Join(h.Mkdir(ctx, "/app", host.Meta{}), h.Mkdir(ctx, "/app/sub", host.Meta{}), h.Symlink(ctx, "/there", "/app/link"))
			},
			want: "/motd: , /app: it has changed since",
		},
		"of another user": {
			folder: "/bob/app", owner: "nobody",
			run: func(ctx context.Context, h host.Host) error {
				return errors.Join(h.WriteFile(ctx, "/bob/app/f", host.NewFile{Content: strings.NewReader("new")}), h.Remove(ctx, "/bob/app/full", true))
			},
			want: "/motd: , /bob/app/full: " + planted + ", /bob/app/full/f: " + planted + ", /bob/app/f: " + planted,
		},
	} {
		t.Run(name, func(t *testing.T) {
			if os.Geteuid() != 0 {
				t.Skip("left out: needs root to plant a link of another user")
			}
			h := hosttest.New(t, "-- v2/ --\n-- v2/sub/ --\n-- v2/link -> /there --\n-- bob/ 0755 nobody:root --\n-- bob/app/ 0755 nobody:root --\n"+
				"-- bob/app/f --\nold\n-- bob/app/full/ --\n-- bob/app/full/f --\nin it\n-- motd --\nhello\n")
			s := open(t)
			recorded(t, s, h, "1", func(ctx context.Context, h host.Host) error {
				return errors.Join(tc.run(ctx, h), h.WriteFile(ctx, "/motd", host.NewFile{Content: strings.NewReader("welcome\n")}))
			})
			owner, err := h.LookupUser(t.Context(), tc.owner)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(os.Rename(h.Path(tc.folder), h.Path("/gone")), os.Symlink("/v2", h.Path(tc.folder)), os.Lchown(h.Path(tc.folder), int(owner.UID), -1)); err != nil {
				t.Fatal(err)
			}
			if last, err := LastChange(s, h); last != "1" || err != nil {
				t.Errorf("%q is to be undone, %v", last, err)
			}
			u, err := PlanOf(t.Context(), s, h, nil, "1")
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, step := range u.Steps {
				got = append(got, strings.TrimPrefix(step.What, "file ")+": "+step.Refused)
			}
			if diff := cmp.Diff(tc.want, strings.Join(got, ", ")); diff != "" {
				t.Error(diff)
			}
			want := strings.Replace(h.Snapshot(), "welcome", "hello", 1)
			if _, err := Run(t.Context(), s, h.Node, u, Options{ID: "2"}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, h.Snapshot()); diff != "" {
				t.Error(diff)
			}
		})
	}
}
