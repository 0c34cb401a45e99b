package main

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"apply": main})
}

// TestScripts runs the program as its users meet it. Each script is a node of its own as far as files go: what it declares is below $WORK, its state
// folder is $WORK/state.
func TestScripts(t *testing.T) {
	// Who runs the tests by nohup has SIGHUP ignored; what the scripts start must not, unless they say so. A caught signal is a usual one for a child.
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(caught) }) // when the scripts, which run side by side, have ended
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			home := filepath.Join(e.WorkDir, "home")
			e.Vars = append(e.Vars,
				"HOME="+home, "APPLY_STATE_DIR="+filepath.Join(e.WorkDir, "state"), "NO_COLOR=1", "TZ=UTC", "GIT_CONFIG_NOSYSTEM=1",
				"GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@example.org", "GIT_COMMITTER_NAME=C", "GIT_COMMITTER_EMAIL=c@example.org")
			return os.MkdirAll(home, 0o700)
		},
		Condition: func(name string) (bool, error) {
			switch name {
			case "root":
				return os.Geteuid() == 0, nil
			case "sshd":
				_, err := os.Stat("/usr/sbin/sshd")
				return err == nil, nil
			case "systemd":
				_, err := os.Stat("/run/systemd/system")
				return err == nil, nil
			}
			return false, errors.New("unknown condition")
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exitcode": exitCode,
			"appears":  appears,
			"exchange": atExchange,
			"sshd":     startSSH,
			"httpsd":   startHTTPS,
			"silent":   startSilent,
		},
	})
}

// exitCode runs a program that has to end with a code: exitcode CODE PROGRAM ARGUMENT...
func exitCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exitcode CODE PROGRAM [ARGUMENT...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("want exit code %d, got %d", want, got)
	}
}

// appears waits for a file: appears FILE
func appears(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: appears FILE")
	}
	name := ts.MkAbs(args[0])
	await(ts, filepath.Dir(name), func() bool {
		_, err := os.Lstat(name)
		return err == nil
	})
}

var listening = regexp.MustCompile(`listening" address=(\S+)\n`)

// atExchange waits until an exchange that was told to listen on any port says on which it does: exchange LOG. It sets APPLY_EXCHANGE.
func atExchange(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: exchange LOG")
	}
	name := ts.MkAbs(args[0])
	await(ts, filepath.Dir(name), func() bool {
		log, _ := os.ReadFile(name)
		said := listening.FindSubmatch(log)
		if said != nil {
			ts.Setenv("APPLY_EXCHANGE", "https://"+string(said[1]))
		}
		return said != nil
	})
}

// await waits for something that happens in a folder.
func await(ts *testscript.TestScript, folder string, there func() bool) {
	dir, err := newWatch(folder)
	ts.Check(err)
	defer dir.Close()
	for !there() {
		ts.Check(dir.next(time.Minute))
	}
}
