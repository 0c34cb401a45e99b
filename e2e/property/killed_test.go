package property

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/report"
)

// TestKilledAtEveryStep: the run after one that died ends where one that lived would have, and the next finds nothing to do.
func TestKilledAtEveryStep(t *testing.T) {
	const points = 12 // of each seed, spread over its steps
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			whole := newWorld(t, seed)
			whole.converge(nil)
			counter := &death{left: 1 << 30}
			newWorld(t, seed).converge(counter)
			for k := int(seed) % 3; k < counter.steps; k += 1 + counter.steps/points {
				w := newWorld(t, seed)
				w.converge(&death{left: k})
				w.converge(nil)
				if diff := cmp.Diff(whole.relative(), w.relative()); diff != "" {
					t.Fatalf("killed at step %d of %d, then run again: %s", k, counter.steps, diff)
				}
				for _, res := range w.converge(nil).Results {
					if res.Outcome != report.Unchanged {
						t.Fatalf("killed at step %d: the run after the next: %s %s", k, res.Address, res.Outcome)
					}
				}
			}
		})
	}
}

// TestKilledBetweenInstances: whatever a run dies at, each instance of a block that only the run repeats is refreshed in the next one if it is owed that,
// and not if it was refreshed before: only the one at which the run died may be refreshed twice.
func TestKilledBetweenInstances(t *testing.T) {
	world := func() *world {
		w := &world{t: t, dir: t.TempDir(), state: filepath.Join(t.TempDir(), "state"), manifest: filepath.Join(t.TempDir(), "main.hcl")}
		w.write(w.manifest, strings.ReplaceAll(`
exec "names" {
  command = "touch TREE/made; echo a,b"
  creates = "TREE/made"
}
file "TREE/of-a" {
  content = "new"
  notify  = [exec.load["a"]]
}
file "TREE/of-all" {
  content = "new"
  notify  = [exec.load]
}
exec "load" {
  for_each    = toset(split(",", trimspace(coalesce(exec.names.stdout, "a,b"))))
  command     = "echo loaded >> TREE/${each.key}"
  refreshonly = true
}
`, "TREE", w.dir))
		return w
	}
	counter := &death{left: 1 << 30}
	world().converge(counter)
	if counter.steps < 5 {
		t.Fatalf("only %d steps", counter.steps)
	}
	for k := range counter.steps {
		t.Run(fmt.Sprint("at step ", k), func(t *testing.T) {
			w := world()
			w.t = t
			w.converge(&death{left: k})
			w.converge(nil)
			loads := 0
			for _, key := range []string{"a", "b"} {
				b, err := os.ReadFile(filepath.Join(w.dir, key))
				if err != nil {
					t.Error(err)
				}
				loads += strings.Count(string(b), "loaded")
			}
			if loads > 3 {
				t.Errorf("%d refreshes of two", loads)
			}
			var got []string
			for _, res := range w.converge(nil).Results {
				if res.Outcome != report.Unchanged {
					got = append(got, res.Address.String())
				}
			}
			if diff := cmp.Diff([]string(nil), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
