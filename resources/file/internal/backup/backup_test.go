package backup

import (
	"iter"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
)

func TestAttribute(t *testing.T) {
	for value, want := range map[any]To{true: Store, false: None, "true": Store, ".bak": ".bak"} {
		var b To
		if err := b.UnmarshalAttr(value); err != nil || b != want {
			t.Errorf("%v: %q, %v", value, b, err)
		}
	}
	for _, bad := range []any{"bak", ".", "./x", "", []any{}} {
		if b := Store; bad != "" && b.UnmarshalAttr(bad) == nil {
			t.Errorf("%v was accepted", bad)
		}
	}
}

func TestKeep(t *testing.T) {
	const tree = "-- f 0640 daemon:bin --\nold\n-- folder/ 0755 root:root --\n-- l -> f root:root --\n-- pipe| 0600 root:root --\n"
	for name, tc := range map[string]struct {
		to   To
		of   string
		want string // besides what was there
	}{
		"a file":           {".bak", "/f", "-- f.bak 0640 daemon:bin --\nold\n"},
		"a link":           {".bak", "/l", "-- l.bak -> f root:root --\n"},
		"a folder":         {".bak", "/folder", ""},
		"a pipe":           {".bak", "/pipe", ""},
		"into the journal": {Store, "/f", ""},
		"nowhere":          {None, "/f", ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, tree)
			st, err := h.Lstat(tc.of)
			if err != nil {
				t.Fatal(err)
			}
			if err := tc.to.Keep(t.Context(), h, tc.of, st); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(hosttest.New(t, tree+tc.want).Snapshot(), h.Snapshot()); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("with no more ACLs than the file has", func(t *testing.T) {
		// user::rwx, user:nobody:rwx, group::r-x, mask::rwx, other::r-x
		const acl = "\x02\x00\x00\x00\x01\x00\x07\x00\xff\xff\xff\xff\x02\x00\x07\x00\xfe\xff\x00\x00\x04\x00\x05\x00\xff\xff\xff\xff\x10\x00\x07\x00\xff\xff\xff\xff\x20\x00\x05\x00\xff\xff\xff\xff"
		h := hosttest.New(t, "-- d/f 0640 --\nold\n")
		if err := unix.Setxattr(h.Path("/d"), "system.posix_acl_default", []byte(acl), 0); err != nil {
			t.Skipf("no ACLs here: %v", err)
		}
		if err := To(".bak").Keep(t.Context(), h, "/d/f", host.Stat{Kind: host.Regular}); err != nil {
			t.Fatal(err)
		}
		if got, err := h.Xattrs("/d/f.bak"); err != nil || len(got) > 0 {
			t.Errorf("%q, %v", got, err)
		}
	})
	t.Run("what is too large", func(t *testing.T) {
		h := hosttest.New(t, tree)
		err := To(".bak").Keep(t.Context(), h, "/f", host.Stat{Kind: host.Regular, Size: host.KeptSize + 1})
		if want := "backup: /f is larger than 1 GiB; old content kept"; err == nil || err.Error() != want {
			t.Errorf("want %q, got %v", want, err)
		}
	})
}

func TestKept(t *testing.T) {
	for name, tc := range map[string]struct {
		st   host.Stat
		want bool
	}{
		"nothing":          {host.Stat{}, true},
		"a file":           {host.Stat{Kind: host.Regular, Size: host.KeptSize}, true},
		"too large a file": {host.Stat{Kind: host.Regular, Size: host.KeptSize + 1}, false},
		"a folder":         {host.Stat{Kind: host.Directory, Size: host.KeptSize + 1}, true},
		"a link":           {host.Stat{Kind: host.Symlink}, true},
		"a pipe":           {host.Stat{Kind: host.Fifo}, false},
		"a socket":         {host.Stat{Kind: host.Socket}, false},
		"a device":         {host.Stat{Kind: host.CharDevice}, false},
		"another device":   {host.Stat{Kind: host.BlockDevice}, false},
	} {
		if got := Kept(tc.st); got != tc.want {
			t.Errorf("%s: want %v, got %v", name, tc.want, got)
		}
	}
}

// full is a node with a folder of as many names as are kept, itself included, and of one more.
type full struct {
	host.View
	more int
}

func (f full) ReadDir(string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for i := 1; i < host.KeptNames+f.more && yield("f", nil); i++ {
		}
	}
}

// A folder is kept with all that is in it, or not whole.
func TestKeptWhole(t *testing.T) {
	for name, tc := range map[string]struct {
		tree string
		more int // names than are kept, -1 for those of the tree
		want bool
	}{
		"files, folders and links": {"-- d/f --\n-- d/sub/l -> nowhere --\n", -1, true},
		"a pipe below":             {"-- d/f --\n-- d/sub/deep/pipe| 0600 --\n", -1, false},
		"a pipe itself":            {"-- d| 0600 --\n", -1, false},
		"as many as are kept":      {"-- d/f --\n", 0, true},
		"one too many":             {"-- d/f --\n", 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, tc.tree)
			var v host.View = h
			if tc.more >= 0 {
				v = full{h, tc.more}
			}
			st, err := v.Lstat("/d")
			if err != nil {
				t.Fatal(err)
			}
			if got, err := KeptWhole(v, "/d", st); err != nil || got != tc.want {
				t.Errorf("want %v, got %v, %v", tc.want, got, err)
			}
		})
	}
}

// bottomless is a node with folders in folders without end.
type bottomless struct{ host.View }

func (bottomless) Lstat(string) (host.Stat, error) { return host.Stat{Kind: host.Directory}, nil }
func (bottomless) ReadDir(string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) { yield("d", nil) }
}

// What is too deep to be named is not kept.
func TestKeptWholeOfWhatIsDeep(t *testing.T) {
	if kept, err := KeptWhole(bottomless{}, "/d", host.Stat{Kind: host.Directory}); kept || err != nil {
		t.Errorf("%v, %v", kept, err)
	}
}
