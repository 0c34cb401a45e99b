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

// There says whether the node has a program, where commands look for programs.
func There(v host.FileReader, program string) (bool, error) {
	for _, folder := range []string{"/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin"} {
		if st, err := v.Lstat(path.Join(folder, program)); err != nil || st.Kind != host.Absent {
			return err == nil, err
		}
	}
	return false, nil
}

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
