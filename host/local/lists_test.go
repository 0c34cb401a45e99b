package local_test

import (
	"context"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
)

// Somebody has set access lists, of his folder and his things in it, that let him in whatever the owner of an entry is: with another owner they are gone,
// and with himself they stay.
func TestListsOfOthers(t *testing.T) {
	needsRoot(t, "folders of other users")
	const access, inherited = "system.posix_acl_access", "system.posix_acl_default"
	const list = "\x02\x00\x00\x00" + "\x01\x00\x07\x00\xff\xff\xff\xff" + "\x02\x00\x07\x00\xfe\xff\x00\x00" +
		"\x04\x00\x05\x00\xff\xff\xff\xff" + "\x10\x00\x07\x00\xff\xff\xff\xff" + "\x20\x00\x05\x00\xff\xff\xff\xff"
	const tree = "-- roots/ 0755 --\n-- bob/ 0755 nobody:nobody --\n-- bob/f 0644 nobody:nobody --\nhis\n-- bob/d/ 0755 nobody:nobody --\n" +
		"-- etc/passwd --\nnobody:x:65534:65534::/:/bin/sh\n-- etc/group --\nnobody:x:65534:\n"
	write := func(ctx context.Context, h host.Host, name string, m host.Meta) error {
		f := content("x\n")
		f.Meta = m
		return h.WriteFile(ctx, name, f)
	}
	mkdir := func(ctx context.Context, h host.Host, name string, m host.Meta) error { return h.Mkdir(ctx, name, m) }
	meta := func(ctx context.Context, h host.Host, name string, m host.Meta) error { return h.SetMeta(ctx, name, m) }
	roots, bobs := host.Meta{UID: ptr(0), Mode: ptr(0o750)}, host.Meta{UID: ptr(65534), Mode: ptr(0o750)}
	given := host.Meta{UID: ptr(0), Mode: ptr(0o750), Xattrs: map[string][]byte{access: []byte(list)}}
	for name, c := range map[string]struct {
		do   func(ctx context.Context, h host.Host, name string, m host.Meta) error
		at   string
		meta host.Meta
		want []string
	}{
		"a new file":                  {write, "/bob/new", roots, nil},
		"a new file without an owner": {write, "/bob/new", host.Meta{}, nil},
		"a new folder":                {mkdir, "/bob/new", roots, nil},
		"his file, written":           {write, "/bob/f", roots, nil},
		"his file, another owner":     {meta, "/bob/f", roots, nil},
		"his folder, another owner":   {meta, "/bob/d", roots, nil},
		"a new file of his":           {write, "/bob/new", bobs, []string{access}},
		"a new folder of his":         {mkdir, "/bob/new", bobs, []string{access, inherited}},
		"his file, written for him":   {write, "/bob/f", host.Meta{}, []string{access}},
		"his folder, another mode":    {meta, "/bob/d", host.Meta{Mode: ptr(0o700)}, []string{access, inherited}},
		"as it was, with its list":    {meta, "/bob/f", given, []string{access}},
		"a new file in root's folder": {write, "/roots/new", bobs, []string{access}},
		"a new folder in root's":      {mkdir, "/roots/new", roots, []string{access, inherited}},
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, tree)
			for _, of := range []string{"bob", "bob/d", "roots"} {
				if err := unix.Setxattr(h.Path(of), inherited, []byte(list), 0); err != nil {
					t.Skipf("left out: the file system of the temporary directory has no access lists: %v", err)
				}
			}
			for _, of := range []string{"bob/f", "bob/d"} {
				if err := unix.Setxattr(h.Path(of), access, []byte(list), 0); err != nil {
					t.Fatal(err)
				}
			}
			if err := c.do(t.Context(), h, c.at, c.meta); err != nil {
				t.Fatal(err)
			}
			got, err := h.Xattrs(c.at)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, slices.Sorted(maps.Keys(got))); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}
