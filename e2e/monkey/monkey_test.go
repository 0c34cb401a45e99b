package monkey

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/nodeapply/apply/e2e/lab"
)

// TestPromises tries a few seeds, or those of APPLY_MONKEY. One promise is held against each.
func TestPromises(t *testing.T) {
	from, to := uint64(1), uint64(18)
	if s := os.Getenv("APPLY_MONKEY"); s != "" {
		first, last, several := strings.Cut(s, "-")
		if !several {
			last = first
		}
		var err error
		if from, err = strconv.ParseUint(first, 10, 64); err == nil {
			to, err = strconv.ParseUint(last, 10, 64)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	program := build(t)
	for seed := from; seed <= to; seed++ {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			s, dir := draw(seed), scratch(t)
			p := promises[seed%uint64(len(promises))]
			f := try(program, dir, s, p.hold)
			if f == nil {
				return
			}
			small := shrink(program, dir, s, f.claim, p.hold)
			again := try(program, dir, small, p.hold)
			if again == nil {
				again = f
			}
			t.Errorf("seed %d, %s: %s\n%s\n%s", seed, p.name, again.claim, small, again.detail)
		})
	}
}

// try holds a promise against a scene, and says what is wrong.
func try(program, dir string, s *scene, hold func(*trial)) (f *failure) {
	t := &trial{scene: s, program: program, dir: dir, tree: filepath.Join(dir, "node"), state: filepath.Join(dir, "state")}
	defer func() {
		switch p := recover().(type) {
		case nil:
		case failure:
			p.detail = strings.Join(append(t.log, p.detail), "\n")
			f = &p
		default:
			panic(p)
		}
	}()
	t.must(clear(dir))
	main, err := s.write(t.tree, filepath.Join(dir, "manifest"), ".hcl")
	t.must(err)
	t.main = main
	hold(t)
	return nil
}

// build builds the program.
func build(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("not root: owners of files and users of commands are drawn too, so nothing of this package is tried")
	}
	return lab.Binary(t)
}

// scratch is a folder in memory, if there can be one: thousands of runs wait for each of their writes else. TMPDIR says another.
func scratch(t *testing.T) string {
	t.Helper()
	if os.Getenv("TMPDIR") != "" {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp("/dev/shm", "monkey-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
