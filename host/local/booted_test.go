package local_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/local"
)

// unitFile makes a unit of the running systemd, which is gone again at the end of the test.
func unitFile(t *testing.T, l *local.Node, name, text string) {
	t.Helper()
	file := "/etc/systemd/system/" + name
	if err := l.WriteFile(t.Context(), file, content(text)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.Background()
		_ = l.DoUnit(ctx, name, host.Unmask)
		_ = l.DoUnit(ctx, name, host.Stop)
		_ = l.DoUnit(ctx, name, host.Disable)
		_ = l.Remove(ctx, file, false)
		_ = l.DaemonReload(ctx)
	})
	if err := l.DaemonReload(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestUnitsOfTheRunningSystemd(t *testing.T) {
	if _, err := os.Stat("/run/systemd/system"); err != nil || os.Geteuid() != 0 {
		t.Skip("needs root and systemd as process 1; left out: units of a real systemd")
	}
	l := thisNode(t)
	const tail = "\n[Install]\nWantedBy=multi-user.target\nAlias=apply-alias.service\n"
	unitFile(t, l, "apply-good.service", "[Service]\nExecStart=/bin/sleep infinity\nExecReload=/bin/true"+tail)
	unitFile(t, l, "apply-bad.service", "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo it went wrong; exit 3'\n")
	unitFile(t, l, "apply-slow.service", "[Service]\nType=oneshot\nTimeoutStartSec=infinity\nExecStart=/bin/sleep infinity\n")
	state := func(name string) string {
		u, err := l.Unit(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if running := u.ActiveState == "active"; running != (u.MainPID != 0) || running && time.Since(u.ActiveEnter) > time.Minute {
			t.Errorf("%s: %+v", name, u)
		}
		return strings.Join([]string{u.ID, u.LoadState, u.ActiveState, u.SubState, u.UnitFileState, u.Result}, " ")
	}
	started := l.Started()
	for _, s := range []struct {
		name string
		verb host.Verb
		err  string
		want string
	}{
		{"apply-none", host.Start, "start apply-none.service: Unit apply-none.service not found.", "apply-none.service not-found inactive dead  success"},
		{"apply-good", host.Start, "", "apply-good.service loaded active running disabled success"},
		{"apply-good", host.Enable, "", "apply-good.service loaded active running enabled success"},
		{"apply-alias", host.Restart, "", "apply-good.service loaded active running enabled success"},
		{"apply-good", host.Reload, "", "apply-good.service loaded active running enabled success"},
		{"apply-good", host.Stop, "", "apply-good.service loaded inactive dead enabled success"},
		{"apply-good", host.ReloadOrRestart, "", "apply-good.service loaded active running enabled success"},
		{"apply-good", host.Disable, "", "apply-good.service loaded active running disabled success"},
		{"apply-bad", host.Start, `start apply-bad.service: the job ended "failed"`, "apply-bad.service loaded failed failed static exit-code"},
		{"systemd-journald.socket", host.Start, "", ""},
	} {
		err := l.DoUnit(t.Context(), s.name, s.verb)
		if got := text(err); got != s.err {
			t.Errorf("%s %s: want %q, got %q", s.verb, s.name, s.err, got)
		}
		if s.want == "" {
			continue
		}
		if diff := cmp.Diff(s.want, state(s.name)); diff != "" {
			t.Errorf("%s %s: -want +got\n%s", s.verb, s.name, diff)
		}
	}
	if n := l.Started() - started; n != 0 {
		t.Errorf("%d processes were started for it", n)
	}
	log, err := l.UnitLog(t.Context(), "apply-bad", 20)
	if err != nil || !strings.Contains(log, "it went wrong\n") {
		t.Errorf("the log: %q, %v", log, err)
	}
	if err := l.WriteFile(t.Context(), "/etc/systemd/system/apply-good.service", content("[Service]\nExecStart=/bin/sleep 1000"+tail)); err != nil {
		t.Fatal(err)
	}
	if u, err := l.Unit(t.Context(), "apply-good"); err != nil || !u.NeedDaemonReload {
		t.Errorf("want NeedDaemonReload, got %+v, %v", u, err)
	}
	giveUp(t, l)
}

// giveUp starts what never comes to be, and looks whether systemd still tries afterwards.
func giveUp(t *testing.T, l *local.Node) {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errors.New("timed out after 1s"))
	defer cancel()
	err := l.DoUnit(ctx, "apply-slow", host.Start)
	if want := "start apply-slow.service: timed out after 1s"; text(err) != want {
		t.Errorf("want %q, got %q", want, text(err))
	}
	out, err := l.Query(t.Context(), host.Cmd{Args: []string{"systemctl", "list-jobs", "--no-legend"}})
	if err != nil || strings.Contains(string(out.Stdout), "apply-slow") {
		t.Errorf("jobs left: %q, %v", out.Stdout, err)
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
