package trace

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// open is Open and New.
func open(mounts []string) (*Tracer, error) {
	group, err := Open(mounts)
	if err != nil {
		return nil, err
	}
	return New(group)
}

func start(t *testing.T, mounts ...string) *Tracer {
	t.Helper()
	tr, err := open(mounts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tr.Close(); err != nil {
			t.Error(err)
		}
	})
	return tr
}

func take(t *testing.T, tr *Tracer) Set {
	t.Helper()
	s, err := tr.Take()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTake(t *testing.T) {
	n := newNode(t, `echo f >f; echo g >g; echo own >own; echo x >'f (deleted)'; mkdir d; echo d >d/in; cp /bin/true prog; mkfifo pipe; mknod null c 1 3; ln -s f link; truncate -s 3G large`)
	mount(t, "proc", "/proc", "")
	mount(t, "tmpfs", "/dev/shm", "")
	tr := start(t, n.root, "/proc", "/dev/shm")
	for _, tc := range []struct {
		name, script  string
		read, written string // names in the overlay
	}{
		{"nothing", `true`, "", ""},
		{"read", `cat f d/in >/dev/null`, "d/in f", ""},
		{"read through a link", `cat link >/dev/null`, "f", ""},
		{"opened and not read", `: <f`, "f", ""},
		{"run", `./prog`, "prog", ""},
		{"created", `echo 1 >new`, "", "new"},
		{"written, of the lower layer", `echo 1 >>f`, "", "f"},
		{"opened for writing", `: >>g`, "", "g"},
		{"emptied", `: >g`, "", "g"},
		{"read, then written", `cat f >/dev/null; echo 2 >>f`, "f", "f"},
		{"read and written", `cp f d/copy`, "f", "d/copy"},
		{"removed", `echo 1 >tmp; rm tmp`, "", "tmp"},
		{"removed after reading", `cat d/copy >/dev/null; rm d/copy`, "d/copy", ""},
		{"a name like that of a removed file", `cat 'f (deleted)' >/dev/null`, "f_(deleted)", ""},
		{"such a name, removed", `echo 1 >'h (deleted)'; rm 'h (deleted)'`, "", "h_(deleted)"},
		{"read by a child's child", `sh -c 'sh -c "cat f" | cat' >/dev/null`, "f", ""},
		{"listed", `ls -la . d >/dev/null; stat f >/dev/null`, "", ""},
		{"a large file", `head -c 1 large >/dev/null`, "large", ""},
		{"a fifo and a device", `cat pipe >/dev/null & echo 1 >pipe; wait; cat null; echo 1 >null`, "", ""},
		{"proc and dev", `cat /proc/self/status >/dev/null; echo 1 >/dev/shm/x; rm /dev/shm/x`, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := os.ReadFile(n.root + "/own"); err != nil { // this process is not listened to
				t.Fatal(err)
			}
			sh(t, n.root, tc.script)
			names := func(list string) (out []string) {
				for _, name := range strings.Fields(list) {
					out = append(out, n.root+"/"+strings.ReplaceAll(name, "_", " "))
				}
				return out
			}
			if diff := cmp.Diff(Set{names(tc.read), names(tc.written)}, take(t, tr)); diff != "" {
				t.Error("-want +got\n", diff)
			}
		})
	}
	t.Run("mapped and not read", func(t *testing.T) {
		again(t, n.root, "map", "f")
		if diff := cmp.Diff(Set{Read: []string{n.root + "/f"}}, take(t, tr)); diff != "" {
			t.Error("-want +got\n", diff)
		}
	})
}

// TestFileOf: when the goroutine reads an event is a matter of luck, and kernels differ in whether they tell of anything but regular files.
func TestFileOf(t *testing.T) {
	for _, tc := range []struct {
		name, make, then string // scripts, before and after something is opened
		open             string
		want             string
	}{
		{"regular", `: >f`, ``, "f", "f"},
		{"renamed", `: >f`, `mv f g`, "f", "g"},
		{"removed", `: >f`, `rm f`, "f", "f"},
		{"removed and made again", `: >f`, `rm f; : >f`, "f", "f"},
		{"removed, with another name", `: >f; ln f g`, `rm f`, "f", "f"},
		{"removed, beside a name like that", `: >f; : >'f (deleted)'`, `rm f`, "f", "f"},
		{"a name like that", `: >'f (deleted)'`, ``, "f (deleted)", "f (deleted)"},
		{"folder", `mkdir d`, ``, "d", ""},
		{"fifo", `mkfifo p`, ``, "p", ""},
		{"device", `ln -s /dev/null null`, ``, "null", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			sh(t, dir, tc.make)
			fd, err := unix.Open(filepath.Join(dir, tc.open), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(fd)
			sh(t, dir, tc.then)
			want := tc.want
			if want != "" {
				want = dir + "/" + want
			}
			if got, err := fileOf(fd); got != want || err != nil {
				t.Errorf("want %q, got %q, %v", want, got, err)
			}
		})
	}
}

// TestRenamed: an event tells the file, whose name is looked up when the event is read: that of its opening may still find the old name, and that of the
// write the new one. What is written is told by one of them, and nothing else is read.
func TestRenamed(t *testing.T) {
	n := newNode(t, "")
	tr := start(t, n.root)
	sh(t, n.root, `echo 1 >a; mv a b`)
	s := take(t, tr)
	before := func(name string) bool { return name == n.root+"/a" }
	either := func(name string) bool { return before(name) || name == n.root+"/b" }
	if len(s.Written) == 0 || !all(s.Written, either) || !all(s.Read, before) {
		t.Errorf("%q", s)
	}
}

func all(names []string, is func(string) bool) bool {
	return !slices.ContainsFunc(names, func(name string) bool { return !is(name) })
}

// TestOtherMounts: a file system is listened to through all its mounts.
func TestOtherMounts(t *testing.T) {
	n := newNode(t, `mkdir d; echo f >d/f`)
	tr := start(t, n.root)
	at := t.TempDir()
	if err := unix.Mount(n.root+"/d", at, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Unmount(at, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	}()
	sh(t, at, `cat f >/dev/null`)
	if diff := cmp.Diff(Set{Read: []string{at + "/f"}}, take(t, tr)); diff != "" {
		t.Error("-want +got\n", diff)
	}
}

// mapFile uses a file without read(2).
func mapFile(args []string) error {
	f, err := os.Open(args[0])
	if err != nil {
		return err
	}
	defer f.Close()
	m, err := unix.Mmap(int(f.Fd()), 0, 1, unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil || m[0] != 'f' {
		return fmt.Errorf("map: %q, %w", m, err)
	}
	return unix.Munmap(m)
}

// TestCapabilitiesDropped: in a pid namespace, whose first process it is, as in a sandbox.
func TestCapabilitiesDropped(t *testing.T) {
	canDrop(t)
	n := newNode(t, `echo own >own; echo f >f; chmod 400 f; echo g >g; chmod 400 g; chown 65534 g`)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out := child(t, n.root, []string{role + "=dropped"}, "unshare", "--pid", "--fork", "--mount-proc", exe, n.root)
	if diff := cmp.Diff(fmt.Sprintf("read [%[1]s/f] written [%[1]s/new]\nread [%[1]s/g]\n", n.root), out); diff != "" {
		t.Error("-want +got\n", diff)
	}
}

// traceDropped starts a Tracer, drops all capabilities and takes what children of two users did.
func traceDropped(args []string) error {
	other := exec.Command("sh", "-ec", "read go; cat g")
	other.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	in, err := other.StdinPipe()
	if err != nil {
		return err
	}
	if err := other.Start(); err != nil {
		return err
	}
	tr, err := open(args)
	if err != nil {
		return err
	}
	if err := dropAll(); err != nil {
		return err
	}
	if _, err := os.ReadFile("g"); err == nil {
		return errors.New("g is not out of reach")
	}
	if _, err := os.ReadFile("own"); err != nil {
		return err
	}
	if out, err := exec.Command("sh", "-ec", "cat f; echo 1 >new").CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	s, err := tr.Take()
	if err != nil {
		return err
	}
	fmt.Println("read", s.Read, "written", s.Written)
	fmt.Fprintln(in)
	if err := other.Wait(); err != nil {
		return err
	}
	if s, err = tr.Take(); err != nil {
		return err
	}
	fmt.Println("read", s.Read)
	return tr.Close()
}

func TestStartRefused(t *testing.T) {
	inside(t)
	missing := filepath.Join(t.TempDir(), "missing")
	before := descriptors(t)
	_, err := open([]string{missing})
	if !errors.Is(err, syscall.ENOENT) || !strings.Contains(err.Error(), missing) {
		t.Error(err)
	}
	if now := descriptors(t); now != before {
		t.Errorf("%d descriptors before, %d after", before, now)
	}
}

func TestClose(t *testing.T) {
	n := newNode(t, "")
	tr, err := open([]string{n.root})
	if err != nil {
		t.Fatal(err)
	}
	if err := tr.Close(); err != nil {
		t.Error(err)
	}
	select {
	case <-tr.done:
	default:
		t.Error("the goroutine goes on")
	}
	if _, err := tr.Take(); !errors.Is(err, os.ErrClosed) {
		t.Error("taken after Close: ", err)
	}
	if err := tr.Close(); !errors.Is(err, os.ErrClosed) {
		t.Error("closed again: ", err)
	}
}
