package apt

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources/pkg/manager"
)

// Commit repairs what an interrupted dpkg left, then installs and removes by one apt-get: what takes the place of another package must come
// in the transaction in which that goes, or all that needs one of the two would go with it.
func (d *driver) Commit(ctx context.Context, s *manager.Session, t manager.Transaction) (err error) {
	s.Locked = locked
	if t.NoStart {
		restore, derr := denyStarts(ctx, s)
		if derr != nil {
			return derr
		}
		defer func() {
			if rerr := restore(); rerr != nil && err == nil {
				err = rerr
			}
		}()
	} else if err := removeLeftDenial(ctx, s); err != nil {
		return err
	}
	db, err := d.repair(ctx, s, t)
	if err != nil {
		return err
	}
	torn := func(name string) bool { return db.Find(name).Torn }
	verb, options, gone := "remove", t.Options, slices.Concat(t.Remove, t.Purge)
	var force []string
	if slices.ContainsFunc(gone, torn) { // dpkg would have it installed again first
		force = []string{"-o", "Dpkg::Options::=--force-remove-reinstreq"}
	}
	if len(t.Remove) == 0 && len(t.Purge) > 0 {
		verb, options = "purge", append(slices.Clone(options), "--purge")
	}
	if len(t.Install) > 0 {
		var args []string
		for _, target := range t.Install {
			args = append(args, targetArg(target))
		}
		for _, name := range gone {
			args = append(args, name+"-")
		}
		if slices.ContainsFunc(t.Install, func(target manager.Target) bool { return torn(target.Name) }) {
			force = append(force, "--reinstall") // to apt it is there already
		}
		_, err = s.Exec(ctx, "apt-get install", aptGet(t, "install", slices.Concat(options, force), args))
	} else if len(gone) > 0 {
		_, err = s.Exec(ctx, "apt-get "+verb, aptGet(t, verb, force, gone))
	}
	if len(t.Purge) > 0 && ctx.Err() == nil {
		err = errors.Join(err, d.purgeLeft(ctx, s, t.Purge))
	}
	return err
}

// purgeLeft removes what apt-get has left of names: it purges all that it removes, or nothing, and nothing where another package cannot be configured.
func (d *driver) purgeLeft(ctx context.Context, s *manager.Session, names []string) error {
	db, err := d.Read(ctx, s)
	if err != nil {
		return err
	}
	left := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return db.Find(name).Status != manager.Leftovers })
	if len(left) > 0 {
		_, err = s.Exec(ctx, "dpkg --purge", command(append([]string{"dpkg", "--purge", "--"}, left...), nil))
	}
	return err
}

// aptGet is a command that changes packages. It does not use apt's cache of the status file: apt compares its age in whole seconds, and
// after two transactions in one second works on the state between them.
func aptGet(t manager.Transaction, verb string, options, names []string) host.Cmd {
	args := []string{"apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=0", "-o", "Dir::Cache::pkgcache=", "-o", "Acquire::Retries=3", "-o", "Dpkg::Options::=" + conffiles(t)}
	if t.Downgrade && verb == "install" {
		args = append(args, "--allow-downgrades")
	}
	args = append(args, options...)
	args = append(args, verb, "--")
	return command(append(args, names...), startEnv(t))
}

func conffiles(t manager.Transaction) string {
	if t.Replace {
		return "--force-confnew"
	}
	return "--force-confold"
}

func startEnv(t manager.Transaction) []string {
	if t.NoStart {
		return []string{denyVariable + "=1"}
	}
	return nil
}

// repair finishes what an interrupted dpkg left unconfigured, and returns how it left the packages. What fails in it belongs to other packages or shows
// again in the transaction: it is told and does not end it.
func (d *driver) repair(ctx context.Context, s *manager.Session, t manager.Transaction) (*manager.DB, error) {
	db, err := d.Read(ctx, s)
	if err != nil || db.Interrupted == "" {
		return db, err
	}
	_, err = s.Exec(ctx, "dpkg --configure -a", command([]string{"dpkg", conffiles(t), "--configure", "-a"}, startEnv(t)))
	if err == nil {
		s.Note("%s: repaired by dpkg --configure -a", db.Interrupted)
	} else if ctx.Err() != nil {
		return nil, fmt.Errorf("%s: %w", db.Interrupted, err)
	} else {
		s.Note("%s: %v", db.Interrupted, err)
	}
	after, rerr := d.Read(ctx, s)
	if rerr != nil {
		return nil, fmt.Errorf("after dpkg --configure -a: %w", rerr)
	}
	if err != nil && len(after.BrokenNames()) > 0 {
		_, err := s.Exec(ctx, "apt-get --fix-broken install", aptGet(t, "install", []string{"--fix-broken"}, nil))
		if ctx.Err() != nil {
			return nil, err
		}
	}
	return after, nil
}
