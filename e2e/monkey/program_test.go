package monkey

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// result is how a resource ended, as events and reports tell it.
type result struct {
	Address, Type, Title, Pos, Outcome string
	Changes                            []change
	Refreshed                          bool
	Certainty                          string
	Reversible, Drift, Noop            bool
	Because, Reason                    string
	NotifiedBy                         []string `json:"notified_by"`
	Error                              *struct{ Summary, Detail, Pos string }
	Warnings                           []string
	StartMS                            float64 `json:"start_ms"`
	DurationMS                         float64 `json:"duration_ms"`
}

type change struct{ Attribute, Before, After, Diff string }

type counts struct{ Total, Unchanged, Changed, Refreshed, Pending, Skipped, Failed int }

type surprise struct{ Address, Planned, Outcome string }

// summary is the last line of --json.
type summary struct {
	counts
	Fidelity    string
	Surprises   []surprise
	Interrupted int
	Orphans     []struct{ Address, Removal string }
}

type step struct{ Address, What, Verdict, Reason string }

// fullReport is the file that --report writes.
type fullReport struct {
	Run, Mode string
	Resources int
	Results   []result
	AsPlanned int `json:"as_planned"`
	Surprises []surprise
}

// run is one run of the program.
type run struct {
	args           []string
	code           int
	stdout, stderr string
	killed         bool

	id      string
	results map[string]result
	undo    []step // what an undo says that it is about to do
	summary *summary
}

func (r *run) String() string {
	return fmt.Sprintf("apply %s\nexit code %d\n%s%s", strings.Join(r.args, " "), r.code, r.stdout, r.stderr)
}

// failure is what is wrong with the program.
type failure struct{ claim, detail string }

// trial is a scene that is tried.
type trial struct {
	*scene
	program string
	dir     string // of its own
	tree    string // the scene's root: tree and out
	state   string
	main    string // the manifest
	owing   bool   // earlier runs may owe refreshes to this one
	mayFail bool   // something is declared that fails, or misses what is not there
	unswept bool   // a run was killed, and none has swept after it
	lasting bool   // a run was killed, and what it had change accounts may come to its end while the next one runs
	log     []string
}

func (t *trial) fail(claim, format string, args ...any) {
	panic(failure{claim, fmt.Sprintf(format, args...)})
}

func (t *trial) must(err error) {
	if err != nil {
		t.fail("the harness", "%v", err)
	}
}

// pick is a number below n that hangs on the seed and a name alone, so that it stays while a scene shrinks.
func (t *trial) pick(n int, what ...any) int {
	h := t.seed*0x9e3779b97f4a7c15 + 1
	for _, c := range fmt.Sprint(what...) {
		h = (h ^ uint64(c)) * 0x100000001b3
	}
	return int((h >> 17) % uint64(max(n, 1)))
}

// apply runs the program and waits for it.
func (t *trial) apply(args ...string) *run { return t.interrupted(0, 0, args...) }

// inside has the program see an /etc and crontabs of the scene.
const inside = `mount --bind "$1/etc" /etc && mount --bind "$1/spool" /var/spool/cron/crontabs && shift && exec "$0" "$@"`

// interrupted sends a signal after a time; 0 none.
func (t *trial) interrupted(sig syscall.Signal, after time.Duration, args ...string) *run {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, t.program, args...)
	if t.etc {
		cmd = exec.CommandContext(ctx, "unshare", append([]string{"-m", "--", "sh", "-c", inside, t.program, t.tree}, args...)...)
	}
	cmd.Dir = filepath.Dir(t.main)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.dir, "APPLY_STATE_DIR=" + t.state, "NO_COLOR=1", "APPLY_PARALLEL=" + []string{"1", "2", "8"}[t.pick(3, "at once")]}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &stdout, &stderr, 5*time.Second
	t.lasting = t.lasting || sig != 0 && t.etc
	t.must(cmd.Start())
	if sig != 0 {
		timer := time.AfterFunc(after, func() { _ = cmd.Process.Signal(sig) })
		defer timer.Stop()
	}
	err := cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.fail("the harness", "%v", err)
	}
	r := &run{args: args, code: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String(), results: map[string]result{}}
	r.killed = r.code < 0
	if ctx.Err() != nil {
		t.fail("an end within a minute", "%v", r)
	}
	if strings.Contains(r.stderr, "goroutine ") || strings.Contains(r.stdout, "goroutine ") {
		t.fail("no panic", "%v", r)
	}
	if strings.Contains(r.stdout+r.stderr, t.secret()) {
		t.fail("nothing tells a secret", "%v", r)
	}
	if slices.Contains(args, "--json") {
		t.read(r)
	}
	return r
}

// read reads what --json prints.
func (t *trial) read(r *run) {
	for n, line := range strings.SplitAfter(r.stdout, "\n") {
		if line == "" || r.killed && !strings.HasSuffix(line, "\n") {
			continue
		}
		var e struct{ Event, Run string }
		decode := func(to any) {
			if err := json.Unmarshal([]byte(line), to); err != nil {
				t.fail("--json prints an object a line", "line %d: %v\n%v", n+1, err, r)
			}
		}
		decode(&e)
		switch e.Event {
		case "run":
			r.id = e.Run
		case "resource":
			var res result
			decode(&res)
			if _, twice := r.results[res.Address]; twice && r.undo == nil || r.summary != nil {
				t.fail("an event for each resource", "%s: told twice, or after the summary\n%v", res.Address, r)
			}
			r.results[res.Address] = res
		case "undo":
			var s step
			decode(&s)
			r.undo = append(r.undo, s)
		case "summary":
			r.summary = &summary{}
			decode(r.summary)
		}
	}
}

// ok has the program end with one of some exit codes.
func (t *trial) ok(r *run, codes ...int) *run {
	if !slices.Contains(codes, r.code) {
		t.fail(fmt.Sprintf("apply %s ends well", r.args[0]), "want one of %v\n%v", codes, r)
	}
	return r
}

// look lists a folder of the scene: tree, or out without what every run changes.
func (t *trial) look(folder string) map[string]string {
	seen, err := look(filepath.Join(t.tree, folder), false)
	t.must(err)
	shared := map[string]bool{}
	for _, i := range t.items {
		shared[i.shared] = true
	}
	for name := range seen {
		switch left := strings.Contains(name, ".apply."); {
		case left && t.unswept:
			delete(seen, name)
		case left:
			t.fail("nothing is left behind", "%s", name)
		}
		if folder == "out" && (strings.HasPrefix(name, "log") || strings.HasPrefix(name, "try")) {
			delete(seen, name)
		}
	}
	if folder == "tree" && t.etc {
		t.lookEtc(seen)
	}
	if folder == "tree" {
		seen = sorted(seen, shared)
	}
	return seen
}

// exact lists all of the scene, with times and inodes.
func (t *trial) exact() map[string]string {
	seen, err := look(t.tree, true)
	t.must(err)
	return seen
}

// same has two listings be equal.
func (t *trial) same(claim string, was, is map[string]string, of ...*run) {
	if diff := differences(was, is); len(diff) > 0 {
		for _, r := range of {
			diff = append(diff, r.String())
		}
		t.fail(claim, "%s", strings.Join(diff, "\n"))
	}
}

// fresh puts the tree as it is before the first run, with no run on record.
func (t *trial) fresh() {
	t.must(t.set(t.tree))
	t.must(os.RemoveAll(t.state))
	t.owing, t.mayFail = false, slices.ContainsFunc(t.items, func(i *item) bool { return i.fails })
}
