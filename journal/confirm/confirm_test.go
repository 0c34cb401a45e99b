package confirm

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/journal"
)

func node(t *testing.T) (*journal.State, *hosttest.Host) {
	t.Helper()
	s, err := journal.OpenState(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	h := hosttest.New(t, "")
	h.Answer("systemd-run", 0, "")
	h.Answer("systemctl stop", 0, "")
	h.Answer("systemctl is-active", 0, "")
	return s, h
}

func arm(t *testing.T, s *journal.State, h host.Host, run string, within time.Duration) error {
	t.Helper()
	return Arm(t.Context(), s, h, run, within, []string{"/bin/apply", "undo", run})
}

const timer = "systemd-run --quiet --collect --unit=apply-undo-run1 --on-active=300000ms --timer-property=AccuracySec=1s -- /bin/apply undo RUN1"

func TestKeep(t *testing.T) {
	s, h := node(t)
	if _, err := Keep(t.Context(), s, h); err == nil || !strings.Contains(err.Error(), "no run waits to be confirmed") {
		t.Errorf("nothing armed: %v", err)
	}
	if err := arm(t, s, h, "RUN1", 5*time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := arm(t, s, h, "RUN1", 5*time.Minute); err != nil { // after the run
		t.Fatal(err)
	}
	if err := arm(t, s, h, "RUN2", time.Minute); err == nil || !strings.Contains(err.Error(), "run RUN1 waits to be confirmed") {
		t.Errorf("armed for another run: %v", err)
	}
	run, err := Keep(t.Context(), s, h)
	if run != "RUN1" || err != nil {
		t.Errorf("kept %q, %v", run, err)
	}
	const stop = "systemctl stop apply-undo-run1.timer"
	if diff := cmp.Diff([]string{timer, stop + " apply-undo-run1.service", timer, stop}, h.Calls()); diff != "" {
		t.Error(diff)
	}
	if _, err := Keep(t.Context(), s, h); err == nil {
		t.Error("kept twice")
	}
}

// A run that takes longer than the time for its confirmation has all of that time when it has ended.
func TestLongRun(t *testing.T) {
	s, h := node(t)
	if err := arm(t, s, h, "RUN1", -time.Second); err != nil {
		t.Fatal(err)
	}
	h.Handle("systemctl stop", func(context.Context, host.Cmd) (host.Output, error) {
		return host.Output{ExitCode: 5, Stderr: []byte("Failed to stop apply-undo-run1.timer: Unit apply-undo-run1.timer not loaded.\n")}, nil
	})
	if err := arm(t, s, h, "RUN1", 5*time.Minute); err != nil {
		t.Fatal(err)
	}
	if run, err := Keep(t.Context(), s, h); run != "RUN1" || err != nil {
		t.Errorf("kept %q, %v", run, err)
	}
}

func TestTooLate(t *testing.T) {
	s, h := node(t)
	if err := arm(t, s, h, "RUN1", -time.Second); err != nil {
		t.Fatal(err)
	}
	if _, err := Keep(t.Context(), s, h); err == nil || !strings.Contains(err.Error(), "its undo has begun") {
		t.Errorf("kept after its time: %v", err)
	}
	if err := arm(t, s, h, "RUN2", time.Minute); err != nil {
		t.Errorf("the next run: %v", err)
	}
}

// A transient timer ends with the boot in which it was started. Nobody is told that the undo has begun then, and the next run tells that it has not.
func TestStranded(t *testing.T) {
	s, h := node(t)
	told := func(want string) {
		t.Helper()
		if got, err := Stranded(t.Context(), s, h); err != nil || (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("want %q, got %q, %v", want, got, err)
		}
	}
	told("")
	if err := arm(t, s, h, "RUN1", -time.Second); err != nil {
		t.Fatal(err)
	}
	told("")
	h.Answer("systemctl is-active", 3, "")
	told("apply undo RUN1 undoes it, apply confirm keeps it")
	if run, err := Keep(t.Context(), s, h); run != "RUN1" || err != nil {
		t.Errorf("kept %q, %v", run, err)
	}
	told("")
}

func TestDisarm(t *testing.T) {
	s, h := node(t)
	if err := arm(t, s, h, "RUN1", 5*time.Minute); err != nil {
		t.Fatal(err)
	}
	for _, run := range []string{"RUN2", "RUN1", "RUN1"} { // another one, that, and where none is armed
		if err := Disarm(t.Context(), s, h, run); err != nil {
			t.Errorf("%s: %v", run, err)
		}
	}
	if diff := cmp.Diff([]string{timer, "systemctl stop apply-undo-run1.timer"}, h.Calls()); diff != "" {
		t.Error(diff)
	}
}

func TestNoSystemd(t *testing.T) {
	s, h := node(t)
	h.Handle("systemd-run", func(context.Context, host.Cmd) (host.Output, error) {
		return host.Output{ExitCode: 1, Stderr: []byte("System has not been booted with systemd\n")}, nil
	})
	if err := arm(t, s, h, "RUN1", time.Minute); err == nil || err.Error() != "--confirm-within needs a timer of systemd: System has not been booted with systemd" {
		t.Errorf("got %v", err)
	}
	if _, err := Keep(t.Context(), s, h); err == nil || !strings.Contains(err.Error(), "no run waits") {
		t.Errorf("it is kept nevertheless: %v", err)
	}
}
