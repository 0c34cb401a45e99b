package apt

import (
	"context"
	"fmt"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources/pkg/manager"
)

const (
	policyFile = "/usr/sbin/policy-rc.d" // asked by invoke-rc.d and deb-systemd-invoke before they start anything
	policySave = policyFile + ".before-apply"
	// denyVariable is in the environment of our own transactions only, so that a policy file that a crash leaves behind denies nothing
	// to anybody.
	denyVariable = "APPLY_DENY_SERVICE_START"
	policyMark   = "# made by apply for one transaction of packages"
)

const policyText = `#!/bin/sh
` + policyMark + `
[ -n "$` + denyVariable + `" ] && exit 101
[ -x ` + policySave + ` ] && exec ` + policySave + ` "$@"
exit 0
`

// denyStarts puts a policy in place by which packages of this transaction start no services, and returns what takes it away again.
// A policy of the node's own is kept beside it, and obeyed by everybody else meanwhile.
func denyStarts(ctx context.Context, s *manager.Session) (restore func() error, err error) {
	if err := removeLeftDenial(ctx, s); err != nil {
		return nil, err
	}
	if err := copyFile(ctx, s, policyFile, policySave); err != nil {
		return nil, err
	}
	mode, root := uint32(0o755), uint32(0)
	restore = func() error { return removeLeftDenial(context.WithoutCancel(ctx), s) }
	st, err := s.Lstat(policyFile)
	if err == nil && st.Kind == host.Symlink {
		err = s.Remove(ctx, policyFile, false)
	}
	if err == nil {
		err = s.WriteFile(ctx, policyFile, host.NewFile{
			Content: strings.NewReader(policyText), Meta: host.Meta{Mode: &mode, UID: &root, GID: &root},
		})
	}
	if err != nil {
		return nil, fmt.Errorf("denying service starts: %w", err)
	}
	return restore, nil
}

// removeLeftDenial takes our policy away, of this transaction or of one that a crash ended, and puts the node's own back.
func removeLeftDenial(ctx context.Context, s *manager.Session) error {
	st, err := s.Lstat(policyFile)
	if err != nil {
		return err
	}
	saved, err := s.Lstat(policySave)
	if err != nil {
		return err
	}
	if st.Kind == host.Regular {
		text, err := host.ReadFile(s, policyFile)
		if err != nil {
			return err
		}
		if !strings.Contains(text, policyMark) { // the node's own: a copy beside it was made and then not needed
			if saved.Kind != host.Absent {
				return s.Remove(ctx, policySave, false)
			}
			return nil
		}
	}
	if saved.Kind != host.Absent {
		if err := copyFile(ctx, s, policySave, policyFile); err != nil {
			return err
		}
		return s.Remove(ctx, policySave, false)
	}
	if st.Kind == host.Regular {
		return s.Remove(ctx, policyFile, false)
	}
	return nil
}

// copyFile makes to the same file or link as from; nothing at from makes nothing.
func copyFile(ctx context.Context, s *manager.Session, from, to string) error {
	st, err := s.Lstat(from)
	if err != nil {
		return err
	}
	switch st.Kind {
	case host.Absent:
		return nil
	case host.Symlink:
		target, err := s.Readlink(from)
		if err != nil {
			return err
		}
		return s.Symlink(ctx, target, to)
	case host.Regular:
		f, err := s.Open(from)
		if err != nil {
			return err
		}
		defer f.Close()
		return s.WriteFile(ctx, to, host.NewFile{Content: f, Meta: host.Meta{Mode: &st.Mode, UID: &st.UID, GID: &st.GID}})
	}
	return fmt.Errorf("%s: is a %s", from, st.Kind)
}
