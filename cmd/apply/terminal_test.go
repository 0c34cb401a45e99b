package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nodeapply/apply/host/hosttest"
)

// tmux is a server of tmux with one session, which is a terminal of a given size.
type tmux struct {
	t      *testing.T
	dir    string
	socket string
}

func newTmux(t *testing.T, columns, rows int) *tmux {
	t.Helper()
	hosttest.Program(t, "tmux", "how a run looks on a terminal")
	dir := t.TempDir()
	m := &tmux{t: t, dir: dir, socket: filepath.Join(dir, "tmux.sock")}
	t.Setenv("APPLY_STATE_DIR", filepath.Join(dir, "state"))
	t.Setenv("NO_COLOR", "")
	t.Setenv("LC_ALL", "C.UTF-8")
	t.Setenv("ENV", "")
	m.do("-f", "/dev/null", "new-session", "-d", "-x", fmt.Sprint(columns), "-y", fmt.Sprint(rows), "-c", dir, "env", "PS1=ready> ", "sh")
	t.Cleanup(func() { m.do("kill-server") })
	m.until(`^ready>$`)
	return m
}

func (m *tmux) do(args ...string) string {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "tmux", append([]string{"-u", "-S", m.socket}, args...)...).CombinedOutput()
	if err != nil {
		m.t.Fatalf("tmux %s: %v: %s", args, err, out)
	}
	return string(out)
}

func (m *tmux) write(name, content string) {
	m.t.Helper()
	if err := os.WriteFile(filepath.Join(m.dir, name), []byte(content), 0o600); err != nil {
		m.t.Fatal(err)
	}
}

func (m *tmux) screen(args ...string) string {
	m.t.Helper()
	return strings.TrimRight(m.do(append([]string{"capture-pane", "-p"}, args...)...), "\n")
}

// until waits for the screen to match and returns it.
func (m *tmux) until(pattern string) string {
	m.t.Helper()
	re := regexp.MustCompile("(?m)" + pattern)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(90 * time.Second); ; {
		s := m.screen()
		if re.MatchString(s) {
			return s
		}
		select {
		case <-tick.C:
		case <-deadline:
			m.t.Fatalf("the screen does not come to %s:\n%s", pattern, s)
		}
	}
}

const slowManifest = `
file "a" {
  path    = "%[1]s/a"
  content = "hello\n"
}
exec "slow-日本語-with-a-name-that-no-narrow-terminal-has-room-for" {
  command = ["sh", "-c", "echo said; until test -e %[1]s/go; do sleep 0.05; done"]
}
`

func TestTerminal(t *testing.T) {
	m := newTmux(t, 60, 20)
	m.write("main.hcl", fmt.Sprintf(slowManifest, m.dir))
	m.do("send-keys", "apply main.hcl", "Enter")
	// What runs now is told with the time it has taken, its address shortened.
	live := m.until(`^  exec\["slow-.*….*"\]: applying [0-9]+s\n1 of 2 done, [0-9]+s$`)
	for line := range strings.Lines(live) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 60 {
			t.Errorf("%d columns: %q", n, line)
		}
	}
	t.Log("\n" + live)
	coloured := m.screen("-e")
	for _, want := range []string{"\x1b[32mchanged", "\x1b[32m+hello"} {
		if !strings.Contains(coloured, want) {
			t.Errorf("no %q in\n%q", want, coloured)
		}
	}
	m.write("go", "")
	end := m.until(`^converge: 2 changed.*\n(.*\n)*ready>$`)
	t.Log("\n" + end)
	// Nothing of the live part is left, and nothing of what was printed is lost.
	if strings.Contains(end, "applying") || strings.Contains(end, " done, ") {
		t.Errorf("the live part is left:\n%s", end)
	}
	if n := strings.Count(end, "changed (main.hcl:"); n != 2 {
		t.Errorf("%d results, not 2:\n%s", n, end)
	}
	if n := strings.Count(end, "msg="); n > 0 && strings.Index(end, "msg=") > strings.Index(end, "converge:") {
		t.Errorf("a message comes after the end:\n%s", end)
	}
}

// TestHelpOnATerminal reads help and reference where their lines are longer than the screen is wide.
func TestHelpOnATerminal(t *testing.T) {
	m := newTmux(t, 70, 60)
	for command, want := range map[string]string{
		"apply fleet -h":   `(?m)^      --known-hosts FILE           FILE of host keys in place of\n {35}~/\.ssh/known_hosts and\n {35}/etc/ssh/ssh_known_hosts; may\n {35}repeat$`,
		"apply docs group": `(?m)^- \*\*.gid.\*\* .*\n  \S`,
	} {
		m.do("send-keys", "clear; "+command+"; echo that was $(echo "+command+")", "Enter")
		got := m.until(`^that was ` + command + `$`)
		if !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("%s: no %s in\n%s", command, want, got)
		}
	}
}

func TestNarrowTerminal(t *testing.T) {
	m := newTmux(t, 20, 10)
	m.write("main.hcl", fmt.Sprintf(slowManifest, m.dir))
	m.do("send-keys", "clear; apply main.hcl", "Enter")
	live := m.until(`^  exec.*… *.*[0-9]s$`)
	t.Log("\n" + live)
	if strings.Count(live, "exec") > 2 { // the message of the command may be the other
		t.Errorf("the live part is drawn over and over:\n%s", live)
	}
	m.do("resize-window", "-x", "30", "-y", "10")
	m.until(`([2-9]|[0-9]{2})s$`)
	m.write("go", "")
	end := m.until(`^ready>$`)
	t.Log("\n" + end)
	if strings.Contains(end, " done, ") {
		t.Errorf("the live part is left:\n%s", end)
	}
}

func TestInterruptOnTerminal(t *testing.T) {
	m := newTmux(t, 80, 20)
	m.write("main.hcl", fmt.Sprintf(slowManifest, m.dir))
	m.do("send-keys", "apply main.hcl; echo code $?", "Enter")
	m.until(`: applying [0-9]+s$`)
	m.do("send-keys", "C-c")
	// The message stands above what still runs.
	m.until(`what runs is let finish; once more ends it\n(.*\n)*  exec.*: applying [0-9]+s$`)
	m.write("go", "")
	end := m.until(`^code 130$`)
	t.Log("\n" + end)
	if !strings.Contains(end, "interrupted: run it again to finish what is left.") {
		t.Errorf("the summary:\n%s", end)
	}
}

func TestNoColour(t *testing.T) {
	m := newTmux(t, 80, 20)
	m.write("main.hcl", fmt.Sprintf("file \"a\" {\n  path = \"%s/a\"\n  content = \"x\\n\"\n}\n", m.dir))
	m.do("send-keys", "NO_COLOR=1 apply plan main.hcl", "Enter")
	m.until(`^to make these changes: apply main.hcl$`)
	if s := m.screen("-e"); strings.Contains(s, "\x1b[3") {
		t.Errorf("colours: %q", s)
	}
	// Piped: plain lines, the same.
	m.do("send-keys", "clear; NO_COLOR= apply plan main.hcl | tee piped; echo written", "Enter")
	m.until(`^written$`)
	piped, err := os.ReadFile(filepath.Join(m.dir, "piped"))
	if err != nil {
		t.Fatal(err)
	}
	want := "file.a: would change (main.hcl:1) [exact, reversible]\n    ensure: absent -> file\n    content:\n        --- X\n        +++ X\n        @@ -0,0 +1,1 @@\n        +x\nplan: 1 to change, in X\nto make these changes: apply main.hcl\n"
	got := strings.ReplaceAll(string(piped), m.dir+"/a", "X")
	got = regexp.MustCompile(`in [0-9.]+m?s`).ReplaceAllString(got, "in X")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
