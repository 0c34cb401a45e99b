package file_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/file"
	"github.com/nodeapply/apply/resources/resourcetest"
)

func sum(s string) func(*file.File)      { return func(f *file.File) { f.ChecksumValue = s } }
func validate(s string) func(*file.File) { return func(f *file.File) { f.ValidateCmd = s } }

func sha(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}

func TestValidateCmd(t *testing.T) {
	t.Run("passes", func(t *testing.T) {
		h := hosttest.New(t, `-- "a b/" --`+"\n", hosttest.RealCommands)
		resourcetest.Converges(t, h, made("/a b/x", content("good\n"), mode("0600"), validate("grep -q good $ROOT/% && test $(stat -c %%a $ROOT/%) = 600")))
	})
	t.Run("fails", func(t *testing.T) {
		h := hosttest.New(t, "-- dir/x --\nold\n", hosttest.RealCommands)
		err := resourcetest.Refuses(t, h, made("/dir/x", content("bad\n"), validate("echo no good; grep -q good $ROOT/%")))
		var failure *resources.CommandError
		if !errors.As(err, &failure) || failure.ExitCode != 1 || failure.Tail != "no good" {
			t.Errorf("want a CommandError with the output, got %v", err)
		}
		if !strings.Contains(err.Error(), "validate_cmd: exit code 1") || !strings.Contains(err.Error(), "old content kept") {
			t.Errorf("the error is %q", err)
		}
	})
	t.Run("fails, and an earlier backup stays", func(t *testing.T) {
		h := hosttest.New(t, "-- dir/x --\nold\n-- dir/x.bak --\nolder\n", hosttest.RealCommands)
		bak := func(f *file.File) { f.Backup = ".bak" }
		resourcetest.Refuses(t, h, made("/dir/x", content("bad\n"), validate("grep -q good $ROOT/%"), bak))
		if got := h.Content("/dir/x.bak"); got != "older\n" {
			t.Errorf("the backup is %q", got)
		}
		resourcetest.Converges(t, h, made("/dir/x", content("good\n"), validate("grep -q good $ROOT/%"), bak))
		if got := h.Content("/dir/x.bak"); got != "old\n" {
			t.Errorf("the backup is %q", got)
		}
	})
	t.Run("nothing new, nothing validated", func(t *testing.T) {
		h := hosttest.New(t, "-- dir/x --\nsame\n")
		resourcetest.Converges(t, h, made("/dir/x", content("same\n"), validate("false")))
	})
}

// A sparse terabyte is neither read when sizes differ nor hashed.
func TestSparseTarget(t *testing.T) {
	h := hosttest.New(t, "-- dir/x --\n")
	if err := os.Truncate(h.Path("/dir/x"), 1<<40); err != nil {
		t.Skipf("huge sparse files are not tested: %v", err)
	}
	o := resourcetest.Converges(t, h, made("/dir/x", content("hello\n")))
	want := resources.Change{Attr: "content", From: "1099511627776 bytes", To: "6 bytes, sha256:5891b5b522d5df08", Irreversible: true}
	if diff := cmp.Diff([]resources.Change{want}, o.Diff.Changes); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Contents are compared and copied in constant memory.
func TestMemory(t *testing.T) {
	const size = 256 << 20
	h := hosttest.New(t, "-- src --\n-- dir/x --\n")
	for _, name := range []string{"/src", "/dir/x"} {
		if err := os.Truncate(h.Path(name), size); err != nil {
			t.Fatal(err)
		}
	}
	src, err := os.OpenFile(h.Path("/src"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := src.WriteAt([]byte("x"), size-1); err != nil {
		t.Fatal(err)
	}
	if err := src.Close(); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f := made("/dir/x", source("/src"))
	d, err := f.Check(t.Context(), h)
	if err != nil || !d.Has("source") {
		t.Fatalf("%v %+v", err, d)
	}
	if err := f.Apply(t.Context(), h, d); err != nil {
		t.Fatal(err)
	}
	if d, err = f.Check(t.Context(), h); err != nil || !d.Empty() {
		t.Fatalf("%v %+v", err, d)
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 8<<20 {
		t.Errorf("%d bytes were allocated for a file of %d", grown, size)
	}
}

// A full disk, a write that is refused: the file is what it was, and the error says so.
func TestWriteFails(t *testing.T) {
	h := hosttest.New(t, "-- dir/x --\nold\n")
	f := made("/dir/x", content("new\n"))
	d := resourcetest.Check(t, h, f)
	err := f.Apply(t.Context(), fullDisk{h}, d)
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("want %v, got %v", syscall.ENOSPC, err)
	}
}

type fullDisk struct{ host.Host }

func (fullDisk) WriteFile(context.Context, string, host.NewFile) error { return unix.ENOSPC }

// A source that says it is empty, as those of /proc do, is read all the same.
func TestSourceThatSaysItIsEmpty(t *testing.T) {
	want, err := os.ReadFile("/proc/version")
	if err != nil {
		t.Skipf("left out: a file that has content and no size: %v", err)
	}
	for start, tree := range map[string]string{"nothing": "", "empty": "-- x --\n", "other": "-- x --\nother\n", "same": "-- x --\n" + string(want)} {
		h := pseudo{hosttest.New(t, "-- version --\n"+tree)}
		f := made("/x", source("/version"))
		d, err := f.Check(t.Context(), h)
		if err == nil && d.Empty() != (start == "same") {
			t.Errorf("%s: %v", start, d.Changes)
		}
		if err == nil && !d.Empty() {
			err = f.Apply(t.Context(), h, d)
		}
		if err != nil {
			t.Fatal(err)
		}
		if d, err := f.Check(t.Context(), h); err != nil || !d.Empty() {
			t.Errorf("%s: after it: %v, %v", start, d.Changes, err)
		}
		if diff := cmp.Diff(string(want), h.Content("/x")); diff != "" {
			t.Errorf("%s: %s", start, diff)
		}
	}
}

// pseudo is a node with /proc/version at /version.
type pseudo struct{ *hosttest.Host }

func (p pseudo) Open(name string) (host.File, error) {
	if name != "/version" {
		return p.Host.Open(name)
	}
	f, err := os.Open("/proc/version")
	if err != nil {
		return nil, err
	}
	is, err := p.Host.Lstat(name)
	return kernels{f, is}, err
}

type kernels struct {
	*os.File
	is host.Stat
}

func (k kernels) Stat() host.Stat                    { return k.is }
func (k kernels) Xattrs() (map[string][]byte, error) { return nil, nil }

// What no attribute manages goes over from the old file to the new one, and into its backup.
func TestAttributesOfTheOldFile(t *testing.T) {
	h := hosttest.New(t, "-- dir/x 0640 --\nold\n")
	acl := []byte("\x02\x00\x00\x00\x01\x00\x06\x00\xff\xff\xff\xff\x02\x00\x04\x00\x01\x00\x00\x00\x04\x00\x00\x00\xff\xff\xff\xff\x10\x00\x04\x00\xff\xff\xff\xff\x20\x00\x00\x00\xff\xff\xff\xff")
	want := map[string][]byte{"user.note": []byte("mine")}
	if err := unix.Setxattr(h.Path("/dir/x"), "user.note", want["user.note"], 0); err != nil {
		t.Skipf("extended attributes are not tested: %v", err)
	}
	if err := unix.Setxattr(h.Path("/dir/x"), "system.posix_acl_access", acl, 0); err == nil {
		want["system.posix_acl_access"] = acl
	}
	resourcetest.Converges(t, h, made("/dir/x", content("new\n"), func(f *file.File) { f.Backup = ".bak" }))
	for _, name := range []string{"/dir/x", "/dir/x.bak"} {
		got, err := h.Xattrs(name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// A target that is a mount point of its own is written through its inode.
func TestBindMount(t *testing.T) {
	resourcetest.NeedsRoot(t, noOwners)
	h := hosttest.New(t, "-- dir/x --\n\n-- real --\nold\n")
	if err := unix.Mount(h.Path("/real"), h.Path("/dir/x"), "", unix.MS_BIND, ""); err != nil {
		t.Skipf("bind mounts are not tested: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(h.Path("/dir/x"), unix.MNT_DETACH) })
	told := bring(t, h, made("/dir/x", content("new\n")))
	if len(told.Notes) != 1 || !strings.Contains(told.Notes[0], "written in place") {
		t.Errorf("notes %q, want one of a write in place", told.Notes)
	}
	if got := h.Content("/real"); got != "new\n" {
		t.Errorf("what is mounted there has %q", got)
	}
	if err := resourcetest.Refuses(t, h, made("/dir", ensure("absent"), force)); !strings.Contains(err.Error(), "/dir/x is a mount point") {
		t.Errorf("the error is %q", err)
	}
	d := resourcetest.Check(t, h, made("/dir", purge))
	if diff := cmp.Diff([]string{"/dir/x: not managed, kept: /dir/x is a mount point"}, d.Notes); diff != "" || !d.Empty() {
		t.Errorf("%+v; notes (-want +got):\n%s", d.Changes, diff)
	}
}

// bring is resourcetest.Converges for files whose inode has further names, which are touched with it.
func bring(t *testing.T, h *hosttest.Host, f *file.File) resources.Diff {
	t.Helper()
	d := resourcetest.Check(t, h, f)
	if err := f.Apply(t.Context(), h, d); err != nil {
		t.Fatal(err)
	}
	if left := resourcetest.Check(t, h, f); !left.Empty() {
		t.Fatalf("still differs after apply: %+v", left.Changes)
	}
	return d
}

// A program that runs can be replaced.
func TestRunningProgram(t *testing.T) {
	resourcetest.NeedsRoot(t, noOwners)
	h := hosttest.New(t, "-- bin/ --\n", hosttest.RealCommands)
	program, err := os.ReadFile("/bin/cat")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.Path("/bin/p"), program, 0o755); err != nil {
		t.Fatal(err)
	}
	fed, feed := io.Pipe()
	var out bytes.Buffer
	done := make(chan error)
	go func() {
		_, err := h.Run(t.Context(), host.Cmd{Args: []string{h.Path("/bin/p")}, Stdin: fed, Stream: func(_ bool, p []byte) { out.Write(p) }})
		done <- err
	}()
	_, _ = io.WriteString(feed, "still running\n")
	resourcetest.Converges(t, h, made("/bin/p", content("new\n")))
	if err := feed.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil || out.String() != "still running\n" {
		t.Errorf("the running program ended with %v and %q", err, out.String())
	}
}

// A link that somebody else can have planted is not followed, neither on the way nor at the end.
func TestPlantedLinks(t *testing.T) {
	resourcetest.NeedsRoot(t, noOwners)
	tests := map[string]struct {
		tree string
		file *file.File
	}{
		"the target, followed":             {"-- tmp/x -> /etc/victim nobody:nobody --\n", made("/tmp/x", content("z"), links("follow"))},
		"root's own link in such a folder": {"-- tmp/x -> /etc/victim --\n", made("/tmp/x", content("z"), links("follow"))},
		"the source":                       {"-- tmp/s -> /etc/victim nobody:nobody --\n", made("/dir/x", source("/tmp/s"))},
		"on the way":                       {"-- tmp/d -> /etc nobody:nobody --\n", made("/tmp/d/victim", content("z"))},
		"content in its place":             {"-- tmp/x -> /etc/victim nobody:nobody --\n", made("/tmp/x", content("z"))},
		"mode through a link":              {"-- tmp/x -> /etc/victim nobody:nobody --\n", made("/tmp/x", mode("0666"), links("follow"))},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, "-- dir/ --\n-- tmp/ 1777 --\n-- etc/victim 0600 --\nsecret\n"+test.tree)
			if err := resourcetest.Refuses(t, h, test.file); !strings.Contains(err.Error(), "refused: a link") {
				t.Errorf("the error is %q", err)
			}
		})
	}
}

// A relative link with ".." starts at the folder that it really is in.
func TestFollowThroughAFolderThatIsALink(t *testing.T) {
	h := hosttest.New(t, "-- a -> b/c --\n-- b/c/x -> ../y --\n-- b/y --\nold\n-- y --\nkeep\n")
	f := made("/a/x", content("new\n"), links("follow"))
	resourcetest.Converges(t, h, f)
	if got := h.Content("/b/y") + h.Content("/y"); got != "new\nkeep\n" {
		t.Errorf("the files have %q", got)
	}
}

// What a link leads to may be declared by itself: that is told where the two differ.
func TestFollowToAnother(t *testing.T) {
	for name, tc := range map[string]struct {
		path, content string
		want          []string
	}{
		"another content":  {"/link", "new\n", []string{"/link leads to /real, which another resource manages, too: declare all of it in one of the two"}},
		"the same":         {"/link", "old\n", nil},
		"nobody else's":    {"/other", "new\n", nil},
		"no link, but its": {"/real", "new\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, "-- link -> real --\n-- real --\nold\n-- other -> its --\n-- its --\nold\n")
			d, err := made(tc.path, content(tc.content), links("follow"), managed("/link", "/other", "/real")).Check(t.Context(), h)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, d.Notes); diff != "" {
				t.Error(diff)
			}
		})
	}
}
