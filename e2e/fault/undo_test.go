//go:build linux && amd64

package fault

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/nodeapply/apply/e2e/fault/ptrace"
)

// shared has files that several resources change, one after the other, and files that are changed more than once.
var shared = scene{
	name:    "shared",
	before:  []entry{{"conf", "a = 1\nb = 1\nc = 1\n", 0o640}, {"mode", "mode\n", 0o600}},
	fstab:   true,
	parts:   true,
	refresh: "cat conf mode",
	manifest: `
line "a" {
  path   = "DIR/conf"
  line   = "a = 2"
  match  = "^a ="
  notify = [exec.refresh]
}
line "b" {
  path   = "DIR/conf"
  line   = "b = 2"
  match  = "^b ="
  notify = [exec.refresh]
}
file "DIR/mode" {
  content = "other\n"
  mode    = "0644"
  notify  = [exec.refresh]
}
mount "/mnt" {
  device = "tmpfs"
  fstype = "tmpfs"
  ensure = "present"
}
mount "/media" {
  device = "tmpfs"
  fstype = "tmpfs"
  ensure = "present"
}
exec "refresh" {
  command     = "cat conf mode >> log"
  cwd         = "DIR"
  refreshonly = true
}
`,
}

// eachKill tries a kill before the call number 1, 2 ... that changes something, in each scene, until fewer are made; found is what is wrong after it.
func eachKill(t *testing.T, what string, try func(t *testing.T, st *stage, k int) (at ptrace.Call, found []string, ok bool)) {
	for _, s := range []scene{small, shared, large} {
		t.Run(s.name, func(t *testing.T) {
			base := onTmpfs(t)
			step := 1
			if !whole && s.name == "large" {
				step = 9
			}
			kills, red := 0, 0
			for k := 1; ; k += step {
				st := s.set(t, base)
				at, found, ok := try(t, &st, k)
				if !ok {
					break
				}
				kills++
				if len(found) > 0 {
					red++
					t.Errorf("killed before %v:\n\t%s", at, strings.Join(found, "\n\t"))
				}
			}
			enough(t, kills)
			record(t, what+", "+s.name+" manifest", fmt.Sprintf("%d points, %d red", kills, red), "-")
		})
	}
}

// TestUndoAfterKill kills a run before every call that changes something and runs again; undone in reverse order both give back what was.
func TestUndoAfterKill(t *testing.T) {
	eachKill(t, "kill -9 before each changing call, the next run, and all undone", func(t *testing.T, st *stage, k int) (at ptrace.Call, found []string, ok bool) {
		before := st.look(t)
		if at, ok = st.killed(t, k); !ok {
			return at, nil, false
		}
		if next := runProgram(t, limit, st.args...); next.code != 0 {
			t.Fatalf("killed before %v: the next run ends with %d:\n%s", at, next.code, next.output())
		}
		found = st.undoAll(t)
		return at, append(found, differences("undoing all runs", before, st.look(t))...), true
	})
}

// killed runs the program and kills it before its call number k that changes something; ok is false if it makes fewer.
func (st *stage) killed(t *testing.T, k int) (at ptrace.Call, ok bool) {
	t.Helper()
	st.traced(t, func(c ptrace.Call) ptrace.Verdict {
		if c.N == k {
			at, ok = c, true
		}
		return ptrace.Verdict{Kill: c.N == k}
	})
	return at, ok
}

// undoAll undoes all runs on record that changed something, the last one first, and says what of them is refused.
func (st *stage) undoAll(t *testing.T) (found []string) {
	t.Helper()
	journals := st.journals(t)
	for i := len(journals) - 1; i >= 0; i-- {
		end := runProgram(t, limit, st.as("undo", "--json", "--yes", journals[i]).args...)
		for line := range strings.Lines(end.stdout) {
			var s struct{ What, Verdict, Reason string }
			if err := json.Unmarshal([]byte(line), &s); err != nil {
				t.Fatal(err)
			}
			if s.Verdict == "refused" {
				found = append(found, fmt.Sprintf("undo of run %d of %d: %s: refused (%s)", i+1, len(journals), s.What, s.Reason))
			}
		}
		if end.code != 0 && !strings.Contains(end.stderr, "there is nothing that can be put back") {
			found = append(found, fmt.Sprintf("undo of run %d of %d ends with %d:\n%s", i+1, len(journals), end.code, end.output()))
		}
	}
	return found
}

// TestUndoKilled kills an undo before every call that changes something: every file is as before the run or as after it then, and the next undo does the rest.
func TestUndoKilled(t *testing.T) {
	eachKill(t, "an undo, kill -9 before each changing call", func(t *testing.T, st *stage, k int) (at ptrace.Call, found []string, ok bool) {
		before := st.look(t)
		if run := runProgram(t, limit, st.args...); run.code != 0 {
			t.Fatalf("the run ends with %d:\n%s", run.code, run.output())
		}
		after := st.look(t)
		if at, ok = st.as("undo").killed(t, k); !ok {
			return at, nil, false
		}
		found = append(found, allBetween(after, before, st.look(t))...)
		found = append(found, st.finish(t, 0)...)
		found = append(found, differences("the next undo", before, st.look(t))...)
		runProgram(t, limit, st.args...) // which sweeps the store
		return at, append(found, st.leftovers(t)...), true
	})
}

// finish undoes one of the runs on record again, which may be undone already, and says what is wrong with that.
func (st *stage) finish(t *testing.T, run int) (found []string) {
	t.Helper()
	end := runProgram(t, limit, st.as("undo", st.journals(t)[run]).args...)
	done := strings.Contains(end.stderr, "was undone already") || strings.Contains(end.stderr, "there is nothing that can be put back")
	if end.code != 0 && !done {
		found = append(found, fmt.Sprintf("the next undo ends with %d:\n%s", end.code, end.output()))
	}
	return found
}
