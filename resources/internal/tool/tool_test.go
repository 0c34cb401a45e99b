package tool

import (
	"context"
	"errors"
	"os/exec"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources"
)

func TestRun(t *testing.T) {
	h := hosttest.New(t, "")
	answer := func(command string, code int, stderr string) {
		h.Handle(command, func(context.Context, host.Cmd) (host.Output, error) {
			return host.Output{ExitCode: code, Stderr: []byte(stderr)}, nil
		})
	}
	answer("good", 0, "good: a warning\n")
	answer("silent", 3, "")
	answer("/usr/sbin/useradd", 9, "useradd: user 'bob' already exists.\nuseradd: no changes\n")
	answer("other", 1, "\n  it is what it is\n")
	for command, want := range map[string]struct{ text, detail string }{
		"good":              {},
		"silent":            {"silent: exit code 3", ""},
		"/usr/sbin/useradd": {"useradd: exit code 9: user 'bob' already exists", "useradd: user 'bob' already exists.\nuseradd: no changes"},
		"other":             {"other: exit code 1: it is what it is", "it is what it is"},
	} {
		t.Run(command, func(t *testing.T) {
			err := Run(t.Context(), h, host.Cmd{Args: []string{command}})
			if want.text == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var failure *resources.CommandError
			if !errors.As(err, &failure) {
				t.Fatalf("want a CommandError, got %v", err)
			}
			if diff := cmp.Diff([]string{want.text, want.detail}, []string{err.Error(), failure.Tail}); diff != "" {
				t.Error(diff)
			}
		})
	}
	if err := Run(t.Context(), missing{h}, host.Cmd{Args: []string{"none"}}); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("a program that is not there: %v", err)
	}
}

// missing is a node without any program.
type missing struct{ host.Host }

func (missing) Run(context.Context, host.Cmd) (host.Output, error) {
	return host.Output{ExitCode: 127}, exec.ErrNotFound
}

func TestThere(t *testing.T) {
	h := hosttest.New(t, "-- usr/local/bin/own 0755 --\n-- sbin/link -> busybox --\n-- bin/ --\n")
	for program, want := range map[string]bool{"own": true, "link": true, "none": false} {
		if got, err := There(h, program); got != want || err != nil {
			t.Errorf("%s: %v, %v", program, got, err)
		}
	}
}
