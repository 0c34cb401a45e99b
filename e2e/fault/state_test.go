//go:build linux && amd64

package fault

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/e2e/fault/ptrace"
)

// damages are what disks and people do to a file.
var damages = map[string]func(name string, b []byte) error{
	"truncated": func(name string, b []byte) error { return os.Truncate(name, int64(len(b)/2)) },
	"emptied":   func(name string, _ []byte) error { return os.Truncate(name, 0) },
	"zeroed":    func(name string, b []byte) error { return os.WriteFile(name, make([]byte, len(b)), 0o600) },
	"flipped": func(name string, b []byte) error {
		if len(b) > 0 {
			b[len(b)/3] ^= 0x10
		}
		return os.WriteFile(name, b, 0o600)
	},
	"removed": func(name string, _ []byte) error { return os.Remove(name) },
	"a folder": func(name string, _ []byte) error {
		if err := os.Remove(name); err != nil {
			return err
		}
		return os.Mkdir(name, 0o700)
	},
	"a pipe": func(name string, _ []byte) error {
		if err := os.Remove(name); err != nil {
			return err
		}
		return unix.Mkfifo(name, 0o600)
	},
}

// TestBrokenState damages each file of the state folder that a killed run left behind: the next run tells of it and converges all the same.
func TestBrokenState(t *testing.T) {
	base := onTmpfs(t)
	st := small.set(t, base)
	total := len(st.traced(t, nil).Calls)
	after := st.look(t)
	tried, red := 0, 0
	for what, damage := range damages {
		for _, file := range leftBy(t, base, total*2/3) {
			if file == "lock" && (what == "a folder" || what == "a pipe") {
				continue // nobody can be kept out by it, and nothing starts
			}
			st := killedAt(t, base, total*2/3)
			name := newest(t, filepath.Join(st.state(), file))
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if err := damage(name, b); err != nil {
				t.Fatal(err)
			}
			tried++
			end := runProgram(t, limit, st.args...)
			var found []string
			if end.code != 0 {
				found = append(found, fmt.Sprintf("exit code %d", end.code))
			}
			if strings.HasPrefix(file, "journal") && what != "removed" && !strings.Contains(end.output(), "journal of run") {
				found = append(found, "nothing tells of it")
			}
			is := st.look(t)
			if strings.HasPrefix(file, "journal") { // it alone says which temporary files the killed run may have left
				maps.DeleteFunc(is, func(name string, _ thing) bool { return strings.HasPrefix(filepath.Base(name), ".apply.") })
			}
			found = append(found, differences("the run", after, is)...)
			if again := runProgram(t, limit, st.again()...); again.code != 0 {
				found = append(found, fmt.Sprintf("the run after it ends with %d:\n%s", again.code, again.output()))
			}
			if len(found) > 0 {
				red++
				t.Errorf("%s %s:\n\t%s\n%s", file, what, strings.Join(found, "\n\t"), end.output())
			}
		}
	}
	control := small
	control.manifest, control.control = "", "trusting"
	c := control.set(t, base)
	writeDamaged(t, filepath.Join(c.dir, "state", "done"))
	runProgram(t, limit, c.args...)
	missing := len(differences("the control", after, c.look(t)))
	if missing == 0 {
		t.Error("the harness found nothing wrong with a control that trusts its state")
	}
	record(t, "files of the state folder damaged", fmt.Sprintf("%d tried, %d red", tried, red), fmt.Sprintf("trusts its state: %d targets wrong", missing))
}

// killedAt sets the scene up and kills the run before call k.
func killedAt(t *testing.T, base string, k int) stage {
	t.Helper()
	st := small.set(t, base)
	st.traced(t, func(c ptrace.Call) ptrace.Verdict { return ptrace.Verdict{Kill: c.N == k} })
	return st
}

// leftBy lists the files in the state folder of a run killed before call k, as patterns that hold for the next one too.
func leftBy(t *testing.T, base string, k int) []string {
	t.Helper()
	st := killedAt(t, base, k)
	var files []string
	err := filepath.WalkDir(st.state(), func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(st.state(), name)
		if dir := filepath.Dir(rel); dir != "." {
			rel = filepath.Join(dir, "*")
		}
		files = append(files, rel)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 3 {
		t.Fatalf("the killed run left only %q", files)
	}
	return files
}

func newest(t *testing.T, pattern string) string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("%s: nothing there (%v)", pattern, err)
	}
	return names[len(names)-1]
}

func writeDamaged(t *testing.T, name string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	writeFile(t, name, "d\x00ne", 0o600)
}
