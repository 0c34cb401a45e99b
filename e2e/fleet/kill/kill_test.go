//go:build linux && amd64

// Package kill kills a node, or the seat, before every call by which the node changes something while it gets the program or a put: what was there or what
// is new is there, whole, and the next put heals.
package kill

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/e2e/fault/ptrace"
	"github.com/nodeapply/apply/e2e/lab"
	"github.com/nodeapply/apply/fleet/seat"
	"github.com/nodeapply/apply/fleet/transport"
)

// startEnv makes this process the seat that brings the program that it names to the node; connectorEnv is how.
const (
	startEnv     = "APPLY_KILL_START"
	connectorEnv = "APPLY_KILL_CONNECTOR"
)

func TestMain(m *testing.M) {
	ptrace.Main()
	if file := os.Getenv(startEnv); file != "" {
		if err := start(file); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// start brings a program to the node and starts it.
func start(file string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	p, err := seat.NewProgram(file)
	if err != nil {
		return err
	}
	d, err := transport.NewConnector(os.Getenv(connectorEnv))
	if err != nil {
		return err
	}
	conn, err := d.Dial(ctx, transport.Target{Name: "node"})
	if err != nil {
		return err
	}
	c, err := seat.Start(ctx, conn, p, seat.At{Node: "node"}, nil)
	if err != nil {
		return err
	}
	return c.Close()
}

// scene is a seat and its node, which is this machine with another home.
type scene struct {
	dir  string
	args []string // of the seat
	env  []string
}

func (s *scene) node() string { return filepath.Join(s.dir, "node") }

// connector reaches the node.
func connector(dir string) string {
	return fmt.Sprintf(`sh -c 'cd %[1]s/node && exec env -i PATH=/usr/bin:/bin HOME=%[1]s/node sh -c "$2"' connector`, dir)
}

// traced runs the seat; at is asked before every call by which the node changes something.
func (s *scene) traced(t *testing.T, at func(ptrace.Call) ptrace.Verdict) ptrace.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	res, err := ptrace.Run(ctx, ptrace.Options{
		Args: s.args, Env: s.env, Dir: s.dir, At: at,
		Select: func(c ptrace.Call) bool { return c.Changes && !c.Own && strings.HasPrefix(c.Path, s.node()) },
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, res.Output)
	}
	return res
}

// tree is every name below a folder, with its mode and its content or target.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	names := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		text := ""
		if info.Mode().IsRegular() {
			b, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			text = string(b)
		}
		names[strings.TrimPrefix(name, dir+"/")] = info.Mode().String() + " " + text
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// killed is who dies.
var killed = map[string]func(ptrace.Call) ptrace.Verdict{
	"the node": func(c ptrace.Call) ptrace.Verdict {
		group, err := unix.Getpgid(c.PID) // the connector's, and of all that it has started
		if err == nil {
			_ = unix.Kill(-group, unix.SIGKILL)
		}
		return ptrace.Verdict{}
	},
	"the seat": func(ptrace.Call) ptrace.Verdict { return ptrace.Verdict{Kill: true} },
}

// sweep kills at every call, or at every so manieth, each time with a scene that is made anew. Right looks at what is there then, and after the next run.
func sweep(t *testing.T, step int, set func(t *testing.T) *scene, right func(t *testing.T, s *scene, healed bool)) {
	for who, kill := range killed {
		t.Run(who, func(t *testing.T) {
			undisturbed := set(t)
			if res := undisturbed.traced(t, nil); res.ExitCode != 0 {
				t.Fatalf("undisturbed: exit code %d\n%s", res.ExitCode, res.Output)
			}
			right(t, undisturbed, true)
			points := 0
			for k := 1; ; k += step {
				s := set(t)
				var at *ptrace.Call
				res := s.traced(t, func(c ptrace.Call) ptrace.Verdict {
					if c.N != k {
						return ptrace.Verdict{}
					}
					at = &c
					return kill(c)
				})
				if at == nil {
					break
				}
				points++
				right(t, s, res.ExitCode == 0) // who says that it went well
				if res := s.traced(t, nil); res.ExitCode != 0 {
					t.Errorf("the run after %v: exit code %d\n%s", at, res.ExitCode, res.Output)
				}
				right(t, s, true)
				if t.Failed() {
					t.Fatalf("killed before %v", at)
				}
				os.RemoveAll(s.dir)
			}
			if points < 5 {
				t.Errorf("killed at %d points only", points)
			}
			t.Logf("%d points", points)
		})
	}
}

// step is how many calls lie between those at which is killed, where the long variant is not asked for.
func step(sample int) int {
	if os.Getenv("APPLY_FLEET") == "whole" {
		return 1
	}
	return sample
}

// TestProgram kills while the program is brought: it is there whole or not at all.
func TestProgram(t *testing.T) {
	// As a relay it says no more than that it is there.
	content := []byte("#!/bin/sh\n[ \"$1\" = relay ] && echo apply-relay 1 && head -c 1 >/dev/null\nexit\n#")
	for r := rand.New(rand.NewPCG(1, 1)); len(content) < 200_000; {
		content = append(content, byte('a'+r.IntN(26)))
	}
	set := func(t *testing.T) *scene {
		dir := t.TempDir()
		s := &scene{dir: dir, args: []string{executable(t)}, env: []string{
			startEnv + "=" + filepath.Join(dir, "program"), connectorEnv + "=" + connector(dir), "PATH=" + os.Getenv("PATH"),
		}}
		write(t, filepath.Join(dir, "program"), string(content))
		write(t, filepath.Join(s.node(), ".cache/apply/bin/apply-older"), "older")
		return s
	}
	sweep(t, step(7), set, func(t *testing.T, s *scene, healed bool) {
		found := tree(t, filepath.Join(s.node(), ".cache/apply/bin"))
		whole := 0
		for name, is := range found {
			switch {
			case name == "apply-older" && is == "-rw-r--r-- older", strings.HasPrefix(name, ".apply."): // what dies is removed after an hour
			case strings.HasPrefix(name, "apply-") && is == "-rwx------ "+string(content):
				whole++
			default:
				t.Errorf("%s: %.40q: is neither whole nor away", name, is)
			}
		}
		if healed && whole != 1 {
			t.Errorf("the program is there %d times", whole)
		}
	})
}

// TestPut kills while files come: each is old or new, a folder that was not there comes whole, and the next put leaves nothing over.
func TestPut(t *testing.T) {
	apply := lab.Binary(t)
	// The program is on the node already.
	warm := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(warm, "node"), 0o755))
	write(t, filepath.Join(warm, "x"), "x")
	first := &scene{dir: warm, args: []string{apply, "fleet", "put", "-w", "node", "--connector", connector(warm), "x", "x"}, env: environ(warm)}
	if res := first.traced(t, nil); res.ExitCode != 0 {
		t.Fatalf("exit code %d\n%s", res.ExitCode, res.Output)
	}
	big := bytes.Repeat([]byte("new "), 200_000)
	file := strings.Repeat("new file ", 20_000) // written to a file of its own as it comes
	fresh := map[string]string{"a": "new a", "sub/b": string(big), "sub/deep/c": "new c"}
	set := func(t *testing.T) *scene {
		dir := t.TempDir()
		s := &scene{dir: dir, env: environ(dir), args: []string{
			apply, "fleet", "put", "-w", "node", "--connector", connector(dir), "there", "not", "file", filepath.Join(dir, "node/dst"),
		}}
		for name, text := range fresh {
			write(t, filepath.Join(dir, "there", name), text)
			write(t, filepath.Join(dir, "not", name), text)
		}
		write(t, filepath.Join(dir, "file"), file)
		write(t, filepath.Join(s.node(), "dst/there/a"), "old a")
		write(t, filepath.Join(s.node(), "dst/there/kept"), "kept")
		write(t, filepath.Join(s.node(), "dst/file"), "old file")
		must(t, os.MkdirAll(filepath.Join(s.node(), ".cache/apply"), 0o755))
		must(t, os.Symlink(filepath.Join(warm, "node/.cache/apply/bin"), filepath.Join(s.node(), ".cache/apply/bin")))
		return s
	}
	sweep(t, step(23), set, func(t *testing.T, s *scene, healed bool) {
		text := map[string]string{}
		dst := filepath.Join(s.node(), "dst")
		for name, is := range tree(t, dst) {
			if strings.HasPrefix(is, "-") {
				_, text[name], _ = strings.Cut(is, " ")
			}
		}
		want := map[string]string{"there/kept": "kept", "file": file}
		for name, is := range fresh {
			want["there/"+name], want["not/"+name] = is, is
		}
		if healed {
			if diff := cmp.Diff(want, text); diff != "" {
				t.Errorf("%.2000s", diff)
			}
			return
		}
		news := 0
		for name, is := range text {
			switch {
			case strings.Contains(name, ".apply"): // removed by the next put
			case is == want[name]:
				if strings.HasPrefix(name, "not/") {
					news++
				}
			case name == "there/a" && is == "old a", name == "file" && is == "old file":
			default:
				t.Errorf("%s: %.40q: is neither old nor new", name, is)
			}
		}
		if news != 0 && news != len(fresh) {
			t.Errorf("a folder that was not there has %d of %d files", news, len(fresh))
		}
		for _, name := range []string{"there/a", "file", "there/kept"} {
			if _, ok := text[name]; !ok {
				t.Errorf("%s: is gone", name)
			}
		}
	})
}

// environ is the seat's environment.
func environ(dir string) []string {
	return []string{"HOME=" + filepath.Join(dir, "home"), "PATH=" + os.Getenv("PATH"), "APPLY_STATE_DIR=" + filepath.Join(dir, "state")}
}

func executable(t *testing.T) string {
	t.Helper()
	name, err := os.Executable()
	must(t, err)
	return name
}

func write(t *testing.T, name, text string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(name), 0o755))
	must(t, os.WriteFile(name, []byte(text), 0o644))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
