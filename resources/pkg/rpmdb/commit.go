package rpmdb

import (
	"context"
	"slices"

	"github.com/nodeapply/apply/resources/pkg/conffile"
	"github.com/nodeapply/apply/resources/pkg/manager"
	"github.com/nodeapply/apply/resources/pkg/version"
)

// Commit is the transaction of a manager that does one thing at a time: run, with the verb "downgrade", "install" or "remove". Spec is how it calls what is
// installed.
func Commit(ctx context.Context, s *manager.Session, t manager.Transaction, spec func(manager.Target) string, run func(verb string, names []string) error) error {
	install := func() error {
		return conffile.Settle(ctx, s, t.Replace, Endings(), func() error {
			up, down := upAndDown(t.Install, spec)
			if len(down) > 0 {
				if err := run("downgrade", down); err != nil {
					return err
				}
			}
			if len(up) == 0 {
				return nil
			}
			return run("install", up)
		})
	}
	return t.Exchange(ctx, install, func() error {
		return Purge(ctx, s, t.Purge, func() error { return run("remove", slices.Concat(t.Remove, t.Purge)) })
	})
}

// upAndDown parts what is installed, or moved to a later version, from what is moved to an earlier one, each in the words of spec.
func upAndDown(targets []manager.Target, spec func(manager.Target) string) (up, down []string) {
	for _, t := range targets {
		if t.Version != "" && t.Have != "" && version.CompareRPM(t.Have, t.Version) > 0 && t.File == "" {
			down = append(down, spec(t))
		} else {
			up = append(up, spec(t))
		}
	}
	return up, down
}
