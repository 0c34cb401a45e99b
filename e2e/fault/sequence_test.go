//go:build linux && amd64

package fault

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nodeapply/apply/e2e/fault/ptrace"
)

// sampled is one of two steps from call to call: of a test of everything, and of a sample.
func sampled(all, some int) int {
	if whole {
		return all
	}
	return some
}

// as is the stage with another command of the program in the place of the run.
func (st *stage) as(args ...string) *stage {
	other := *st
	other.args = append([]string{programs.apply, "--state-dir", st.state()}, args...)
	return &other
}

// does runs another command of the program, which has to end well.
func (st *stage) does(t *testing.T, args ...string) ending {
	t.Helper()
	end := runProgram(t, limit, st.as(args...).args...)
	if end.code != 0 {
		t.Fatalf("apply %q ends with %d:\n%s", args, end.code, end.output())
	}
	return end
}

// journals are the ids of the runs that have changed something, the first one first.
func (st *stage) journals(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(st.state(), "journal", "*.journal"))
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range names { // ids sort by time
		names[i] = strings.TrimSuffix(filepath.Base(name), ".journal")
	}
	return names
}

// tally fails the test with what is wrong at each point, and records how many there were.
func (v *verdict) tally(t *testing.T, what string) {
	t.Helper()
	for _, f := range v.faults {
		t.Error(f)
	}
	enough(t, v.kills)
	record(t, what, fmt.Sprintf("%d points, %d red, %d refreshes lost", v.kills, v.red, v.lost), "-")
}

// TestResumedRunIsKilled kills a run, and the one that goes on with what it left: the third one ends it, no refresh is lost, and undone in reverse order
// all give back what was.
func TestResumedRunIsKilled(t *testing.T) {
	for _, s := range []scene{small, shared} {
		t.Run(s.name, func(t *testing.T) {
			base := onTmpfs(t)
			st := s.set(t, base)
			before, after := st.undisturbed(t)
			var v verdict
			for first, more := 4, true; more; first += sampled(9, 15) {
				for second := 1; ; second += sampled(1, 7) {
					st := s.set(t, base)
					at, ok := st.killed(t, first)
					if more = ok; !ok {
						break
					}
					res, again, ok := st.ended(t, second)
					if !ok {
						break
					}
					found, lost := st.judge(t, res, before, after)
					found = append(found, st.undoAll(t)...)
					found = append(found, differences("undoing all runs", before, st.look(t))...)
					v.add(fmt.Sprintf("killed before %v, and the next run before %v", at, again), found, lost)
				}
			}
			v.tally(t, "kill -9 of a run, and of the next one before each changing call, "+s.name+" manifest")
		})
	}
}

// ended is killed with what of the program is left.
func (st *stage) ended(t *testing.T, k int) (res ptrace.Result, at ptrace.Call, ok bool) {
	t.Helper()
	res = st.traced(t, func(c ptrace.Call) ptrace.Verdict {
		if c.N == k {
			at, ok = c, true
		}
		return ptrace.Verdict{Kill: c.N == k}
	})
	return res, at, ok
}

// onlyRefreshed is the end of a run that refreshed one resource and changed none.
var onlyRefreshed = regexp.MustCompile(`(?m)^converge: 1 refreshed, \d+ unchanged,`)

// TestRedoKilled undoes an undo, and kills that before every call that changes something: the next one does the rest.
func TestRedoKilled(t *testing.T) {
	eachKill(t, "an undo of an undo, kill -9 before each changing call", func(t *testing.T, st *stage, k int) (at ptrace.Call, found []string, ok bool) {
		before := st.look(t)
		if run := runProgram(t, limit, st.args...); run.code != 0 {
			t.Fatalf("the run ends with %d:\n%s", run.code, run.output())
		}
		after := st.look(t)
		st.does(t, "undo")
		undone := st.look(t)
		if found = differences("the undo", before, undone); len(found) > 0 {
			return at, found, true
		}
		if at, ok = st.as("undo", st.journals(t)[1]).killed(t, k); !ok {
			return at, nil, false
		}
		found = append(found, allBetween(undone, after, st.look(t))...)
		found = append(found, st.finish(t, 1)...)
		found = append(found, differences("the next undo of the undo", after, st.look(t))...)
		if again := runProgram(t, limit, st.again()...); again.code != 2 || !onlyRefreshed.MatchString(again.stdout) {
			found = append(found, fmt.Sprintf("a run after it does not just refresh what the undos have notified, and ends with %d:\n%s", again.code, again.output()))
		}
		if again := runProgram(t, limit, st.again()...); again.code != 0 {
			found = append(found, fmt.Sprintf("the run after that ends with %d:\n%s", again.code, again.output()))
		}
		return at, append(found, st.leftovers(t)...), true
	})
}

// TestDebtsOutliveOthers kills a run that owes a refresh, and then an undo of it, or a run of another manifest: whatever of these is done, the next run of the
// first manifest refreshes what has changed.
func TestDebtsOutliveOthers(t *testing.T) {
	for name, other := range map[string]func(st *stage) *stage{
		"an undo": func(st *stage) *stage { return st.as("undo", "--yes") },
		"another manifest": func(st *stage) *stage {
			return st.as("--parallel", "1", filepath.Join(filepath.Dir(st.main), "other.hcl"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			base := onTmpfs(t)
			side := t.TempDir()
			writeFile(t, filepath.Join(base, "other.hcl"), fmt.Sprintf(`
file "%[1]s/a" {
  content = "a\n"
  notify  = [exec.told]
}
exec "told" {
  command     = "cat %[1]s/a >> %[1]s/log"
  refreshonly = true
}
`, side), 0o644)
			st := small.set(t, base)
			before, after := st.undisturbed(t)
			var v verdict
			for first, more := 4, true; more; first += sampled(5, 8) {
				for second := 1; ; second += sampled(1, 7) {
					if err := os.RemoveAll(filepath.Join(side, "a")); err != nil {
						t.Fatal(err)
					}
					st := small.set(t, base)
					at, ok := st.killed(t, first)
					if more = ok; !ok {
						break
					}
					res, again, ok := other(&st).ended(t, second)
					if !ok {
						break
					}
					found, lost := st.judge(t, res, before, after)
					v.add(fmt.Sprintf("killed before %v, and %s before %v", at, name, again), found, lost)
				}
			}
			v.tally(t, "kill -9 of a run, and of "+name+" before each changing call")
		})
	}
}

// TestPruningIsKilled kills a run that finds more history than is kept, before every call that changes something.
func TestPruningIsKilled(t *testing.T) {
	base := onTmpfs(t)
	st := small.set(t, base)
	kept := filepath.Join(base, "kept")
	for n := range 53 {
		writeFile(t, filepath.Join(base, "early.hcl"), fmt.Sprintf("file %q { content = \"%d\\n\" }\n", filepath.Join(st.dir, "conf"), n), 0o644)
		st.does(t, filepath.Join(base, "early.hcl"))
	}
	command(t, "sh", "-c", "find '"+st.state()+"' -type f -exec touch -d '-100 days' {} +; cp -a '"+st.state()+"' '"+kept+"'")
	newest := slices.Max(st.journals(t))
	set := func() stage {
		st := small.set(t, base)
		command(t, "cp", "-a", kept, st.state())
		return st
	}
	st = set()
	before, after := st.undisturbed(t)
	if left := st.journals(t); len(left) != 50 {
		t.Fatalf("%d journals are kept, want 50", len(left))
	}
	var v verdict
	for k := 1; ; k += sampled(1, 3) {
		st := set()
		res, at, ok := st.ended(t, k)
		if !ok {
			break
		}
		found, lost := st.judge(t, res, before, after)
		if left := st.journals(t); len(left) > 51 {
			found = append(found, fmt.Sprintf("%d journals are left", len(left)))
		}
		if h := st.does(t, "history"); h.stderr != "" {
			found = append(found, "history: "+h.stderr)
		}
		for _, id := range slices.Backward(st.journals(t)) { // of the run that was killed, and of the one that has done the rest
			if id > newest {
				runProgram(t, limit, st.as("undo", "--yes", id).args...)
			}
		}
		v.add(fmt.Sprintf("killed before %v", at), append(found, differences("undoing both", before, st.look(t))...), lost)
	}
	v.tally(t, "kill -9 of a run that prunes the history before each changing call")
}
