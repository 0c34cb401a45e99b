//go:build linux && amd64

package fault

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const mallory = 4242

// TestRace lets the owner of a folder swap it, its files and links with others while apply works there as root: nothing outside is touched.
func TestRace(t *testing.T) {
	span := 5 * time.Second
	if whole {
		span = 60 * time.Second
	}
	dir := onTmpfs(t)
	manifest := strings.ReplaceAll(`
file "DIR/home/mine" {
  content = "N\n"
  owner   = "mallory"
  mode    = "0777"
  links   = "follow"
}
file "DIR/home/sub/deep" {
  content = "N\n"
  owner   = "mallory"
  mode    = "0666"
}
file "DIR/home/sub" {
  ensure  = "directory"
  owner   = "mallory"
  mode    = "0777"
}
file "DIR/home/tree" {
  ensure  = "directory"
  recurse = true
  owner   = "mallory"
  mode    = "0777"
}
file "DIR/home/gone" {
  ensure = "absent"
  force  = true
}
`, "DIR", dir)
	runs, swaps, ended, escapes := 0, int64(0), map[int]int{}, 0
	for until := time.Now().Add(span); time.Now().Before(until); runs++ {
		arena := newArena(t, dir) // anew: a run may well put the declared thing in the place of a link, and there is none to be followed any more
		stop := arena.attack(t)
		end := applyText(t, dir, strings.ReplaceAll(manifest, `"N\n"`, fmt.Sprintf(`"%d\n"`, runs)))
		swaps += stop()
		ended[end.code]++
		if end.code != 0 && end.code != 4 {
			t.Fatalf("exit code %d\n%s", end.code, end.output())
		}
		for _, e := range arena.escapes(t) {
			escapes++
			t.Error(e)
		}
	}
	if swaps < 1000 {
		t.Errorf("the attacker swapped only %d times", swaps)
	}

	arena := newArena(t, dir)
	stop := arena.attack(t)
	control := exec.CommandContext(t.Context(), programs.control, "chown", filepath.Join(dir, "home"), fmt.Sprint(mallory))
	if err := control.Start(); err != nil {
		t.Fatal(err)
	}
	begin, look := time.Now(), time.NewTicker(50*time.Millisecond)
	defer look.Stop()
	var red []string
	for ; len(red) == 0 && time.Since(begin) < limit; <-look.C {
		red = arena.escapes(t)
	}
	stop()
	_ = control.Process.Kill()
	_ = control.Wait()
	if len(red) == 0 {
		t.Error("the harness found nothing outside changed by a control that does Lstat, then Chown")
	}
	record(t, "escapes from a folder that its owner swaps meanwhile", fmt.Sprintf("%d in %d runs against %d swaps (exit codes %v)", escapes, runs, swaps, ended),
		fmt.Sprintf("Lstat, then Chown: one after %v", time.Since(begin).Round(100*time.Millisecond)))
}

// TestRaceForContent lets the owner of a folder swap a file of his with a link to root's, and with root's own file in that folder, while apply edits
// it: he gets to see neither.
func TestRaceForContent(t *testing.T) {
	span := 3 * time.Second
	if whole {
		span = 60 * time.Second
	}
	dir := onTmpfs(t)
	scene := func() (seen func() string, stop func() int64) {
		arena := newArena(t, dir)
		home := filepath.Join(dir, "home")
		writeFile(t, filepath.Join(home, "kept"), "root's own\n", 0o600)
		writeFile(t, filepath.Join(home, "lines"), "his\n", 0o644)
		if err := os.Chown(filepath.Join(home, "lines"), mallory, mallory); err != nil {
			t.Fatal(err)
		}
		stop = arena.swapping(t, map[string]string{"lines.l": filepath.Join(dir, "outside/secret")}, [][2]string{{"lines", "lines.l"}, {"lines", "kept"}})
		return func() string { return arena.seen(t, "lines", "lines.l", "kept") }, stop
	}
	const edits = `
line "many" {
  for_each = toset([for n in range(20) : tostring(n)])
  path     = "FILE"
  line     = each.key
}
`
	runs, edited, swaps, ended, found := 0, 0, int64(0), map[int]int{}, ""
	for until := time.Now().Add(span); found == "" && time.Now().Before(until); {
		seen, stop := scene() // anew: once both files are root's there is nothing to be shown
		end := applyText(t, dir, strings.ReplaceAll(edits, "FILE", filepath.Join(dir, "home/lines")))
		runs++
		ended[end.code]++
		if end.code != 0 && end.code != 4 {
			t.Fatalf("exit code %d\n%s", end.code, end.output())
		}
		if strings.Contains(end.output(), ": changed") {
			edited++
		}
		swaps += stop()
		found = seen()
	}
	if found != "" {
		t.Error(found)
	}
	if edited == 0 || swaps < 1000 {
		t.Errorf("%d swaps, %d of %d runs edited anything: nothing was tested", swaps, edited, runs)
	}

	begin, red := time.Now(), ""
	for red == "" && time.Since(begin) < limit {
		seen, stop := scene()
		_ = exec.CommandContext(t.Context(), programs.control, "edit", filepath.Join(dir, "home")).Run() // it ends by itself
		stop()
		red = seen()
	}
	if red == "" {
		t.Error("the harness found nothing shown by a control that reads a name, then writes with the owner that it finds there")
	}
	record(t, "contents shown to a folder's owner who swaps names meanwhile", fmt.Sprintf("0 in %d runs against %d swaps (exit codes %v)", runs, swaps, ended),
		fmt.Sprintf("reads, then asks whose it is: one after %v", time.Since(begin).Round(100*time.Millisecond)))
}

// seen returns which of the files in mallory's folder shows him what is root's, "" if none does.
func (a *arena) seen(t *testing.T, names ...string) string {
	t.Helper()
	for _, name := range names {
		f, err := os.OpenFile(filepath.Join(a.dir, "home", name), os.O_RDONLY|unix.O_NOFOLLOW, 0)
		if err != nil {
			continue // a link, or gone for the moment
		}
		info, err := f.Stat()
		content, readErr := io.ReadAll(f)
		if err := errors.Join(err, readErr, f.Close()); err != nil {
			t.Fatal(err)
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if ok && (st.Uid == mallory || info.Mode()&0o004 != 0) && strings.Contains(string(content), "root's own") {
			return fmt.Sprintf("%s, of %d, mode %v, shows %q", name, st.Uid, info.Mode(), content)
		}
	}
	return ""
}

// arena is a folder of mallory's, and what is root's around it.
type arena struct {
	dir     string
	outside map[string]thing
}

func newArena(t *testing.T, dir string) *arena {
	t.Helper()
	a := &arena{dir: dir}
	for _, name := range []string{"home", "outside"} {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"outside/", "outside/tree/", "outside/tree/x", "outside/secret", "outside/deep", "home/", "home/mine", "home/sub/", "home/sub/deep",
		"home/tree/", "home/tree/x", "home/gone/", "home/gone/x"} {
		full := filepath.Join(dir, name)
		if strings.HasSuffix(name, "/") {
			if err := os.Mkdir(full, 0o700); err != nil {
				t.Fatal(err)
			}
		} else {
			writeFile(t, full, "root's own\n", 0o600)
		}
		if strings.HasPrefix(name, "home") {
			if err := os.Chown(full, mallory, mallory); err != nil {
				t.Fatal(err)
			}
		}
	}
	// Mallory may enter, and must not see.
	if err := os.Chmod(filepath.Join(dir, "outside"), 0o711); err != nil {
		t.Fatal(err)
	}
	a.outside = a.look(t)
	return a
}

func (a *arena) look(t *testing.T) map[string]thing {
	st := stage{dir: filepath.Join(a.dir, "outside")}
	return st.look(t)
}

func (a *arena) escapes(t *testing.T) []string {
	t.Helper()
	return differences("the run", a.outside, a.look(t))
}

// attack swaps names for links to what is root's, as mallory, until stop, which returns how often.
func (a *arena) attack(t *testing.T) (stop func() int64) {
	t.Helper()
	home, outside := filepath.Join(a.dir, "home"), filepath.Join(a.dir, "outside")
	links := map[string]string{"mine.l": "secret", "sub.l": "", "tree.l": "tree", "gone.l": "tree"}
	var pairs [][2]string
	for name, target := range links {
		links[name] = filepath.Join(outside, target)
		pairs = append(pairs, [2]string{strings.TrimSuffix(name, ".l"), name})
	}
	return a.swapping(t, links, pairs, func() {
		_ = os.Mkdir(filepath.Join(home, "gone"), 0o700)
		_ = os.Symlink(filepath.Join(outside, "secret"), filepath.Join(home, "tree", "l"))
		_ = os.Symlink(filepath.Join(outside, "tree"), filepath.Join(home, "gone", "l"))
	})
}

// swapping makes the links in mallory's folder and exchanges the pairs of names there, as mallory, until stop, which returns how often.
func (a *arena) swapping(t *testing.T, links map[string]string, pairs [][2]string, also ...func()) (stop func() int64) {
	t.Helper()
	var swaps atomic.Int64
	var done atomic.Bool
	ended := make(chan struct{})
	home := filepath.Join(a.dir, "home")
	go asMallory(func() {
		defer close(ended)
		for name, target := range links {
			_ = os.Symlink(target, filepath.Join(home, name))
		}
		for !done.Load() {
			for _, p := range pairs {
				if unix.Renameat2(unix.AT_FDCWD, filepath.Join(home, p[0]), unix.AT_FDCWD, filepath.Join(home, p[1]), unix.RENAME_EXCHANGE) == nil {
					swaps.Add(1)
				}
			}
			for _, f := range also {
				f()
			}
		}
	})
	return func() int64 {
		done.Store(true)
		<-ended
		return swaps.Load()
	}
}

// asMallory runs f on a thread that belongs to another user.
func asMallory(f func()) {
	runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
	for _, call := range []struct{ nr, a, b, c uintptr }{
		{unix.SYS_SETGROUPS, 0, 0, 0}, {unix.SYS_SETRESGID, mallory, mallory, mallory}, {unix.SYS_SETRESUID, mallory, mallory, mallory},
	} {
		if _, _, errno := syscall.RawSyscall(call.nr, call.a, call.b, call.c); errno != 0 {
			panic(errno)
		}
	}
	f()
}
