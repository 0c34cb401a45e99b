//go:build linux && amd64

package fault

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nodeapply/apply/e2e/fault/ptrace"
)

// TestKill kills the run before every call that changes something, and looks at what is there, at the next run, and at the one after.
func TestKill(t *testing.T) {
	for _, s := range []scene{small, large} {
		t.Run(s.name, func(t *testing.T) {
			found := killAll(t, s, whole || s.name == "small")
			for _, f := range found.faults {
				t.Error(f)
			}
			control := "-"
			if s.name == "small" {
				inplace, memory := killControl(t, "inplace"), killControl(t, "memory")
				control = fmt.Sprintf("in place: %d of %d red; refreshes in memory: %d of %d red", inplace.red, inplace.kills, memory.red, memory.kills)
			}
			record(t, "kill -9 before each changing call, "+s.name+" manifest", fmt.Sprintf("%d points, %d red, %d refreshes lost", found.kills, found.red, found.lost), control)
		})
	}
}

// killControl expects the harness to find fault with a control.
func killControl(t *testing.T, mode string) verdict {
	t.Helper()
	s := small
	s.manifest, s.control = "", mode
	found := killAll(t, s, true)
	if found.red == 0 {
		t.Errorf("the harness found nothing wrong with the control %q at %d points", mode, found.kills)
	}
	if mode == "memory" && found.lost == 0 {
		t.Errorf("the harness did not see that the control %q loses refreshes", mode)
	}
	return found
}

// verdict is what was found over all kill points.
type verdict struct {
	kills, red, lost int
	faults           []string
}

// add counts one more point, and what was found there.
func (v *verdict) add(where string, found []string, lost bool) {
	v.kills++
	if len(found) > 0 {
		v.red++
		v.faults = append(v.faults, where+":\n\t"+strings.Join(found, "\n\t"))
	}
	if lost {
		v.lost++
	}
}

func killAll(t *testing.T, s scene, every bool) verdict {
	t.Helper()
	base := onTmpfs(t)
	st := s.set(t, base)
	before, after := st.undisturbed(t)
	if maps.Equal(before, after) {
		t.Fatal("the scene changes nothing")
	}
	var v verdict
	step := 1
	if !every {
		step = 9
	}
	for k := 1; ; k += step {
		st := s.set(t, base)
		var at ptrace.Call
		res := st.traced(t, func(c ptrace.Call) ptrace.Verdict {
			if c.N == k {
				at = c
			}
			return ptrace.Verdict{Kill: c.N == k}
		})
		if at.N == 0 {
			enough(t, v.kills)
			return v
		}
		found, lost := st.judge(t, res, before, after)
		v.add(fmt.Sprintf("killed before %v", at), found, lost)
	}
}

// enough fails a test that disturbed its program at so few calls that it has shown nothing: not even the control gets by on fewer.
func enough(t *testing.T, points int) {
	t.Helper()
	if points < 5 {
		t.Errorf("disturbed at %d calls only", points)
	}
}

// judge looks at the state after a kill, then lets the program run twice more.
func (st *stage) judge(t *testing.T, res ptrace.Result, before, after map[string]thing) (found []string, lost bool) {
	t.Helper()
	return st.judgeBy(t, res, before, after, st.again())
}

// judgeBy is judge with a command that must change nothing.
func (st *stage) judgeBy(t *testing.T, res ptrace.Result, before, after map[string]thing, again []string) (found []string, lost bool) {
	t.Helper()
	if len(res.Survivors) > 0 {
		found = append(found, fmt.Sprintf("processes live on: %q", res.Survivors))
	}
	now := st.look(t)
	if !st.parts {
		found = append(found, allBetween(before, after, now)...)
	}
	next := runProgram(t, limit, st.args...)
	if next.code != 0 {
		found = append(found, fmt.Sprintf("the next run ends with %d:\n%s", next.code, next.output()))
	}
	found = append(found, differences("the next run", after, st.look(t))...)
	written, want := st.log(t)
	if lost = !strings.HasSuffix(written, want); lost {
		found = append(found, fmt.Sprintf("the refresh is lost; the log says %q", tail(written)))
	}
	third := runProgram(t, limit, again...)
	if third.code != 0 {
		found = append(found, fmt.Sprintf("the run after it changes something (%d):\n%s", third.code, third.output()))
	}
	if twice, _ := st.log(t); twice != written {
		found = append(found, "the run after it refreshes again")
	}
	return append(found, append(differences("the run after it", after, st.look(t)), st.leftovers(t)...)...), lost
}

// leftovers lists what of dead runs is left in the state folder and among the control groups.
func (st *stage) leftovers(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{"runs/*.new", "store/new-*", "journal/*.tmp"} {
		names, err := filepath.Glob(filepath.Join(st.state(), pattern))
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, names...)
	}
	if cgroup != "" {
		groups, err := filepath.Glob(filepath.Join(cgroup, "apply.*"))
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, groups...)
	}
	for i := range found {
		found[i] = "left behind: " + found[i]
	}
	return found
}

// between says what is wrong with what is at a name between the old and the new.
func between(old, new, now thing, allowed os.FileMode) string {
	switch {
	case now == old || now == new:
		return ""
	case old == thing{} && new == thing{}: // a temporary file
		if now.mode.IsRegular() && now.mode.Perm()&^allowed != 0 {
			return fmt.Sprintf("a temporary file with access %v, want at most %v", now.mode, allowed)
		}
		return ""
	case now == thing{}:
		return fmt.Sprintf("missing; was %v, is to be %v", old, new)
	case old.mode.Type() != new.mode.Type() || old.content != new.content:
		return fmt.Sprintf("is %v, neither %v nor %v", now, old, new)
	case now.content != new.content || now.mode.Type() != new.mode.Type():
		return fmt.Sprintf("is %v, want %v but for owner and mode", now, new)
	case now.mode.Perm()&^(old.mode.Perm()|new.mode.Perm()) != 0 || now.uid != old.uid && now.uid != new.uid || now.gid != old.gid && now.gid != new.gid:
		return fmt.Sprintf("is %v, wider than both %v and %v", now, old, new)
	}
	return ""
}

// allBetween is between of all names.
func allBetween(old, new, now map[string]thing) (found []string) {
	for name := range union(old, new, now) {
		if f := between(old[name], new[name], now[name], allowed(old, new, name)); f != "" {
			found = append(found, name+": "+f)
		}
	}
	return found
}

// allowed is the access that a temporary file may give: none but its owner's, or that of a file in the same folder.
func allowed(before, after map[string]thing, name string) os.FileMode {
	most := os.FileMode(0o600)
	for _, all := range []map[string]thing{before, after} {
		for other, x := range all {
			if filepath.Dir(other) == filepath.Dir(name) && x.mode.IsRegular() {
				most |= x.mode.Perm()
			}
		}
	}
	return most
}

func differences(who string, want, got map[string]thing) []string {
	var found []string
	for _, name := range slices.Sorted(maps.Keys(union(want, got))) {
		if want[name] != got[name] {
			found = append(found, fmt.Sprintf("%s leaves %s as %v, want %v", who, name, got[name], want[name]))
		}
	}
	return found
}

func union(all ...map[string]thing) map[string]bool {
	names := map[string]bool{}
	for _, m := range all {
		for name := range m {
			names[name] = true
		}
	}
	return names
}

func tail(s string) string { return s[max(0, len(s)-200):] }

// TestKillWithModule kills a plan of a module that comes with the program before each call that changes something: the next one leaves no temporary folder.
func TestKillWithModule(t *testing.T) {
	dir := onTmpfs(t)
	tmp := filepath.Join(dir, "tmp")
	if err := os.Mkdir(tmp, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", tmp)
	st := stage{main: filepath.Join(dir, "main.hcl")}
	st.args = []string{programs.apply, "--state-dir", filepath.Join(dir, "state"), "plan", st.main}
	writeFile(t, st.main, "module \"hosts\" {\n  source = \"etchosts\"\n}\n", 0o644)
	points, left := 0, 0
	for total := len(st.traced(t, nil).Calls); points < total; {
		points++
		st.traced(t, func(c ptrace.Call) ptrace.Verdict { return ptrace.Verdict{Kill: c.N == points} })
		if names, err := os.ReadDir(tmp); err != nil {
			t.Fatal(err)
		} else if len(names) > 0 {
			left++
		}
		end := runProgram(t, limit, st.args...)
		if names, err := os.ReadDir(tmp); end.code != 0 || err != nil || len(names) > 0 {
			t.Errorf("killed before call %d: the next run ends with %d and leaves %v, %v\n%s", points, end.code, names, err, end.output())
		}
	}
	enough(t, points)
	if left == 0 {
		t.Error("no killed run left anything: nothing was tested")
	}
	record(t, "temporary folders of modules, kill -9 before each changing call", fmt.Sprintf("%d points, 0 left by the next run", points), fmt.Sprintf("without it: %d left", left))
}
