package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/e2e/lab/internal/cgroup"
)

// root skips a test that commands cannot be run for.
func root(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("commands are not tested: only root may join namespaces and make cgroups")
	}
	if _, _, err := cgroup.Mounts(); err != nil {
		t.Skip("commands are not tested: " + err.Error())
	}
}

// start starts a shell script in the namespaces of this process, in a cgroup of its own.
func start(t *testing.T, ctx context.Context, stdin, script string) *Process {
	t.Helper()
	root(t)
	group, _, err := cgroup.New(fmt.Sprintf("apply-command-test-%d-", os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cgroup.Remove(group); err != nil {
			t.Error(err)
		}
	})
	p, err := Start(ctx, os.Getpid(), group, []byte(stdin), []string{"sh", "-c", script})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestWait(t *testing.T) {
	for name, tt := range map[string]struct {
		script string
		want   Result
	}{
		"what it reads and prints": {"cat; pwd; echo oops >&2", Result{Stdout: "in\n/\n", Stderr: "oops\n"}},
		"an exit code":             {"exit 7", Result{Code: 7}},
		"a signal":                 {"kill -TERM $$", Result{Code: 128 + int(syscall.SIGTERM)}},
		"the environment":          {"env | cut -d= -f1 | grep -v -e PWD -e SHLVL -e '^_' | sort | tr '\\n' ' '", Result{Stdout: "HOME LANG PATH "}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := start(t, t.Context(), "in\n", tt.script).Wait()
			if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
				t.Error(err, diff)
			}
		})
	}
}

// When its time is over, all that it has started ends with it.
func TestKilledWhole(t *testing.T) {
	late := errors.New("too late")
	ctx, cancel := context.WithCancelCause(t.Context())
	p := start(t, ctx, "", "sleep 1001 & echo child $!; wait")
	if err := p.Await(t.Context(), "child "); err != nil {
		t.Fatal(err)
	}
	text, _ := p.stdout.look()
	var child int
	if _, err := fmt.Sscanf(text, "child %d", &child); err != nil {
		t.Fatal(err)
	}
	alive, err := unix.PidfdOpen(child, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(alive)
	cancel(late)
	if _, err := p.Wait(); !errors.Is(err, late) {
		t.Errorf("got %v", err)
	}
	if n, err := unix.Poll([]unix.PollFd{{Fd: int32(alive), Events: unix.POLLIN}}, 30_000); n != 1 || err != nil {
		t.Errorf("its child lives on: %v", err)
	}
}

func TestAwait(t *testing.T) {
	p := start(t, t.Context(), "", "echo one; read x; echo never")
	if err := p.Await(t.Context(), "one"); err != nil {
		t.Error(err)
	}
	if err := p.Await(t.Context(), "two"); err == nil || !strings.Contains(err.Error(), `ended and has not printed "two"`) {
		t.Errorf("got %v", err)
	}
	p = start(t, t.Context(), "", "exec sleep 1002")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := p.Await(ctx, "x"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if err := p.Signal(syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	if got, err := p.Wait(); err != nil || got.Code != 128+int(syscall.SIGKILL) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestNoSuchProcess(t *testing.T) {
	root(t)
	if _, err := Start(t.Context(), 1<<30, t.TempDir(), nil, []string{"true"}); err == nil || !strings.Contains(err.Error(), "process 1073741824: ") {
		t.Errorf("got %v", err)
	}
}
