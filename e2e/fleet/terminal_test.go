package fleet_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nodeapply/apply/host/hosttest"
)

// terminal is a session of tmux at the seat.
type terminal struct {
	*site
	socket string
}

func (s *site) terminal(columns, rows int) *terminal {
	s.t.Helper()
	hosttest.Program(s.t, "tmux", "how a fleet looks on a terminal")
	m := &terminal{s, filepath.Join(s.dir, "tmux.sock")}
	argv := []string{"-f", "/dev/null", "new-session", "-d", "-x", fmt.Sprint(columns), "-y", fmt.Sprint(rows), "-c", s.dir, "env", "-i", "TERM=screen", "LC_ALL=C.UTF-8", "PS1=ready> "}
	m.do(append(append(argv, s.command().Env...), "sh")...)
	s.t.Cleanup(func() { m.do("kill-server") })
	m.until(`^ready>$`)
	return m
}

func (m *terminal) do(args ...string) string {
	m.t.Helper()
	return m.sh(append([]string{"tmux", "-u", "-S", m.socket}, args...)...)
}

// keys types a line.
func (m *terminal) keys(line string) { m.t.Helper(); m.do("send-keys", line, "Enter") }

// until waits for the screen to match and returns it.
func (m *terminal) until(pattern string) string {
	m.t.Helper()
	re := regexp.MustCompile("(?m)" + pattern)
	seen := ""
	for deadline := time.Now().Add(90 * time.Second); time.Now().Before(deadline); m.pause() {
		if seen = strings.TrimRight(m.do("capture-pane", "-p"), "\n"); re.MatchString(seen) {
			return seen
		}
	}
	m.t.Fatalf("the screen does not come to %s:\n%s", pattern, seen)
	return ""
}

// TestBoard: on a terminal the nodes that are at work are shown below what is told, drawn again and again, and nothing of that is left at the end.
func TestBoard(t *testing.T) {
	s := newSite(t, "n1", "n2", "n3")
	s.write("site/main.hcl", `
file "/srv/first" {
  content = ""
}
exec "slow" {
  command = ["sh", "-c", "[ $(hostname) != n2 ] || exit 3; until test -e /srv/go; do sleep 0.1; done"]
  unless  = "false"
  timeout = "5m"
  require = [file["/srv/first"]]
}
`)
	m := s.terminal(60, 20)
	m.keys(s.apply + " fleet converge -w n[1-3] --connect-timeout 20s site; echo code $?")
	// The node that failed is told above those that are at work.
	live := m.until(`\[1/3\] n2: (.*\n)*  n[13]: 1 of 2 done, [1-9][0-9]*s\n  n[13]: 1 of 2 done, [1-9][0-9]*s\n1 of 3 nodes done, 2 at work, 1 failed, [1-9][0-9]*s$`)
	t.Log("\n" + live)
	if n := strings.Count(live, "nodes done"); n != 1 {
		t.Errorf("the board is there %d times:\n%s", n, live)
	}
	for line := range strings.Lines(live) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 60 {
			t.Errorf("%d columns: %q", n, line)
		}
	}
	m.do("resize-window", "-x", "40", "-y", "12")
	m.until(`^1 of 3 nodes done, 2 at work.*$`)
	for _, n := range []string{"n1", "n3"} {
		s.write("root-"+n+"/srv/go", "")
	}
	m.until(`^code 4$`)
	end := strings.TrimRight(m.do("capture-pane", "-p", "-J", "-S", "-100"), "\n")
	t.Log("\n" + end)
	if strings.Contains(end, "nodes done") || strings.Contains(end, "of 2 done") {
		t.Errorf("the board is left:\n%s", end)
	}
	for _, want := range []string{"[1/3] n2: ", "n2: main.hcl:5: exec.slow: exit code 3", "2 of 3 ok: n[1,3]; 1 failed: n2"} {
		if !strings.Contains(end, want) {
			t.Errorf("no %q in\n%s", want, end)
		}
	}
}
