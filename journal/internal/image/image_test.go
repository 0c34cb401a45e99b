package image

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
)

// What an undo puts back is as open as it was when it was kept, whatever its user had put in its place meanwhile.
func TestImageOfWhatIsExchanged(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root; left out: files of other users")
	}
	h := &hosttest.Exchanging{Host: hosttest.New(t, "-- bob/ 0755 nobody:nobody --\n-- bob/his 0644 nobody:nobody --\nhis\n-- bob/root 0600 --\nsecret\n"), One: "/bob/his", Two: "/bob/root"}
	img, err := In(t.TempDir()).Take(t.Context(), h, "/bob/his", true)
	if err != nil {
		t.Fatal(err)
	}
	sum := img.Sum
	if diff := cmp.Diff(&Image{Kind: "file", Mode: 0o600}, &Image{Kind: img.Kind, Mode: img.Mode, UID: img.UID, GID: img.GID, Xattrs: img.Xattrs}); diff != "" || sum == "" {
		t.Errorf("content %q: -want +got\n%s", sum, diff)
	}
}

// What is put back is as open as it was, whatever ACLs the folder that it is in hands down.
func TestPutBackKeepsFolderACLsOut(t *testing.T) {
	// user::rwx, user:nobody:rwx, group::r-x, mask::rwx, other::r-x
	const acl = "\x02\x00\x00\x00\x01\x00\x07\x00\xff\xff\xff\xff\x02\x00\x07\x00\xfe\xff\x00\x00\x04\x00\x05\x00\xff\xff\xff\xff\x10\x00\x07\x00\xff\xff\xff\xff\x20\x00\x05\x00\xff\xff\xff\xff"
	h := hosttest.New(t, "-- a/file 0640 --\nold\n-- a/folder/ 0750 --\n-- a/own 0660 --\nold\n")
	if err := unix.Setxattr(h.Path("/a/own"), "system.posix_acl_access", []byte(acl), 0); err != nil {
		t.Skipf("no ACLs here: %v", err)
	}
	if err := unix.Setxattr(h.Path("/a"), "system.posix_acl_default", []byte(acl), 0); err != nil {
		t.Fatal(err)
	}
	before := h.Snapshot()
	k := In(t.TempDir())
	want, got := map[string]map[string][]byte{}, map[string]map[string][]byte{}
	images := map[string]*Image{}
	for _, name := range []string{"/a/file", "/a/folder", "/a/own"} {
		var err error
		if images[name], err = k.Take(t.Context(), h, name, true); err != nil {
			t.Fatal(err)
		}
		want[name] = images[name].Xattrs
		if err := h.Remove(t.Context(), name, true); err != nil {
			t.Fatal(err)
		}
	}
	for name, img := range images {
		if err := k.PutBack(t.Context(), h, name, *img); err != nil {
			t.Fatal(err)
		}
		var err error
		if got[name], err = h.Xattrs(name); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" || len(want["/a/own"]) != 1 {
		t.Error(diff)
	}
	if diff := cmp.Diff(before, h.Snapshot()); diff != "" {
		t.Error(diff)
	}
}

// Whatever was at a name is put back over whatever is there now, and where that is not possible what is there now stays.
func TestPutBack(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root; left out: files of other users")
	}
	things := map[string]string{
		"nothing":  "-- a/ --\n",
		"a file":   "-- a/ --\n-- a/x 0640 daemon:bin --\nold\n",
		"a folder": "-- a/ --\n-- a/x/ 0750 daemon:bin --\n",
		"a link":   "-- a/ --\n-- a/x -> ../b daemon:bin --\n",
		"a pipe":   "-- a/ --\n-- a/x| 0600 --\n",
	}
	now := maps.Clone(things)
	now["a link of root's"] = "-- a/ --\n-- a/x -> ../b --\n"
	now["a pipe"] = "-- a/ --\n-- a/x| 0640 daemon:bin --\n"
	now["another file"] = "-- a/ --\n-- a/x 0600 --\nnew\n"
	now["another link"] = "-- a/ --\n-- a/x -> elsewhere --\n"
	for was, before := range things {
		for is, after := range now {
			for _, damaged := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s over %s, damaged %v", was, is, damaged), func(t *testing.T) {
					state := t.TempDir()
					k := In(state)
					img, err := k.Take(t.Context(), hosttest.New(t, before), "/a/x", true)
					if err != nil {
						t.Fatal(err)
					}
					if damaged {
						if err := os.RemoveAll(filepath.Join(state, "store")); err != nil {
							t.Fatal(err)
						}
					}
					h := hosttest.New(t, after)
					want, fails := hosttest.New(t, before).Snapshot(), was == "a pipe" && is != "a pipe" || was == "a file" && damaged
					if fails {
						want = h.Snapshot()
					}
					if err := k.PutBack(t.Context(), h, "/a/x", *img); (err != nil) != fails {
						t.Error(err)
					}
					if diff := cmp.Diff(want, h.Snapshot()); diff != "" {
						t.Error(diff)
					}
				})
			}
		}
	}
}

// A link that was pointed elsewhere since is not as it was left; of one that an earlier version has recorded only the rest is known.
func TestTraceOfALink(t *testing.T) {
	h := hosttest.New(t, "-- l -> here --\n")
	left, err := TraceOf(h, "/l")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Symlink(t.Context(), "there", "/l"); err != nil {
		t.Fatal(err)
	}
	now, err := TraceOf(h, "/l")
	if err != nil {
		t.Fatal(err)
	}
	earlier := left
	earlier.Target = nil
	if diff := cmp.Diff([]bool{true, false, true}, []bool{left.Same(left), now.Same(left), now.Same(earlier)}); diff != "" {
		t.Error(diff)
	}
}

// Nothing is below links that lead to each other: an undo that makes the folder anew finds that it is as it was left.
func TestBelowALoop(t *testing.T) {
	h := hosttest.New(t, "-- l -> l --\n")
	left, err := TraceOf(h, "/l/x")
	if err != nil || left.Kind != "absent" {
		t.Errorf("%+v, %v", left, err)
	}
	if is, err := (&Image{Kind: "absent"}).Is(h, "/l/x"); !is || err != nil {
		t.Errorf("%t, %v", is, err)
	}
}

func TestIs(t *testing.T) {
	const before = "-- a/file 0644 --\nold\n-- a/link -> file --\n-- a/folder/ 0755 --\n"
	mode := uint32(0o600)
	for name, tc := range map[string]struct {
		of     string
		change func(h host.Host) error
		want   bool
	}{
		"nothing":          {"/a/file", nil, true},
		"the same content": {"/a/file", func(h host.Host) error { return write(t, h, "/a/file", "old\n") }, true},
		"other content":    {"/a/file", func(h host.Host) error { return write(t, h, "/a/file", "new\n") }, false},
		"other mode":       {"/a/file", func(h host.Host) error { return h.SetMeta(t.Context(), "/a/file", host.Meta{Mode: &mode}) }, false},
		"gone":             {"/a/file", func(h host.Host) error { return h.Remove(t.Context(), "/a/file", false) }, false},
		"a link":           {"/a/link", nil, true},
		"another target":   {"/a/link", func(h host.Host) error { return h.Symlink(t.Context(), "folder", "/a/link") }, false},
		"a folder":         {"/a/folder", func(h host.Host) error { return write(t, h, "/a/folder/new", "x") }, true},
		"still absent":     {"/a/none", nil, true},
		"made":             {"/a/none", func(h host.Host) error { return write(t, h, "/a/none", "x") }, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, before)
			img, err := In(t.TempDir()).Take(t.Context(), h, tc.of, true)
			if err != nil {
				t.Fatal(err)
			}
			if tc.change != nil {
				if err := tc.change(h); err != nil {
					t.Fatal(err)
				}
			}
			got, err := img.Is(h, tc.of)
			if err != nil || got != tc.want {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
}

func write(t *testing.T, h host.Host, name, content string) error {
	t.Helper()
	mode := uint32(0o644)
	return h.WriteFile(t.Context(), name, host.NewFile{Content: strings.NewReader(content), Meta: host.Meta{Mode: &mode}})
}
