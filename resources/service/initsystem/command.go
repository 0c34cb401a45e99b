package initsystem

import (
	"context"
	"errors"
	"fmt"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
)

// shell runs a command that the manifest gives for something.
func shell(ctx context.Context, h host.Host, what, line string) error {
	out, err := h.Run(ctx, host.Cmd{Args: []string{"/bin/sh", "-c", line}})
	if err := errors.Join(err, exitError(what, out)); err != nil {
		return &resources.AttrError{Attr: what, Err: err}
	}
	return nil
}

// succeeds asks a command that changes nothing.
func succeeds(ctx context.Context, v host.View, line string) (bool, error) {
	out, err := v.Query(ctx, host.Cmd{Args: []string{"/bin/sh", "-c", line}})
	if err == nil && (out.ExitCode == 126 || out.ExitCode == 127) {
		err = exitError("status", out)
	}
	if err != nil {
		return false, &resources.AttrError{Attr: "status", Err: err}
	}
	return out.ExitCode == 0, nil
}

// exitError is nil for exit code 0.
func exitError(what string, out host.Output) error {
	if out.ExitCode == 0 {
		return nil
	}
	return fmt.Errorf("%s: %w", what, &resources.CommandError{ExitCode: out.ExitCode, Tail: string(out.Stderr) + string(out.Stdout)})
}
