package property

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/engine"
	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/journal/undo"
	"github.com/nodeapply/apply/report"
)

// oddNames are names that a file may have.
var oddNames = []string{
	"plain", "a b", "new\nline", "-rf", "ünï", "日本", `q"uote`, "it's", `back\slash`, "dollar${x}", "per%{y}", "tab\tx", "*", "[a]", "~", "#x", "a;b",
	strings.Repeat("x", 255), ".hidden", "%s%n", "\x01", " lead", "trail ", ".apply.x",
}

// oddThings put something at a name; other is a name of nothing beside it.
var oddThings = map[string]func(name, other string) error{
	"nothing": func(_, _ string) error { return nil },
	"empty":   func(name, _ string) error { return os.WriteFile(name, nil, 0o644) },
	"text": func(name, _ string) error {
		return os.WriteFile(name, []byte("a = 1\n10.0.0.1\tnode1 n1 # x\nb"), 0o600)
	},
	"CRLF":   func(name, _ string) error { return os.WriteFile(name, []byte("a = 1\r\n10.0.0.1 node1\r\n"), 0o644) },
	"binary": func(name, _ string) error { return os.WriteFile(name, []byte("\xff\x00\n\n"), 0o644) },
	"setuid": func(name, _ string) error {
		return then(os.WriteFile(name, []byte("old\n"), 0o644), func() error { return syscall.Chmod(name, 0o4755) })
	},
	"hard link": func(name, other string) error {
		return then(os.WriteFile(other, []byte("old\n"), 0o644), func() error { return os.Link(other, name) })
	},
	"link": func(name, _ string) error { return os.Symlink("nowhere/else", name) },
	"loop": func(name, _ string) error { return os.Symlink(filepath.Base(name), name) },
	"to text": func(name, other string) error {
		return then(os.WriteFile(other, []byte("a = 1\n"), 0o644), func() error { return os.Symlink(other, name) })
	},
	"pipe":   func(name, _ string) error { return syscall.Mkfifo(name, 0o640) },
	"folder": func(name, _ string) error { return os.Mkdir(name, 0o700) },
	"sticky": func(name, _ string) error {
		return then(os.Mkdir(name, 0o755), func() error { return syscall.Chmod(name, 0o1777) })
	},
	"full folder": func(name, _ string) error {
		return then(os.MkdirAll(name+"/sub/deep", 0o755), func() error { return os.WriteFile(name+"/sub/-f", []byte("x"), 0o600) }, func() error { return os.Symlink("..", name+"/ up") })
	},
}

// then does one thing after the other while there is no error.
func then(err error, more ...func() error) error {
	for _, do := range more {
		if err == nil {
			err = do()
		}
	}
	return err
}

// newOddWorld makes a tree of odd things under odd names, and a manifest, in JSON, that declares something else for each.
func newOddWorld(t *testing.T, seed uint64) *world {
	t.Helper()
	w := &world{t: t, seed: seed, dir: filepath.Join(t.TempDir(), "tree"), state: filepath.Join(t.TempDir(), "state"), manifest: filepath.Join(t.TempDir(), "main.hcl.json")}
	w.mkdir(w.dir)
	rnd := rand.New(rand.NewPCG(seed, 11))
	pick := func(of ...string) string { return of[rnd.IntN(len(of))] }
	things := slices.Sorted(maps.Keys(oddThings))
	declared := map[string]map[string]any{"file": {}, "line": {}, "host": {}}
	for i, n := range rnd.Perm(len(oddNames))[:4] {
		name := filepath.Join(w.dir, oddNames[n])
		if err := oddThings[pick(things...)](name, filepath.Join(w.dir, fmt.Sprint("other", i))); err != nil {
			t.Fatal(err)
		}
		a := map[string]any{}
		typ := pick("file", "file", "file", "line", "host")
		switch typ {
		case "file":
			a["path"], a["force"] = name, rnd.IntN(3) > 0
			switch a["ensure"] = pick("file", "directory", "link", "absent", "present"); a["ensure"] {
			case "link":
				a["target"] = pick("other0", "/no/where", "..")
			case "directory":
				a["recurse"] = rnd.IntN(2) == 0
				a["purge"] = a["recurse"] == true && rnd.IntN(2) == 0
			case "file", "present":
				a["content"], a["replace"] = pick("", "new\n", "a = 1\n10.0.0.1\tnode1 n1 # x\nb"), rnd.IntN(4) > 0
			}
			if a["ensure"] != "link" && rnd.IntN(2) == 0 {
				a["mode"] = pick("0644", "0600", "4755", "u+x,g-w", "a=rX", "1777")
			}
		case "line":
			a["path"], a["line"], a["ensure"] = name, pick("a = 1", "a = 2", "b"), pick("present", "present", "absent")
			if rnd.IntN(2) == 0 {
				a["match"], a["multiple"] = pick("^a", "$", "node1"), rnd.IntN(2) == 0
			}
		case "host":
			a["target"], a["name"], a["ip"], a["ensure"] = name, "node1", pick("10.0.0.1", "::1"), pick("present", "present", "absent")
			if rnd.IntN(2) == 0 {
				a["host_aliases"] = []string{pick("n1", "n2")}
			}
		}
		declared[typ][fmt.Sprint("x", i)] = a
	}
	maps.DeleteFunc(declared, func(_ string, of map[string]any) bool { return len(of) == 0 })
	text, err := json.Marshal(declared)
	if err != nil {
		t.Fatal(err)
	}
	w.write(w.manifest, strings.NewReplacer("${", "$${", "%{", "%%{").Replace(string(text)))
	return w
}

// changes are what a report says of each resource that it changes, or would change.
func changes(r *report.Report) map[string][]report.Change {
	all := map[string][]report.Change{}
	for _, res := range r.Results {
		if res.Outcome == report.Pending || res.Outcome == report.Changed {
			all[res.Address.String()] = res.Changes
		}
	}
	return all
}

// TestOddStates: whatever is at odd names, a plan says just what a converge changes, a second run changes nothing, and what is said to be reversible comes
// back by an undo, and goes again by an undo of that.
func TestOddStates(t *testing.T) {
	for seed := range uint64(2 * seeds) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			w := newOddWorld(t, seed)
			text := func(r *report.Report) string { b, _ := json.MarshalIndent(r.Results, "", " "); return string(b) }
			before := w.snapshot()
			plan, err := w.load(w.host()).Plan(t.Context(), engine.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before, w.snapshot()); diff != "" {
				t.Fatalf("the plan changed something: %s", diff)
			}
			rep := w.converge(nil)
			if diff := cmp.Diff(changes(plan), changes(rep)); diff != "" {
				t.Errorf("not as planned: %s\n%s", diff, text(rep))
			}
			after := w.snapshot()
			if (before == after) != (len(changes(rep)) == 0) {
				t.Errorf("what is told is not what was done\n%s\n%s", text(rep), cmp.Diff(before, after))
			}
			if again := w.converge(nil); len(changes(again)) > 0 || w.snapshot() != after {
				t.Errorf("the second run changed something: %s\n%s", text(again), cmp.Diff(after, w.snapshot()))
			}
			if len(changes(rep)) == 0 {
				return
			}
			for _, res := range rep.Results {
				if !res.Reversible {
					return
				}
			}
			for of, want := range []string{before, after} {
				w.undo([]string{"001", "undo"}[of], []string{"undo", "undo of it"}[of])
				if diff := cmp.Diff(want, w.snapshot()); diff != "" {
					t.Fatalf("after %d undos: %s\n%s", of+1, diff, text(rep))
				}
			}
		})
	}
}

// undo puts back what a run changed, all of it.
func (w *world) undo(run, as string) {
	w.t.Helper()
	s, err := journal.OpenState(w.state)
	if err != nil {
		w.t.Fatal(err)
	}
	h := w.host()
	u, err := undo.PlanOf(w.t.Context(), s, h, nil, run)
	if err != nil {
		w.t.Fatal(err)
	}
	rep, err := undo.Run(w.t.Context(), s, h, u, undo.Options{ID: as, Interrupted: func() int { return 0 }})
	if err != nil {
		w.t.Fatal(err)
	}
	if refused, _ := u.Refused(); refused > 0 || rep.Counts().Failed > 0 {
		w.t.Errorf("%d refused, %d failed: %+v", refused, rep.Counts().Failed, u.Steps)
	}
}
