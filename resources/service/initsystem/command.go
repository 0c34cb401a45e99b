package initsystem

import (
	"context"
	"fmt"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
)

// shell runs a command that the manifest gives for something.
func shell(ctx context.Context, h host.Host, what, line string) error {
	out, err := h.Run(ctx, host.Cmd{Args: []string{"/bin/sh", "-c", line}})
	return attrError(what, out, err)
}

// succeeds asks a command that changes nothing, the status.
func succeeds(ctx context.Context, v host.View, line string) (bool, error) {
	out, err := v.Query(ctx, host.Cmd{Args: []string{"/bin/sh", "-c", line}})
	if err != nil || out.ExitCode == 126 || out.ExitCode == 127 { // it could not be asked
		return false, attrError("status", out, err)
	}
	return out.ExitCode == 0, nil
}

// attrError is what went wrong with a command that the manifest gives for an attribute; nil where nothing did.
func attrError(attr string, out host.Output, err error) error {
	if err == nil {
		err = commandError(out)
	}
	if err == nil {
		return nil
	}
	return &resources.AttrError{Attr: attr, Err: err}
}

// exitError is nil for exit code 0.
func exitError(what string, out host.Output) error {
	if err := commandError(out); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func commandError(out host.Output) error {
	if out.ExitCode == 0 {
		return nil
	}
	return &resources.CommandError{ExitCode: out.ExitCode, Tail: string(out.Stderr) + string(out.Stdout)}
}
