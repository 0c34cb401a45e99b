//go:build linux && amd64

package fault

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// revisions are of one repository: the second one has more, and something else at some names.
var revisions = map[string]string{
	"v1": `
file "DIR/conf" {
  content = "one\n"
  mode    = "0600"
  notify  = [exec.refresh]
}
file "DIR/turn" { content = "a file\n" }
line "a" {
  path   = "DIR/lines"
  line   = "a = 1"
  match  = "^a ="
  notify = [exec.refresh]
}
exec "refresh" {
  command     = "cat conf lines >> log"
  cwd         = "DIR"
  refreshonly = true
}
`,
	"v2": `
file "DIR/conf" {
  content = "two\n"
  mode    = "0644"
  notify  = [exec.refresh]
}
file "DIR/turn" { target = "conf" }
file "DIR/more" { content = "more\n" }
line "a" {
  path   = "DIR/lines"
  line   = "a = 2"
  match  = "^a ="
  notify = [exec.refresh]
}
exec "refresh" {
  command     = "cat conf lines >> log"
  cwd         = "DIR"
  refreshonly = true
}
`,
}

// TestRollbackKilled kills a rollback, and before it a first run from git, before every call that changes something: the same command does the rest.
func TestRollbackKilled(t *testing.T) {
	for name, from := range map[string]struct {
		done, killed, again []string
	}{
		"a first run from git": {nil, []string{"--ref", "v1"}, []string{"--ref", "v1"}},
		"a rollback":           {[]string{"v1", "v2"}, []string{"rollback"}, []string{"--ref", "v1"}},
	} {
		t.Run(name, func(t *testing.T) {
			base := onTmpfs(t)
			site := filepath.Join(base, "site")
			t.Setenv("TMPDIR", filepath.Join(base, "tmp"))
			if err := os.Mkdir(filepath.Join(base, "tmp"), 0o700); err != nil {
				t.Fatal(err)
			}
			s := scene{name: name, before: []entry{{"lines", "a = 0\n", 0o640}, {"conf", oldConf, 0o640}}, refresh: "cat conf lines"}
			st := s.set(t, base)
			publish(t, site, st.dir)
			args := func(of []string) []string {
				if of[0] == "rollback" {
					return append([]string{"--parallel", "1"}, of...)
				}
				return append([]string{"--parallel", "1", "--git", "file://" + site}, append(of, "main.hcl")...)
			}
			set := func() stage {
				st := s.set(t, base)
				for _, tag := range from.done {
					st.does(t, args([]string{"--ref", tag})...)
				}
				return *st.as(args(from.killed)...)
			}
			st = set()
			before, after := st.undisturbed(t)
			var v verdict
			for k := 1; ; k += sampled(1, 5) {
				st := set()
				res, at, ok := st.ended(t, k)
				if !ok {
					break
				}
				reports, err := filepath.Glob(filepath.Join(st.state(), "runs", "*.json"))
				if err != nil {
					t.Fatal(err)
				}
				if len(reports) > len(from.done) {
					st.args = st.as(args(from.again)...).args // it is on record as done, and one more would go further back
				}
				found, lost := st.judgeBy(t, res, before, after, st.as(args(append([]string{"--detailed-exitcode"}, from.again...))...).args)
				if left, err := os.ReadDir(filepath.Join(base, "tmp")); err != nil || len(left) > 0 {
					found = append(found, fmt.Sprintf("left behind: %v, %v", left, err))
				}
				v.add(fmt.Sprintf("killed before %v", at), found, lost)
			}
			v.tally(t, "kill -9 of "+name+" before each changing call")
		})
	}
}

// publish makes a repository of the revisions.
func publish(t *testing.T, site, dir string) {
	t.Helper()
	git := func(args ...string) {
		command(t, append([]string{"git", "-C", site, "-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"}, args...)...)
	}
	if err := os.Mkdir(site, 0o755); err != nil {
		t.Fatal(err)
	}
	git("init", "-q")
	for _, tag := range []string{"v1", "v2"} {
		writeFile(t, filepath.Join(site, "main.hcl"), strings.ReplaceAll(revisions[tag], "DIR", dir), 0o644)
		git("add", "-A")
		git("commit", "-q", "-m", tag)
		git("tag", tag)
	}
}
