// Package guard asks whether a resource is wanted at all: the resource itself, then its guards unless and onlyif.
package guard

import (
	"context"
	"fmt"
	"strings"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
)

// Has says whether an entry has guards.
func Has(e *catalog.Entry) bool { return len(e.Unless)+len(e.OnlyIf) > 0 }

// Repeats says that an entry is wanted every time: nothing says when it is no longer needed.
func Repeats(e *catalog.Entry) bool {
	c, ok := e.Resource.(resources.Conditional)
	return ok && c.Repeats() && !Has(e)
}

// Wanted says whether an entry is wanted now, else why not; refreshing says that a notify asks. An error in a guard names its attribute.
func Wanted(ctx context.Context, v host.View, e *catalog.Entry, refreshing bool) (ok bool, why string, err error) {
	if c, is := e.Resource.(resources.Conditional); is {
		if ok, why, err = c.Wanted(ctx, v, refreshing); err != nil || !ok {
			return false, why, err
		}
	}
	for _, line := range e.Unless {
		if yes, err := succeeds(ctx, v, e, "unless", line); err != nil || yes {
			return false, "unless succeeded", err
		}
	}
	for _, line := range e.OnlyIf {
		if yes, err := succeeds(ctx, v, e, "onlyif", line); err != nil || !yes {
			return false, "onlyif failed", err
		}
	}
	return true, "", nil
}

// succeeds runs one guard. A guard that cannot be run says nothing, which is an error.
func succeeds(ctx context.Context, v host.View, e *catalog.Entry, attr, line string) (bool, error) {
	c := host.Cmd{Args: []string{"/bin/sh", "-c", line}}
	if g, ok := e.Resource.(resources.Guard); ok {
		c = g.GuardCmd(line)
	}
	out, err := v.Query(ctx, c)
	switch {
	case err != nil:
		return false, &resources.AttrError{Attr: attr, Err: err}
	case out.ExitCode == 127 || out.ExitCode == 126:
		reason := strings.TrimSpace(string(out.Stderr))
		if reason == "" {
			reason = "command not found"
		}
		return false, &resources.AttrError{Attr: attr, Err: fmt.Errorf("exit code %d: %s", out.ExitCode, reason)}
	}
	return out.ExitCode == 0, nil
}
