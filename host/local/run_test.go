package local_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/local"
)

func thisNode(t *testing.T) *local.Node {
	t.Helper()
	l, err := local.New(local.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func sh(script string) host.Cmd { return host.Cmd{Args: []string{"/bin/sh", "-c", script}} }

func TestRun(t *testing.T) {
	with := func(c host.Cmd, f func(*host.Cmd)) host.Cmd { f(&c); return c }
	for name, c := range map[string]struct {
		cmd  host.Cmd
		want host.Output
	}{
		"both outputs":     {sh("echo out; echo err >&2"), host.Output{Stdout: []byte("out\n"), Stderr: []byte("err\n")}},
		"an exit code":     {sh("exit 3"), host.Output{ExitCode: 3}},
		"a signal":         {sh("kill -TERM $$"), host.Output{ExitCode: 143}}, // HUP may be ignored where the test itself runs by nohup
		"the umask":        {sh("umask"), host.Output{Stdout: []byte("0022\n")}},
		"another umask":    {with(sh("umask"), func(c *host.Cmd) { c.Umask = ptr(0o77) }), host.Output{Stdout: []byte("0077\n")}},
		"the folder":       {sh("pwd"), host.Output{Stdout: []byte("/\n")}},
		"another folder":   {with(sh("pwd"), func(c *host.Cmd) { c.Dir = "/usr" }), host.Output{Stdout: []byte("/usr\n")}},
		"empty input":      {sh("cat"), host.Output{}},
		"input":            {with(sh("cat"), func(c *host.Cmd) { c.Stdin = strings.NewReader("in") }), host.Output{Stdout: []byte("in")}},
		"input not wanted": {with(sh("true"), func(c *host.Cmd) { c.Stdin = strings.NewReader(strings.Repeat("x", 1<<20)) }), host.Output{}},
		"a bound": {with(sh("printf 0123456789abcdef"), func(c *host.Cmd) { c.MaxOutput = 5 }),
			host.Output{Stdout: []byte("01def"), Truncated: true}},
		"just fits":     {with(sh("printf 01234"), func(c *host.Cmd) { c.MaxOutput = 5 }), host.Output{Stdout: []byte("01234")}},
		"a plain name":  {host.Cmd{Args: []string{"printf", "%s", "*"}}, host.Output{Stdout: []byte("*")}},
		"not UTF-8":     {sh(`printf '\377'`), host.Output{Stdout: []byte{0xff}}},
		"its own group": {sh(`test "$(cut -d' ' -f5 /proc/$$/stat)" = $$ && test "$(cut -d' ' -f7 /proc/$$/stat)" = 0`), host.Output{}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := thisNode(t).Run(t.Context(), c.cmd)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestRunEnvironmentIsClean(t *testing.T) {
	t.Setenv("SECRET", "x")
	got, err := thisNode(t).Run(t.Context(), host.Cmd{Args: []string{"env"}, Path: []string{"/usr/bin", "/bin"}, Env: []string{"A=b"}})
	if err != nil {
		t.Fatal(err)
	}
	home := "/root"
	if os.Geteuid() != 0 {
		home = os.Getenv("HOME")
	}
	if diff := cmp.Diff("PATH=/usr/bin:/bin\nHOME="+home+"\nLANG=C.UTF-8\nA=b\n", string(got.Stdout)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestRunWithoutProgram(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/data", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/script", []byte("#!/no/such/interpreter\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for name, c := range map[string]struct {
		cmd  host.Cmd
		want string
		code int
	}{
		"not there":      {host.Cmd{Args: []string{"no-such-program"}, Path: []string{"/bin", ".", ""}}, "no-such-program: executable file not found in $PATH (PATH=/bin:.:)", 127},
		"not there, abs": {host.Cmd{Args: []string{"/no/such"}}, "/no/such: no such file or directory", 127},
		"here only":      {host.Cmd{Args: []string{"script"}, Path: []string{"."}}, "script: executable file not found in $PATH (PATH=.)", 127},
		"no program":     {host.Cmd{Args: []string{dir + "/data"}}, dir + "/data: not executable: permission denied", 126},
		"a folder":       {host.Cmd{Args: []string{dir}}, dir + ": a directory is no program: permission denied", 126},
		"no interpreter": {host.Cmd{Args: []string{"script"}, Path: []string{dir}}, dir + "/script: no such file or directory", 127},
		"no folder":      {host.Cmd{Args: []string{"true"}, Dir: "/no/such"}, "/no/such: no such file or directory", 0},
		"relative":       {host.Cmd{Args: []string{"./script"}}, "./script: neither absolute nor a plain name", 126},
		"nothing":        {host.Cmd{}, "a command without a program", 0},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := thisNode(t).Run(t.Context(), c.cmd)
			if err == nil || err.Error() != c.want {
				t.Errorf("want %q, got %v", c.want, err)
			}
			if out.ExitCode != c.code {
				t.Errorf("want exit code %d, got %d", c.code, out.ExitCode)
			}
		})
	}
}

// alive says whether the process is there and has not ended.
func alive(t *testing.T, pid string) bool {
	t.Helper()
	b, err := os.ReadFile("/proc/" + strings.TrimSpace(pid) + "/stat")
	if err != nil {
		return false
	}
	return b[bytes.LastIndexByte(b, ')')+2] != 'Z'
}

func TestRunTimesOutWithAllItsChildren(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	out, err := thisNode(t).Run(ctx, sh("sleep 1000 & echo $!; (trap '' TERM; sleep 2; echo ends) & wait"))
	if want := "sh: timed out after 1s"; err == nil || err.Error() != want {
		t.Errorf("want %q, got %v", want, err)
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("want %v, got %v", context.DeadlineExceeded, err)
	}
	pid, rest, _ := strings.Cut(string(out.Stdout), "\n")
	if alive(t, pid) {
		t.Error("the child lives on")
	}
	if diff := cmp.Diff("ends\n", rest); diff != "" {
		t.Errorf("the one that ignores TERM was not given its time: -want +got\n%s", diff)
	}
}

func TestRunKillsWhoIgnoresTERM(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cmd := sh("trap '' TERM; echo $$; while :; do sleep 1000; done")
	cmd.Stream = func(bool, []byte) { cancel(errors.New("interrupted")) }
	begin := time.Now()
	out, err := thisNode(t).Run(ctx, cmd)
	if want := "sh: interrupted"; err == nil || err.Error() != want {
		t.Errorf("want %q, got %v", want, err)
	}
	if took := time.Since(begin); took < 4*time.Second || took > time.Minute {
		t.Errorf("want 5 s of grace, got %s", took)
	}
	if alive(t, string(out.Stdout)) || out.ExitCode != 137 {
		t.Errorf("want it killed, got exit code %d", out.ExitCode)
	}
}

func TestRunDoesNotWaitForWhoStaysBehind(t *testing.T) {
	begin := time.Now()
	out, err := thisNode(t).Run(t.Context(), sh("sleep 1000 & echo $!; setsid sleep 1000 & echo $!; exit 0"))
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took > time.Minute {
		t.Errorf("took %s", took)
	}
	pids := strings.Fields(string(out.Stdout))
	if len(pids) != 2 {
		t.Fatalf("want two, got %q", out.Stdout)
	}
	for _, pid := range pids {
		if !alive(t, pid) {
			t.Errorf("%s was ended, a daemon would have been too", pid)
		}
		n, err := strconv.Atoi(pid)
		if err != nil {
			t.Fatal(err)
		}
		_ = syscall.Kill(n, syscall.SIGKILL)
	}
}

func TestRunStreamsAFlood(t *testing.T) {
	const size = 64 << 20
	cmd := sh(fmt.Sprintf("head -c %d /dev/zero; echo end", size))
	total := 0
	cmd.Stream = func(_ bool, p []byte) { total += len(p) }
	cmd.MaxOutput = 1024
	out, err := thisNode(t).Run(t.Context(), cmd)
	if err != nil {
		t.Fatal(err)
	}
	if total != size+4 || len(out.Stdout) != 1024 || !out.Truncated || !bytes.HasSuffix(out.Stdout, []byte("\x00end\n")) {
		t.Errorf("streamed %d, kept %d, truncated %v", total, len(out.Stdout), out.Truncated)
	}
}

func TestRunAsSomebodyElse(t *testing.T) {
	needsRoot(t, "commands of another user")
	cmd := sh("id -u; id -g; id -G; echo $HOME")
	cmd.User = "nobody"
	out, err := thisNode(t).Run(t.Context(), cmd)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("65534\n65534\n65534\n/nonexistent\n", string(out.Stdout)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	cmd.Group = "daemon"
	cmd.Args[2] = "id -u; id -g"
	out, err = thisNode(t).Run(t.Context(), cmd)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("65534\n1\n", string(out.Stdout)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	cmd.User = "no-such-user"
	if _, err := thisNode(t).Run(t.Context(), cmd); !errors.Is(err, host.ErrUnknownAccount) {
		t.Errorf("want %v, got %v", host.ErrUnknownAccount, err)
	}
}

func TestRunLeaksNoDescriptors(t *testing.T) {
	l := thisNode(t)
	held, err := os.Open("/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	count := func() int {
		fds, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(fds)
	}
	if _, err := l.Run(t.Context(), sh("true")); err != nil {
		t.Fatal(err)
	}
	before := count()
	out, err := l.Run(t.Context(), sh("for f in /proc/$$/fd/*; do readlink $f; done"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(out.Stdout), "\n")
	if slices.Contains(lines, "/etc/passwd") || slices.Contains(lines, "/") || !slices.Contains(lines, "/dev/null") {
		t.Errorf("the child has %q", lines)
	}
	if after := count(); after != before {
		t.Errorf("want %d open, got %d", before, after)
	}
	if l.Started() != 2 {
		t.Errorf("want 2 started, got %d", l.Started())
	}
}

// A run that is killed takes its command with it.
func TestCommandEndsWithTheProcessThatRanIt(t *testing.T) {
	if os.Getenv("HOST_TEST_RUNS") != "" {
		cmd := sh("echo $$; exec sleep 1000")
		cmd.Stream = func(_ bool, p []byte) { _, _ = os.Stdout.Write(p) }
		_, _ = thisNode(t).Run(context.Background(), cmd)
		return
	}
	self := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	self.Env = []string{"HOST_TEST_RUNS=1"}
	out, err := self.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := self.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Skipf("needs pidfd_open; left out: the end of a command whose run is killed: %v", err)
	}
	defer unix.Close(fd)
	_, _ = self.Process.Kill(), self.Wait()
	if n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 10_000); n != 1 {
		_ = syscall.Kill(pid, syscall.SIGKILL)
		t.Errorf("%d lives on, %v", pid, err)
	}
}
