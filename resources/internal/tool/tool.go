// Package tool runs the node's own programs (useradd, crontab, tee) by argument vectors, and makes what they complain of an error.
package tool

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
)

// Run runs a program that must succeed. If it does not, the first line that it wrote to its standard error is the reason, and all of it the detail.
func Run(ctx context.Context, h host.Host, c host.Cmd) error {
	out, err := h.Run(ctx, c)
	if err != nil {
		return err
	}
	return Failure(c, out)
}

// Failure is what a program that has ended complains of, nil for exit code 0.
func Failure(c host.Cmd, out host.Output) error {
	if out.ExitCode == 0 {
		return nil
	}
	name := path.Base(c.Args[0])
	said := strings.TrimSpace(string(out.Stderr))
	failure := &resources.CommandError{ExitCode: out.ExitCode, Tail: said}
	if first, _, _ := strings.Cut(said, "\n"); first != "" {
		failure.Err = errors.New(strings.TrimSuffix(strings.TrimPrefix(first, name+": "), "."))
	}
	return fmt.Errorf("%s: %w", name, failure)
}
