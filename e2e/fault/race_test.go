//go:build linux && amd64

package fault

import (
	"fmt"
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
	arena := newArena(t, dir)
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
	stop := arena.attack(t)
	runs, ended := 0, map[int]int{}
	for until := time.Now().Add(span); time.Now().Before(until); runs++ {
		end := applyText(t, dir, strings.ReplaceAll(manifest, `"N\n"`, fmt.Sprintf(`"%d\n"`, runs)))
		ended[end.code]++
		if end.code != 0 && end.code != 4 {
			t.Fatalf("exit code %d\n%s", end.code, end.output())
		}
	}
	swaps := stop()
	if swaps < 1000 {
		t.Errorf("the attacker swapped only %d times", swaps)
	}
	escapes := arena.escapes(t)
	for _, e := range escapes {
		t.Error(e)
	}

	arena = newArena(t, dir)
	stop = arena.attack(t)
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
	record(t, "escapes from a folder that its owner swaps meanwhile", fmt.Sprintf("%d in %d runs against %d swaps (exit codes %v)", len(escapes), runs, swaps, ended),
		fmt.Sprintf("Lstat, then Chown: one after %v", time.Since(begin).Round(100*time.Millisecond)))
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

// attack swaps as mallory until stop, which returns how often.
func (a *arena) attack(t *testing.T) (stop func() int64) {
	t.Helper()
	var swaps atomic.Int64
	var done atomic.Bool
	ended := make(chan struct{})
	home, outside := filepath.Join(a.dir, "home"), filepath.Join(a.dir, "outside")
	swap := func(one, other string) {
		if unix.Renameat2(unix.AT_FDCWD, filepath.Join(home, one), unix.AT_FDCWD, filepath.Join(home, other), unix.RENAME_EXCHANGE) == nil {
			swaps.Add(1)
		}
	}
	go asMallory(func() {
		defer close(ended)
		for name, target := range map[string]string{"mine.l": "secret", "sub.l": "", "tree.l": "tree", "gone.l": "tree"} {
			_ = os.Symlink(filepath.Join(outside, target), filepath.Join(home, name))
		}
		for !done.Load() {
			for _, name := range []string{"mine", "sub", "tree", "gone"} {
				swap(name, name+".l")
			}
			_ = os.Mkdir(filepath.Join(home, "gone"), 0o700)
			_ = os.Symlink(filepath.Join(outside, "secret"), filepath.Join(home, "tree", "l"))
			_ = os.Symlink(filepath.Join(outside, "tree"), filepath.Join(home, "gone", "l"))
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
