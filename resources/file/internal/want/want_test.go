package want_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/file/internal/content"
	"github.com/nodeapply/apply/resources/file/internal/owner"
	"github.com/nodeapply/apply/resources/file/internal/want"
	"github.com/nodeapply/apply/resources/resourcetest"
)

// resource is a thing as a resource.
type resource struct{ want.Thing }

func (r *resource) Check(ctx context.Context, v host.View) (resources.Diff, error) {
	is, err := r.Look(v)
	if err != nil {
		return resources.Diff{}, err
	}
	defer is.Close()
	return r.Compare(ctx, v, is)
}

func (r *resource) Apply(ctx context.Context, h host.Host, d resources.Diff) error {
	st, err := h.Lstat(r.Name)
	if err != nil {
		return err
	}
	return r.Bring(ctx, h, st, d)
}

// at is what set makes of a thing at name that may replace what is there.
func at(name string, set ...func(*want.Thing)) *resource {
	t := want.Thing{Name: name, Terms: want.Terms{Replace: true}}
	for _, s := range set {
		s(&t)
	}
	return &resource{t}
}

func text(s string) func(*want.Thing) {
	return func(t *want.Thing) { t.Ensure, t.Body = want.File, content.Body{Attr: "content", Text: s} }
}
func target(s string) func(*want.Thing) {
	return func(t *want.Thing) { t.Ensure, t.Target = want.Link, s }
}
func ensure(s string) func(*want.Thing) { return func(t *want.Thing) { t.Ensure = s } }
func mode(t *want.Thing)                { t.Mode = "0640" }
func force(t *want.Thing)               { t.Force = true }
func keep(t *want.Thing)                { t.Replace = false }
func daemon(t *want.Thing) {
	id := uint32(os.Geteuid())
	if id == 0 {
		id = 1
	}
	t.Owner = owner.Owner{User: "daemon", UID: &id}
}

// Whatever is there, what is wanted comes of it, and of what is so nothing more is done.
func TestConverges(t *testing.T) {
	wanted := map[string]struct {
		set  []func(*want.Thing)
		kind func(is host.Kind) host.Kind
	}{
		"absent":            {[]func(*want.Thing){ensure(want.Absent), force}, only(host.Absent)},
		"a file":            {[]func(*want.Thing){ensure(want.File), force, mode}, only(host.Regular)},
		"content":           {[]func(*want.Thing){text("hello\n"), force, daemon}, only(host.Regular)},
		"a folder":          {[]func(*want.Thing){ensure(want.Directory), force, mode}, only(host.Directory)},
		"a link":            {[]func(*want.Thing){target("y"), force, daemon}, only(host.Symlink)},
		"anything":          {[]func(*want.Thing){ensure(want.Present)}, over(map[host.Kind]host.Kind{host.Absent: host.Regular})},
		"what is there":     {[]func(*want.Thing){mode, daemon}, over(nil)},
		"content of no one": {[]func(*want.Thing){text("hello\n"), keep, force}, over(map[host.Kind]host.Kind{host.Absent: host.Regular, host.Directory: host.Regular})},
	}
	trees := map[string]string{
		"nothing": "", "a file": "-- x --\nold\n", "the content": "-- x --\nhello\n", "a folder": "-- x/y --\n", "a link": "-- x -> y --\n", "another link": "-- x -> z --\n", "a pipe": "-- x| --\n",
	}
	for wname, w := range wanted {
		for tname, tree := range trees {
			t.Run(wname+" of "+tname, func(t *testing.T) {
				h := hosttest.New(t, tree)
				before, err := h.Lstat("/x")
				if err != nil {
					t.Fatal(err)
				}
				r := at("/x", w.set...)
				resourcetest.Converges(t, h, r)
				after, err := h.Lstat("/x")
				if err != nil || after.Kind != w.kind(before.Kind) {
					t.Errorf("want %v of %v, got %v, %v", w.kind(before.Kind), before.Kind, after.Kind, err)
				}
				if after.Kind != host.Absent && r.Owner.UID != nil && after.UID != *r.Owner.UID {
					t.Errorf("the owner is %d", after.UID)
				}
				if after.Kind == host.Regular && r.Mode != "" && after.Mode != 0o640 {
					t.Errorf("the mode is %04o", after.Mode)
				}
			})
		}
	}
}

func only(kind host.Kind) func(host.Kind) host.Kind {
	return func(host.Kind) host.Kind { return kind }
}

// over is what is there, but where others says another.
func over(others map[host.Kind]host.Kind) func(host.Kind) host.Kind {
	return func(is host.Kind) host.Kind {
		if other, ok := others[is]; ok {
			return other
		}
		return is
	}
}

// What is missing on the node comes with the differences, and nothing is brought.
func TestMissing(t *testing.T) {
	missing := errors.New("no such user")
	r := at("/x", text("new\n"), func(t *want.Thing) { t.Missing = missing })
	h := hosttest.New(t, "-- x --\nold\n")
	d, err := r.Check(t.Context(), h)
	if !d.Has("content") || !errors.Is(err, missing) {
		t.Errorf("want the content and what is missing, got %v, %v", d.Changes, err)
	}
	if err := r.Apply(t.Context(), h, d); err != missing || h.Content("/x") != "old\n" {
		t.Errorf("want it refused, got %v, and %q", err, h.Content("/x"))
	}
}

// A folder that is yet to be made is not looked for.
func TestFresh(t *testing.T) {
	for fresh, wantErr := range map[bool]string{false: "parent folder /none: does not exist", true: ""} {
		got := ""
		d, err := at("/none/x", text("new\n"), func(t *want.Thing) { t.Fresh = fresh }).Check(t.Context(), hosttest.New(t, ""))
		if err != nil {
			got = err.Error()
		}
		if diff := cmp.Diff(wantErr, got); diff != "" || !d.Has("ensure") {
			t.Errorf("fresh %v: %v %s", fresh, d.Changes, diff)
		}
	}
}

func TestHardLinksAreTold(t *testing.T) {
	h := hosttest.New(t, "-- dir/x --\nold\n")
	if err := os.Link(h.Path("/dir/x"), h.Path("/dir/y")); err != nil {
		t.Fatal(err)
	}
	r := at("/dir/x", text("new\n"))
	d, err := r.Check(t.Context(), h)
	if err == nil {
		err = r.Apply(t.Context(), h, d)
	}
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"/dir/x has further hard links (2 in all): the others keep the old content"}, d.Notes); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
	if got := h.Content("/dir/y"); got != "old\n" {
		t.Errorf("the other link has %q", got)
	}
}

// What flags of chattr forbid is found before anything is tried.
func TestFlags(t *testing.T) {
	const own, above = "it is immutable (chattr +i); `chattr -i`", "the folder that it is in is immutable (chattr +i); `chattr -i`"
	for name, tc := range map[string]struct {
		resource *resource
		want     string // of the error; "": it converges
	}{
		"content":               {at("/dir/x", text("new\n")), own},
		"mode":                  {at("/dir/x", text("old\n"), mode), own},
		"owner":                 {at("/dir/x", daemon), own},
		"as wanted":             {at("/dir/x", text("old\n")), ""},
		"not to be replaced":    {at("/dir/x", text("new\n"), keep), ""},
		"absent":                {at("/dir/x", ensure(want.Absent)), own},
		"a link":                {at("/dir/x", target("y")), own},
		"a folder":              {at("/dir/x", ensure(want.Directory)), own},
		"a link to it":          {at("/dir/link", text("new\n")), ""},
		"of a log":              {at("/dir/log", mode), "it is append-only (chattr +a); `chattr -a`"},
		"mode of a folder":      {at("/shut", mode), own},
		"new in a folder":       {at("/shut/new", text("new\n")), above},
		"a folder in a folder":  {at("/shut/new", ensure(want.Directory)), above},
		"mode in a folder":      {at("/shut/y", mode), ""},
		"absent in a folder":    {at("/shut/sub", ensure(want.Absent), force), above},
		"a link in a log's":     {at("/grows/link", target("y")), ""},
		"new in one that grows": {at("/grows/new", text("new\n")), ""},
		"a folder in one":       {at("/grows/new", ensure(want.Directory)), "append-only (chattr +a); `chattr -a`"},
		"a folder with all":     {at("/tree", ensure(want.Absent), force), "/tree/x: operation not permitted: " + own},
		"a file in its place":   {at("/tree", text("new\n"), force), "/tree/x: operation not permitted: " + own},
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, "-- dir/x 0644 --\nold\n-- dir/log --\nold\n-- dir/link -> x --\n-- shut/y --\nold\n-- shut/sub/z --\n-- grows/y --\n-- tree/a --\n-- tree/x --\n")
			h.Flag("i", "dir/x", "shut", "tree/x")
			h.Flag("a", "dir/log", "grows")
			if tc.want == "" {
				resourcetest.Converges(t, h, tc.resource)
				return
			}
			if _, err := tc.resource.Check(t.Context(), h); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("want an error with %q, got %v", tc.want, err)
			}
			resourcetest.Refuses(t, h, tc.resource)
		})
	}
}
