//go:build linux && amd64

package fault

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestLimits gives each command that reads manifests one over each bound: it refuses it in time, within memory, and names the place.
func TestLimits(t *testing.T) {
	dir := t.TempDir()
	const nested = "locals {\n  a = range(0, 300)\n}\noutput \"x\" {\n  value = [for a in local.a : [for b in local.a : [for c in local.a : [for d in local.a : d]]]]\n}\n"
	tests := map[string]struct {
		text     string
		evaluate bool // found by evaluation, which fmt does not do
	}{
		"depth":     {text: "locals {\n  a = " + strings.Repeat("[", 200_000) + "\n}\n"},
		"operators": {text: "locals {\n  a = " + strings.Repeat("1+", 10_001) + "1\n}\n"},
		"size":      {text: "# " + strings.Repeat("x", 1<<20) + "\n"},
		"time":      {text: nested, evaluate: true},
		"memory":    {text: doubled(40, `"xxxxxxxxxxxxxxxx"`, `"${@}${@}"`) + "output \"x\" { value = local.a40 }\n", evaluate: true},
	}
	commands := [][]string{{}, {"plan"}, {"validate"}, {"graph"}, {"fmt", "--check"}, {"why", "file.x"}}
	tried := 0
	var slowest time.Duration
	var most int64
	for name, test := range tests {
		main := filepath.Join(dir, name+".hcl")
		writeFile(t, main, test.text, 0o644)
		for _, command := range commands {
			if test.evaluate && (len(command) == 0 || command[0] == "fmt" || !whole && command[0] != "plan") {
				continue
			}
			begin := time.Now()
			end := runProgram(t, limit, append(append([]string{programs.apply, "--state-dir", filepath.Join(dir, "state")}, command...), main)...)
			slowest, most = max(slowest, time.Since(begin)), max(most, end.peak)
			tried++
			if end.code != 1 || !strings.Contains(end.stderr, "limit") && !strings.Contains(end.stdout, "limit") || !strings.Contains(end.output(), main) {
				t.Errorf("%q %s: exit code %d\n%.2000s", command, name, end.code, end.output())
			}
		}
	}
	if names, err := os.ReadDir(filepath.Join(dir, "state", "journal")); err == nil && len(names) > 0 {
		t.Error("a run was begun")
	}
	record(t, "manifests over a bound, by each command", fmt.Sprintf("%d of %d refused, within %v, at most %s", tried, tried, slowest.Round(time.Second), mib(most)), "-")
}

// TestPipesAndDevices puts named pipes and devices where files are expected: nothing waits for them, and nothing is read from them.
func TestPipesAndDevices(t *testing.T) {
	dir := onTmpfs(t)
	pipe, zero := fifo(t, dir, "pipe"), "/dev/zero"
	tests := map[string]struct {
		text string
		args []string // in place of the manifest
		code int
	}{
		"a pipe as target of another mode":   {text: fmt.Sprintf("file %q { mode = \"0600\" }", pipe)},
		"a device as target":                 {text: fmt.Sprintf("file %q { content = \"x\" }", zero), code: 4},
		"a pipe as source":                   {text: fmt.Sprintf("file \"%s/new\" { source = %q }", dir, pipe), code: 4},
		"a device as source":                 {text: fmt.Sprintf("file \"%s/new\" { source = %q }", dir, zero), code: 4},
		"a pipe that a function reads":       {text: fmt.Sprintf("file \"%s/new\" { content = file(%q) }", dir, pipe), code: 1},
		"a device that a function reads":     {text: fmt.Sprintf("file \"%s/new\" { content = file(%q) }", dir, zero), code: 1},
		"a line in a pipe":                   {text: fmt.Sprintf("line \"x\" {\n  path = %q\n  line = \"x\"\n}", pipe), code: 4},
		"a pipe as manifest":                 {args: []string{pipe}, code: 1},
		"a device as manifest":               {args: []string{zero}, code: 1},
		"a pipe as manifest to be formatted": {args: []string{"fmt", pipe}, code: 1},
		"a pipe as saved plan":               {args: []string{fifo(t, dir, "x.plan")}, code: 1},
		"a pipe as values":                   {args: []string{"--var-file", pipe, filepath.Join(dir, "empty.hcl")}, code: 1},
		"a pipe as facts":                    {args: []string{"facts", "--facts-dir", filepath.Dir(fifo(t, t.TempDir(), "a.json")), "nofact"}, code: 1},
	}
	writeFile(t, filepath.Join(dir, "empty.hcl"), "", 0o644)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var end ending
			if test.args != nil {
				end = runProgram(t, limit, append([]string{programs.apply, "--state-dir", filepath.Join(dir, "state")}, test.args...)...)
			} else {
				end = applyText(t, dir, test.text+"\n")
			}
			if end.code != test.code || strings.Contains(end.output(), "timed out") { // as all does that is waited for
				t.Errorf("exit code %d, want %d and nothing waited for\n%s", end.code, test.code, end.output())
			}
		})
	}
	record(t, "pipes and devices where files are expected", fmt.Sprintf("%d handled without waiting", len(tests)), "-")
}

// TestErrorText is the form in which an error is told.
func TestErrorText(t *testing.T) {
	dir := mounted(t, "tmpfs", "tmpfs", "size=64k")
	target := filepath.Join(dir, "conf")
	writeFile(t, target, oldConf, 0o644)
	end := applyText(t, onTmpfs(t), fmt.Sprintf("# a comment\nfile %q {\n  mode    = \"0644\"\n  content = %q\n}\n", target, strings.Repeat("x", 200_000)))
	want := fmt.Sprintf("/main.hcl:4:3: file[%q]: write: no space left on device; old content kept\n", target)
	if !strings.Contains(end.stdout, want) || end.code != 4 {
		t.Errorf("exit code %d, and the output does not say %q\n%s", end.code, want, end.output())
	}
}
