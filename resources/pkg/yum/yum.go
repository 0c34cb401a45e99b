// Package yum drives yum 3, the yum of Enterprise Linux 7 and before: a program of its own. Where yum is another name of dnf, package dnf drives it.
//
// It is tested by a table of commands and of what yum 3.4.3 answers, not with yum itself: no system that is still maintained has it.
package yum

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources/pkg/manager"
	"github.com/nodeapply/apply/resources/pkg/rpmdb"
	"github.com/nodeapply/apply/resources/pkg/version"
)

const (
	program  = "/usr/bin/yum"
	lockList = "/etc/yum/pluginconf.d/versionlock.list"
)

// There says whether a node's yum is this one: elsewhere the name is a link to dnf.
func There(v host.View) (bool, error) {
	name, st, err := host.Resolve(v, program)
	return st.Kind == host.Regular && !strings.HasPrefix(path.Base(name), "dnf"), err
}

// New returns the manager.
func New() *manager.Manager {
	return &manager.Manager{Name: "yum", Lock: "rpm", Version: version.RPM, ValidName: rpmdb.ValidName, Driver: driver{}}
}

var _ manager.Lister = driver{}

type driver struct{ rpmdb.Common }

// Files are the database and the locks.
func (driver) Files() []string { return append(rpmdb.Files(), lockList, "/etc/yum.repos.d") }

// Read reads rpm's database and the locks.
func (driver) Read(ctx context.Context, v host.View) (*manager.DB, error) {
	entries, err := locks(v)
	if err != nil {
		return nil, err
	}
	held := map[string]bool{}
	for _, name := range entries {
		held[name] = true
	}
	return rpmdb.Read(ctx, v, held)
}

// locks are the entries of the versionlock plugin, such as "0:foo-1.2-1.el7.*", with the names that they hold.
func locks(v host.View) (map[string]string, error) {
	text, err := host.ReadFile(v, lockList)
	if err != nil {
		return nil, err
	}
	entries := map[string]string{}
	for line := range strings.Lines(text) {
		entry := strings.TrimSpace(line)
		if entry == "" || entry[0] == '#' || entry[0] == '!' {
			continue
		}
		name := entry
		if epoch, rest, ok := strings.Cut(name, ":"); ok && !strings.Contains(epoch, "-") {
			name = rest
		}
		entries[entry] = rpmdb.NameOf(name)
	}
	return entries, nil
}

// Offers asks yum list; without fresh from the cache alone.
func (driver) Offers(ctx context.Context, v host.View, names []string, fresh bool) (map[string]manager.Offer, error) {
	out, err := query(ctx, v, fresh, append([]string{"list", "available", "--showduplicates", "--"}, names...))
	if err != nil {
		return nil, err
	}
	versions := map[string][]string{}
	f := strings.Fields(strings.TrimPrefix(out, "Available Packages")) // NAME.ARCH VERSION REPOSITORY, on several lines where they are long
	for ; len(f) >= 3; f = f[3:] {
		name := f[0]
		if i := strings.LastIndexByte(name, '.'); i > 0 {
			versions[name[:i]] = append(versions[name[:i]], rpmdb.Version(f[1]))
		}
		versions[name] = append(versions[name], rpmdb.Version(f[1]))
	}
	offers := rpmdb.Offers(versions)
	for _, name := range names {
		if versions[name] != nil {
			continue
		}
		out, err := query(ctx, v, false, []string{"provides", "--", name})
		if err != nil {
			return nil, err
		}
		if strings.Contains(out, "Matched from:") {
			offers[name] = manager.Offer{}
		}
	}
	return offers, nil
}

// query returns what yum prints, "" where it says that there is nothing, or no cache to be asked.
func query(ctx context.Context, v host.View, fresh bool, args []string) (string, error) {
	command := []string{"yum", "-q"}
	if !fresh {
		command = append(command, "-C")
	}
	out, err := v.Query(ctx, host.Cmd{Args: append(command, args...), MaxOutput: rpmdb.MaxOutput})
	stderr := string(out.Stderr)
	switch {
	case err != nil:
		return "", fmt.Errorf("yum %s: %w", args[0], err)
	case out.ExitCode == 0:
		return string(out.Stdout), nil
	case strings.Contains(stderr, "No matching Packages"), !fresh && strings.Contains(stderr, "Cache-only"):
		return "", nil
	}
	return "", &manager.ExitError{Cmd: "yum " + args[0], Output: out, Reason: manager.Reason(out)}
}

// Refresh leaves repositories that were changed to yum, which fetches what is not in its cache; with all it fetches everything anew.
func (d driver) Refresh(ctx context.Context, s *manager.Session, all bool) error {
	if !all {
		return nil
	}
	if err := d.run(ctx, s, nil, nil, "clean", "expire-cache"); err != nil {
		return err
	}
	return d.run(ctx, s, nil, nil, "makecache", "fast")
}

// Commit installs and removes, each by one yum.
func (d driver) Commit(ctx context.Context, s *manager.Session, t manager.Transaction) error {
	return rpmdb.Commit(ctx, s, t, spec, func(verb string, names []string) error {
		options := t.Options
		if verb == "remove" {
			options = nil
		}
		return d.run(ctx, s, t.Env(), options, verb, names...)
	})
}

// spec is that of rpm without an epoch, which yum takes only together with an architecture.
func spec(t manager.Target) string {
	if _, version, ok := strings.Cut(t.Version, ":"); ok {
		t.Version = version
	}
	return rpmdb.Spec(t)
}

// Hold uses the versionlock plugin, which takes back whole entries only.
func (d driver) Hold(ctx context.Context, s *manager.Session, hold bool, names []string) error {
	verb, what := "add", names
	if !hold {
		entries, err := locks(s)
		if err != nil {
			return err
		}
		verb, what = "delete", nil
		for entry, name := range entries {
			if slices.Contains(names, name) {
				what = append(what, entry)
			}
		}
		slices.Sort(what)
	}
	err := d.run(ctx, s, nil, nil, "versionlock", append([]string{verb}, what...)...)
	if err != nil && strings.Contains(err.Error(), "No such command") {
		return fmt.Errorf("mark needs the package yum-plugin-versionlock: %w", err)
	}
	return err
}

func (driver) run(ctx context.Context, s *manager.Session, env, options []string, verb string, names ...string) error {
	s.Locked = locked
	args := append([]string{"yum", "-q", "-y", "--setopt=exit_on_lock=1"}, options...)
	_, err := s.Exec(ctx, "yum "+verb, host.Cmd{Args: append(append(args, verb, "--"), names...), Env: env})
	return err
}

// Owned asks repoquery, where the node has it (it is of yum-utils).
func (driver) Owned(ctx context.Context, v host.View, names, files []string) (map[string][]string, error) {
	if st, err := v.Lstat("/usr/bin/repoquery"); err != nil || st.Kind == host.Absent {
		return nil, err
	}
	return rpmdb.Owned(names, files, func(name string) (string, error) {
		out, err := manager.Query(ctx, v, "repoquery", host.Cmd{Args: []string{"repoquery", "-q", "-C", "--list", "--", name}, MaxOutput: rpmdb.MaxOutput})
		return string(out.Stdout), err
	})
}

var another = regexp.MustCompile(`Existing lock (/\S+): another copy is running as pid ([0-9]+)`)

func locked(out host.Output) (manager.Holder, bool) {
	if m := rpmdb.Said(out, another); m != nil {
		pid, _ := strconv.Atoi(m[2])
		return manager.Holder{Lock: m[1], PID: pid}, true
	}
	return rpmdb.Locked(out)
}
