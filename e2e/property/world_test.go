package property

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/nodeapply/apply"
	"github.com/nodeapply/apply/engine"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/local"
	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/report"
)

// world is a random tree and a random manifest for it.
type world struct {
	t        *testing.T
	seed     uint64
	dir      string // the tree
	state    string
	manifest string
	runs     int
}

// newWorld makes the tree and the manifest of a seed: files, folders, links and removals in nested folders, services that are commands which load
// a configuration file when they are notified, and guarded commands.
func newWorld(t *testing.T, seed uint64) *world {
	t.Helper()
	w := &world{t: t, seed: seed, dir: filepath.Join(t.TempDir(), "tree"), state: filepath.Join(t.TempDir(), "state")}
	rnd := rand.New(rand.NewPCG(seed, 7))
	w.mkdir(w.dir)
	var hcl strings.Builder
	folders := []string{w.dir}
	for i := range 2 + rnd.IntN(3) {
		dir := filepath.Join(folders[rnd.IntN(len(folders))], fmt.Sprintf("dir%d", i))
		folders = append(folders, dir)
		if rnd.IntN(2) == 0 {
			w.mkdir(dir)
		}
		fmt.Fprintf(&hcl, "file %q {\n  ensure = \"directory\"\n  mode = \"%s\"\n}\n", dir, []string{"0755", "0700"}[rnd.IntN(2)])
	}
	for i := range 3 + rnd.IntN(8) {
		w.declare(rnd, &hcl, filepath.Join(folders[rnd.IntN(len(folders))], fmt.Sprintf("name%d", i)))
	}
	for i := range 1 + rnd.IntN(3) {
		conf, loaded := filepath.Join(w.dir, fmt.Sprintf("conf%d", i)), filepath.Join(w.dir, fmt.Sprintf("loaded%d", i))
		if rnd.IntN(2) == 0 {
			w.write(conf, "old\n")
			w.write(loaded, "old\n")
		}
		fmt.Fprintf(&hcl, "file %q {\n  content = \"new %d\\n\"\n  notify = [exec.load%d]\n}\n", conf, rnd.IntN(100), i)
		fmt.Fprintf(&hcl, "exec \"load%d\" {\n  command = \"cp %s %s\"\n  refreshonly = true\n}\n", i, conf, loaded)
	}
	made := filepath.Join(w.dir, "made")
	fmt.Fprintf(&hcl, "exec \"make\" {\n  command = \"echo made > %s\"\n  creates = %q\n}\n", made, made)
	w.manifest = filepath.Join(t.TempDir(), "main.hcl")
	w.write(w.manifest, hcl.String())
	return w
}

// declare puts something, or nothing, at a name, and declares something for it.
func (w *world) declare(rnd *rand.Rand, hcl *strings.Builder, name string) {
	if _, err := os.Stat(filepath.Dir(name)); err == nil {
		switch rnd.IntN(4) {
		case 0:
			w.write(name, "old\n")
		case 1:
			if err := os.Symlink("nowhere", name); err != nil {
				w.t.Fatal(err)
			}
		case 2:
			w.mkdir(name)
			w.write(filepath.Join(name, "in it"), "old\n")
		}
	}
	fmt.Fprintf(hcl, "file %q {\n  force = true\n", name)
	switch rnd.IntN(4) {
	case 0:
		fmt.Fprintf(hcl, "  content = \"new %d\\n\"\n  mode = \"%s\"\n", rnd.IntN(100), []string{"0644", "0600", "0755"}[rnd.IntN(3)])
	case 1:
		hcl.WriteString("  ensure = \"directory\"\n")
	case 2:
		hcl.WriteString("  ensure = \"link\"\n  target = \"/somewhere\"\n")
	case 3:
		hcl.WriteString("  ensure = \"absent\"\n")
	}
	hcl.WriteString("}\n")
}

func (w *world) mkdir(name string) {
	if err := os.MkdirAll(name, 0o755); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) write(name, content string) {
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// snapshot is the tree as text; the names in but are left out.
func (w *world) snapshot(but ...string) string {
	w.t.Helper()
	var lines []string
	err := filepath.WalkDir(w.dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		for _, b := range but {
			if strings.HasPrefix(d.Name(), b) {
				return nil
			}
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		line := fmt.Sprintf("%s %v", strings.TrimPrefix(name, w.dir), info.Mode())
		switch {
		case info.Mode().IsRegular():
			b, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			line += fmt.Sprintf(" %q", b)
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(name)
			if err != nil {
				return err
			}
			line += " -> " + target
		}
		lines = append(lines, line)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

// load compiles the manifest for a node reached through h.
func (w *world) load(h host.Host) *apply.Manifest {
	w.t.Helper()
	m, err := apply.Load(w.t.Context(), w.manifest, apply.Options{Host: h})
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

func (w *world) host() *local.Node {
	w.t.Helper()
	h, err := local.New(local.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = h.Close() })
	return h
}

// converge runs once, to its end or to the death of the run.
func (w *world) converge(d *death) *report.Report {
	w.t.Helper()
	s, err := journal.OpenState(w.state)
	if err != nil {
		w.t.Fatal(err)
	}
	w.runs++
	h := w.host()
	run, _, err := s.Begin(fmt.Sprintf("%03d", w.runs), h.Token(), "", journal.Manifest{}, time.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	if warnings := run.Sweep(w.t.Context(), h); len(warnings) > 0 {
		w.t.Fatal(warnings)
	}
	var hst host.Host = h
	var rec engine.Recorder = run
	if d != nil {
		hst, rec = mortalHost{h, d}, mortalRecorder{run, d}
	}
	rep, err := w.load(hst).Converge(w.t.Context(), engine.Options{Recorder: rec, Parallel: 3})
	if d != nil {
		return rep // the dead close nothing
	}
	if err := errors.Join(err, run.Close()); err != nil {
		w.t.Fatal(err)
	}
	return rep
}

// relative is the tree without the names of its own temporary folder.
func (w *world) relative() string { return strings.ReplaceAll(w.snapshot(), w.dir, "TREE") }
