package exec_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/host/local"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/exec"
	"github.com/nodeapply/apply/resources/resourcetest"
)

// made returns an exec of the type's defaults, with what set does to it.
func made(command string, set ...func(*exec.Exec)) *exec.Exec {
	e := exec.Type().New(command).(*exec.Exec)
	for _, s := range set {
		s(e)
	}
	return e
}

func args(words ...string) func(*exec.Exec) {
	return func(e *exec.Exec) { e.Command = exec.Command{Args: words} }
}

func refresh(line string) func(*exec.Exec) {
	return func(e *exec.Exec) { e.OnRefresh = exec.Command{Line: line} }
}

// apply runs e as an engine would: check, apply, check again.
func apply(ctx context.Context, t *testing.T, h host.Host, e *exec.Exec) error {
	t.Helper()
	if err := e.Validate(); err != nil {
		t.Fatal(err)
	}
	d, err := e.Check(ctx, h)
	if err != nil {
		t.Fatal(err)
	}
	return e.Apply(ctx, h, d)
}

func TestConverges(t *testing.T) {
	for name, e := range map[string]*exec.Exec{
		"shell":   made("echo hello >$ROOT/out"),
		"list":    made("x", args("/usr/bin/env", "sh", "-c", "echo hello >$ROOT/out")),
		"creates": made("echo hello >$ROOT/out", func(e *exec.Exec) { e.Creates = resources.Strings{"/out"} }),
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, "", hosttest.RealCommands)
			o := resourcetest.Converges(t, h, e)
			want := []resources.Change{{Attr: "command", To: e.Command.String(), Opaque: true, Irreversible: true}}
			if diff := cmp.Diff(want, o.Diff.Changes); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
			if got := h.Content("/out"); got != "hello\n" {
				t.Errorf("the command wrote %q", got)
			}
		})
	}
}

func TestOutput(t *testing.T) {
	tests := map[string]struct {
		exec *exec.Exec
		want map[string]any
	}{
		"both streams":      {made("echo out; echo err >&2"), map[string]any{"stdout": "out\n", "stderr": "err\n", "exit_code": 0}},
		"list, no shell":    {made("", args("echo", "$HOME", "*", "a b")), map[string]any{"stdout": "$HOME * a b\n", "stderr": "", "exit_code": 0}},
		"returns":           {made("exit 3", func(e *exec.Exec) { e.Returns = exec.ExitCodes{0, 3} }), map[string]any{"stdout": "", "stderr": "", "exit_code": 3}},
		"standard input":    {made("cat", func(e *exec.Exec) { e.Stdin = "fed" }), map[string]any{"stdout": "fed", "stderr": "", "exit_code": 0}},
		"empty input":       {made("cat"), map[string]any{"stdout": "", "stderr": "", "exit_code": 0}},
		"not UTF-8":         {made(`printf 'a\377b'`), map[string]any{"stdout": "a\ufffdb", "stderr": "", "exit_code": 0}},
		"umask by default":  {made("umask"), map[string]any{"stdout": "0022\n", "stderr": "", "exit_code": 0}},
		"umask":             {made("umask", func(e *exec.Exec) { e.Umask = "027" }), map[string]any{"stdout": "0027\n", "stderr": "", "exit_code": 0}},
		"path":              {made("echo $PATH", func(e *exec.Exec) { e.Path = exec.SearchPath{"/bin", "/sbin"} }), map[string]any{"stdout": "/bin:/sbin\n", "stderr": "", "exit_code": 0}},
		"environment":       {made("echo $A,$LANG,$SECRET_OF_OURS", func(e *exec.Exec) { e.Environment = map[string]string{"A": "1 2"} }), map[string]any{"stdout": "1 2,C.UTF-8,\n", "stderr": "", "exit_code": 0}},
		"its own group":     {made(`[ "$(ps -o pgid= -p $$ | tr -d ' ')" = $$ ] && echo own`), map[string]any{"stdout": "own\n", "stderr": "", "exit_code": 0}},
		"a script's status": {made("false || true"), map[string]any{"stdout": "", "stderr": "", "exit_code": 0}},
	}
	t.Setenv("SECRET_OF_OURS", "leaked")
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, "", hosttest.RealCommands)
			before := map[string]any{"stdout": nil, "stderr": nil, "exit_code": nil}
			if diff := cmp.Diff(before, test.exec.Values()); diff != "" {
				t.Errorf("values before the run (-want +got):\n%s", diff)
			}
			if err := apply(t.Context(), t, h, test.exec); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, test.exec.Values()); diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("user and group are not tested: only root can become somebody else")
	}
	local, err := local.New(local.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	e := made("id -un; id -gn; echo $HOME; pwd", func(e *exec.Exec) { e.User, e.Group, e.Cwd = "nobody", "daemon", "/usr" })
	if err := apply(t.Context(), t, local, e); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("nobody\ndaemon\n/nonexistent\n/usr\n", e.Values()["stdout"]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	guard := e.GuardCmd("id -un; id -gn; pwd")
	out, err := local.Query(t.Context(), guard)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("nobody\ndaemon\n/usr\n", string(out.Stdout)); diff != "" {
		t.Errorf("a guard's (-want +got):\n%s", diff)
	}
}

func TestFailures(t *testing.T) {
	numbers := func(from, to int) string {
		var b strings.Builder
		for i := from; i <= to; i++ {
			fmt.Fprintln(&b, i)
		}
		return strings.TrimSuffix(b.String(), "\n")
	}
	short := func(e *exec.Exec) { e.Path = exec.SearchPath{"/bin", "/sbin"} }
	tests := map[string]struct {
		exec   *exec.Exec
		want   string
		detail string
	}{
		"exit code":               {made("echo one; echo two >&2; exit 3"), "exit code 3", ""},
		"the last lines":          {made("seq 30; exit 3"), "exit code 3", numbers(11, 30)},
		"no output":               {made("exit 3"), "exit code 3", ""},
		"no output wanted":        {made("echo secret; exit 3", func(e *exec.Exec) { e.LogOutput = exec.LogNever }), "exit code 3", ""},
		"success is not 0":        {made("true", func(e *exec.Exec) { e.Returns = exec.ExitCodes{1} }), "exit code 0", ""},
		"a signal":                {made("kill -9 $$"), "exit code 137 (killed)", ""},
		"missing program, shell":  {made("cd / && nosuch -x", short), "exit code 127: nosuch: not found (PATH is /bin:/sbin)", ""},
		"missing program, list":   {made("", args("nosuch", "-x"), short), "exit code 127: nosuch: executable file not found in $PATH (PATH=/bin:/sbin)", ""},
		"not executable":          {made("/etc/passwd"), "exit code 126: /etc/passwd: cannot be executed (PATH is the default)", ""},
		"one very long last line": {made("head -c 100000 /dev/zero | tr '\\0' x; exit 1"), "exit code 1", strings.Repeat("x", 8<<10)},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, "", hosttest.RealCommands)
			err := apply(t.Context(), t, h, test.exec)
			var failure *resources.CommandError
			if !errors.As(err, &failure) {
				t.Fatalf("want a CommandError, got %v", err)
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Errorf("summary (-want +got):\n%s", diff)
			}
			if test.detail != "" && failure.Detail() != test.detail {
				t.Errorf("detail: want %q, got %q", test.detail, failure.Detail())
			}
			if test.exec.LogOutput == exec.LogNever && failure.Detail() != "" {
				t.Errorf("output told: %q", failure.Detail())
			}
			if again, _ := test.exec.Check(t.Context(), h); again.Empty() {
				t.Error("a command that failed is taken for done")
			}
		})
	}
}

func TestBothStreamsInDetail(t *testing.T) {
	err := apply(t.Context(), t, hosttest.New(t, "", hosttest.RealCommands), made("echo one; echo two >&2; exit 3"))
	var failure *resources.CommandError
	if !errors.As(err, &failure) || !strings.Contains(failure.Tail, "one") || !strings.Contains(failure.Tail, "two") {
		t.Errorf("want both streams in the detail of %+v", failure)
	}
}

func TestTimeout(t *testing.T) {
	tests := map[string]struct {
		limit func(context.Context) (context.Context, context.CancelFunc)
		want  string
	}{
		"deadline": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Second)
		}, "timed out after 1s"},
		"deadline with a cause": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeoutCause(ctx, time.Second, errors.New("timed out after 1s, as told"))
		}, "timed out after 1s, as told"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := test.limit(t.Context())
			defer cancel()
			h := hosttest.New(t, "", hosttest.RealCommands)
			e := made("echo begun; sleep 300 & echo $! >$ROOT/pid; wait")
			err := apply(ctx, t, h, e)
			if err == nil || err.Error() != test.want {
				t.Fatalf("want %q, got %v", test.want, err)
			}
			var failure *resources.CommandError
			if !errors.As(err, &failure) || failure.Tail != "begun" {
				t.Errorf("the output before the timeout is not told: %+v", failure)
			}
			pid := strings.TrimSpace(h.Content("/pid"))
			if status, err := os.ReadFile("/proc/" + pid + "/stat"); err == nil && !strings.Contains(string(status), ") Z ") {
				t.Errorf("the command left a process behind: %s", status)
			}
		})
	}
}

func TestDaemonHoldingOutput(t *testing.T) {
	h := hosttest.New(t, "", hosttest.RealCommands)
	e := made("setsid sleep 300 & echo $! >$ROOT/pid; echo started")
	begin := time.Now()
	if err := apply(t.Context(), t, h, e); err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(h.Content("/pid")))
	if err != nil {
		t.Fatal(err)
	}
	daemon, err := os.FindProcess(pid)
	if err != nil {
		t.Fatal(err)
	}
	defer daemon.Kill()
	if took := time.Since(begin); took > time.Minute {
		t.Errorf("the daemon held the run up for %s", took)
	}
	if status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err != nil || strings.Contains(string(status), ") Z ") {
		t.Errorf("the daemon does not live on: %v %s", err, status)
	}
	if got := e.Values()["stdout"]; got != "started\n" {
		t.Errorf("stdout is %q", got)
	}
}

// A flood of output, with line ends and without, leaves memory as it is.
func TestFlood(t *testing.T) {
	for name, command := range map[string]string{
		"bytes": "head -c 300000000 /dev/zero",
		"lines": "yes | head -c 300000000",
		"both":  "head -c 150000000 /dev/zero & head -c 150000000 /dev/zero >&2; wait",
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, "", hosttest.RealCommands)
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			e := made(command)
			ctx := resources.WithLog(t.Context(), func() *slog.Logger { return slog.New(slog.DiscardHandler) })
			if err := apply(ctx, t, h, e); err != nil {
				t.Fatal(err)
			}
			runtime.ReadMemStats(&after)
			const bound = 64 << 20
			if grown := after.TotalAlloc - before.TotalAlloc; grown > bound {
				t.Errorf("%d bytes were allocated for 300 MB of output", grown)
			}
			if n := len(e.Values()["stdout"].(string)); n == 0 || n > 4<<20 {
				t.Errorf("%d bytes of output were kept", n)
			}
		})
	}
}

func TestRequires(t *testing.T) {
	path := func(name string) resources.Identity {
		return resources.Identity{Kind: "path", Name: name, Nearest: true}
	}
	tests := map[string]struct {
		exec *exec.Exec
		want []resources.Identity
	}{
		"nothing":            {made("true"), nil},
		"folder":             {made("true", func(e *exec.Exec) { e.Cwd = "/srv/app/" }), []resources.Identity{path("/srv/app")}},
		"script":             {made("/opt/x/run.sh --all /etc/passwd"), []resources.Identity{path("/opt/x/run.sh")}},
		"script in a list":   {made("", args("/opt/x/run.sh", "a")), []resources.Identity{path("/opt/x/run.sh")}},
		"interpreted":        {made("sh -e /opt/x/run.sh"), []resources.Identity{path("/opt/x/run.sh")}},
		"interpreter's path": {made("/usr/bin/python3 /opt/x.py"), []resources.Identity{path("/usr/bin/python3"), path("/opt/x.py")}},
		"shell line":         {made("sh -c /opt/x.sh"), nil},
		"of the refresh":     {made("true", refresh("/opt/reload")), []resources.Identity{path("/opt/reload")}},
		"user and group": {made("true", func(e *exec.Exec) { e.User, e.Group = "bob", "staff" }), []resources.Identity{
			{Kind: "user", Name: "bob"}, {Kind: "group", Name: "staff"},
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, test.exec.Requires()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestLogOutput(t *testing.T) {
	const command = "echo one; echo two >&2; printf three"
	tests := map[string]struct {
		output exec.LogOutput
		level  slog.Level
		want   []string
	}{
		"true":                   {exec.LogAlways, slog.LevelInfo, []string{`level=INFO msg=one stream=stdout`, `level=INFO msg=three stream=stdout`, `level=INFO msg=two stream=stderr`}},
		"on_failure":             {exec.LogOnFailure, slog.LevelInfo, nil},
		"on_failure, when asked": {exec.LogOnFailure, slog.LevelDebug, []string{`level=DEBUG msg=one stream=stdout`, `level=DEBUG msg=three stream=stdout`, `level=DEBUG msg=two stream=stderr`}},
		"false":                  {exec.LogNever, slog.LevelDebug, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			log := slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: test.level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey {
					return slog.Attr{}
				}
				return a
			}}))
			h := hosttest.New(t, "", hosttest.RealCommands)
			if err := apply(resources.WithLog(t.Context(), func() *slog.Logger { return log }), t, h, made(command, func(e *exec.Exec) { e.LogOutput = test.output })); err != nil {
				t.Fatal(err)
			}
			got := strings.Split(strings.TrimSpace(b.String()), "\n")
			if b.Len() == 0 {
				got = nil
			}
			if diff := cmp.Diff(test.want, slices.Sorted(slices.Values(got))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
