package command

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestBoundedKeepsBothEnds(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for limit := range 20 {
		var all []byte
		b := bounded{limit: limit}
		for len(all) < 60 {
			p := bytes.Repeat([]byte{byte('a' + len(all)%26)}, random.IntN(9))
			all = append(all, p...)
			b.write(p)
			want := all
			if len(all) > limit {
				want = append(bytes.Clone(all[:limit/2]), all[len(all)-(limit-limit/2):]...)
			}
			if diff := cmp.Diff(string(want), string(b.bytes())); diff != "" || b.lost != (len(all) > limit) {
				t.Fatalf("limit %d, %q, lost %v: -want +got\n%s", limit, all, b.lost, diff)
			}
		}
	}
}

// script runs a shell script that is given up as soon as it prints anything, and returns what it printed.
func script(t *testing.T, g *Groups, text string) string {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	r, err := Run(ctx, Spec{
		Program: "/bin/sh", Args: []string{"sh", "-c", text}, Env: []string{"PATH=/usr/bin:/bin"}, Dir: "/", MaxOutput: 1024, Groups: g,
		Stream: func(bool, []byte) { cancel(enough) },
	})
	if !errors.Is(err, enough) {
		t.Fatalf("want %v, got %v", enough, err)
	}
	return strings.TrimSpace(string(r.Stdout))
}

func ended(pid string) bool {
	b, err := os.ReadFile("/proc/" + pid + "/stat")
	return err != nil || b[bytes.LastIndexByte(b, ')')+2] == 'Z'
}

func TestWhoLeftTheProcessGroupIsEndedToo(t *testing.T) {
	g := NewGroups()
	if g == nil {
		t.Skip("needs a cgroup v2 that can be written; left out: processes in sessions of their own")
	}
	begin := time.Now()
	pid := script(t, g, "setsid sleep 1000 >/dev/null 2>&1 & sleep 0.2; echo $!; sleep 1000")
	if !ended(pid) {
		t.Errorf("%s lives on", pid)
	}
	if took := time.Since(begin); took > grace {
		t.Errorf("it was not asked to end before it was killed after %s", took)
	}
	left, err := filepath.Glob(filepath.Join(g.dir, leafPrefix+strconv.Itoa(os.Getpid())+".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestDaemonLeavesTheControlGroup(t *testing.T) {
	g := NewGroups()
	if g == nil {
		t.Skip("needs a cgroup v2 that can be written; left out: daemons that live on")
	}
	r, err := Run(t.Context(), Spec{
		Program: "/bin/sh", Args: []string{"sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 & echo $!"}, Env: []string{"PATH=/usr/bin:/bin"},
		Dir: "/", MaxOutput: 1024, Groups: g,
	})
	if err != nil {
		t.Fatal(err)
	}
	pid := strings.TrimSpace(string(r.Stdout))
	n, err := strconv.Atoi(pid)
	if err != nil {
		t.Fatal(err)
	}
	daemon, err := os.FindProcess(n)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = daemon.Kill() }()
	if ended(pid) {
		t.Error("the daemon was ended")
	}
	own, err1 := os.ReadFile("/proc/self/cgroup")
	its, err2 := os.ReadFile("/proc/" + pid + "/cgroup")
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(own), string(its)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestReap(t *testing.T) {
	g := NewGroups()
	if g == nil {
		t.Skip("needs a cgroup v2 that can be written; left out: what killed runs leave behind")
	}
	// One of its own: any run of the program that begins meanwhile in that of the test would take the dead group away. Units have such names.
	own, err := os.MkdirTemp(g.dir, `test\x2d[a].`)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(own) })
	g = &Groups{dir: own}
	dead := filepath.Join(g.dir, leafPrefix+"999999999.1")
	if err := os.Mkdir(dead, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(dead) })
	left := exec.Command("sleep", "86400")
	if err := left.Start(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dead, "cgroup.procs"), []byte(strconv.Itoa(left.Process.Pid)), 0); err != nil {
		t.Fatal(err)
	}
	alive := g.leaf(false)
	defer alive.close()
	g.Reap()
	if _, err := os.Stat(dead); !os.IsNotExist(err) {
		_ = left.Process.Kill() // or it would be waited for
		t.Error("the group of a dead run is there")
	}
	if _, err := os.Stat(alive.dir); err != nil {
		t.Error("the group of a live run is gone")
	}
	if err := left.Wait(); err == nil || left.ProcessState.Success() {
		t.Error("what a dead run left was not ended")
	}
}

// TestReapSparesDaemons: another run looks for what was left behind at the moment in which a command ends and its daemon lives on.
func TestReapSparesDaemons(t *testing.T) {
	g := NewGroups()
	if g == nil {
		t.Skip("no control group can be written; left out: daemons")
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				g.Reap()
			}
		}
	}()
	defer func() { close(stop); <-stopped }()
	for range 200 {
		r, err := Run(t.Context(), Spec{
			Program: "/bin/sh", Args: []string{"sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 & echo $!"}, Env: []string{"PATH=/usr/bin:/bin"}, Dir: "/", MaxOutput: 1024, Groups: g,
		})
		if err != nil {
			t.Fatal(err)
		}
		pid := strings.TrimSpace(string(r.Stdout))
		if ended(pid) {
			t.Fatalf("%s was ended with its command", pid)
		}
		n, err := strconv.Atoi(pid)
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(n, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
}

func TestGroupAliveSparesZombies(t *testing.T) {
	if groupAlive(1 << 22) {
		t.Error("a group that cannot be lives")
	}
	if own, err := os.ReadFile("/proc/self/stat"); err != nil {
		t.Fatal(err)
	} else if group, err := strconv.Atoi(strings.Fields(string(own))[4]); err != nil || !groupAlive(group) {
		t.Errorf("our own group %d does not live, %v", group, err)
	}
}

func TestUmaskByShell(t *testing.T) {
	s := umaskByShell(Spec{
		Program: "/bin/sh", Args: []string{"sh", "-c", `umask; printf '<%s>' "$@"`, "sh", "a b", "$HOME", ""}, Env: []string{"PATH=/usr/bin:/bin"},
		Dir: "/", MaxOutput: 1024, Umask: 0o027,
	})
	s.Umask = 0
	r, err := Run(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("0027\n<a b><$HOME><>", string(r.Stdout)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
