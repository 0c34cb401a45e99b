// Package dnf drives dnf, and yum where it is the same program: transactions are dnf's, the database is rpm's.
package dnf

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources/pkg/manager"
	"github.com/nodeapply/apply/resources/pkg/rpmdb"
	"github.com/nodeapply/apply/resources/pkg/version"
)

// New returns the manager; program is dnf or yum.
func New(program string) *manager.Manager {
	return &manager.Manager{Name: program, Lock: "rpm", Version: version.RPM, ValidName: rpmdb.ValidName, Driver: driver{program: program}}
}

var _ manager.Lister = driver{}

type driver struct {
	rpmdb.Common
	program string
}

// The lists of the versionlock plugin, of dnf 4 and dnf 5.
const (
	lockList  = "/etc/dnf/plugins/versionlock.list"
	lockTable = "/etc/dnf/versionlock.toml"
)

// Files are the database and the locks.
func (driver) Files() []string { return append(rpmdb.Files(), lockList, lockTable, "/etc/yum.repos.d") }

// Read reads rpm's database and the locks.
func (driver) Read(ctx context.Context, v host.View) (*manager.DB, error) {
	list, err := host.ReadFile(v, lockList)
	if err != nil {
		return nil, err
	}
	table, err := host.ReadFile(v, lockTable)
	if err != nil {
		return nil, err
	}
	return rpmdb.Read(ctx, v, lockedNames(list, table))
}

var tomlName = regexp.MustCompile(`(?m)^\s*name\s*=\s*"([^"]+)"`)

// lockedNames reads lines such as "foo-0:1.2-1.*" of dnf 4 and the names in dnf 5's table; "!" marks what is excluded.
func lockedNames(list, table string) map[string]bool {
	names := map[string]bool{}
	for line := range strings.Lines(list) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == '!' {
			continue
		}
		names[rpmdb.NameOf(line)] = true
	}
	for _, m := range tomlName.FindAllStringSubmatch(table, -1) {
		names[m[1]] = true
	}
	return names
}

// Offers asks dnf repoquery; without fresh from the cache alone, in which case a repository that was never fetched offers nothing.
func (d driver) Offers(ctx context.Context, v host.View, names []string, fresh bool) (map[string]manager.Offer, error) {
	out, err := d.repoquery(ctx, v, fresh, append([]string{"--showduplicates", "--qf", "%{name} %{arch} %{epoch}:%{version}-%{release}\n", "--"}, names...))
	if err != nil {
		return nil, err
	}
	versions := map[string][]string{}
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		if len(f) != 3 {
			continue
		}
		for _, name := range []string{f[0], f[0] + "." + f[1]} {
			versions[name] = append(versions[name], rpmdb.Version(f[2]))
		}
	}
	offers := rpmdb.Offers(versions)
	missing := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return versions[n] != nil })
	if len(missing) == 0 {
		return offers, nil
	}
	out, err = d.repoquery(ctx, v, false, []string{"--qf", "%{provides}\n", "--whatprovides", strings.Join(missing, ",")})
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(out) {
		if f := strings.Fields(line); len(f) > 0 && slices.Contains(missing, f[0]) {
			offers[f[0]] = manager.Offer{}
		}
	}
	return offers, nil
}

// repoquery returns the output of dnf repoquery, "" where there is no cache to be asked.
func (d driver) repoquery(ctx context.Context, v host.View, fresh bool, args []string) (string, error) {
	command := []string{d.program, "-q"}
	if !fresh {
		command = append(command, "-C")
	}
	command = append(command, "repoquery", "--available")
	out, err := v.Query(ctx, host.Cmd{Args: append(command, args...), MaxOutput: rpmdb.MaxOutput})
	switch {
	case err != nil:
		return "", fmt.Errorf("%s repoquery: %w", d.program, err)
	case out.ExitCode != 0 && !fresh && strings.Contains(strings.ToLower(string(out.Stderr)), "cache"):
		return "", nil
	case out.ExitCode != 0:
		return "", &manager.ExitError{Cmd: d.program + " repoquery", Output: out, Reason: manager.Reason(out)}
	}
	return string(out.Stdout), nil
}

// Refresh leaves repositories that were changed to dnf, which fetches what is not in its cache; with all it fetches everything anew.
func (d driver) Refresh(ctx context.Context, s *manager.Session, all bool) error {
	if !all {
		return nil
	}
	_, err := d.run(ctx, s, nil, "makecache", []string{"--refresh"})
	return err
}

// Commit installs and removes, each by one dnf.
func (d driver) Commit(ctx context.Context, s *manager.Session, t manager.Transaction) error {
	return rpmdb.Commit(ctx, s, t, rpmdb.Spec, func(verb string, names []string) error {
		options := t.Options
		if verb == "remove" {
			options = []string{"--setopt=clean_requirements_on_remove=False"}
		}
		_, err := d.run(ctx, s, t.Env(), verb, options, names...)
		return err
	})
}

// Owned asks the repositories what is in each package, as far as dnf has that in its cache.
func (d driver) Owned(ctx context.Context, v host.View, names, files []string) (map[string][]string, error) {
	return rpmdb.Owned(names, files, func(name string) (string, error) {
		return d.repoquery(ctx, v, false, []string{"--list", "--", name})
	})
}

func (d driver) run(ctx context.Context, s *manager.Session, env []string, verb string, options []string, names ...string) (host.Output, error) {
	s.Locked = locked
	args := append([]string{d.program, "-q", "-y", "--setopt=exit_on_lock=True"}, options...)
	args = append(args, verb)
	if len(names) > 0 {
		args = append(append(args, "--"), names...)
	}
	return s.Exec(ctx, d.program+" "+verb, host.Cmd{Args: args, Env: env})
}

// Hold uses the versionlock plugin.
func (d driver) Hold(ctx context.Context, s *manager.Session, hold bool, names []string) error {
	verb := "delete"
	if hold {
		verb = "add"
	}
	out, err := d.run(ctx, s, nil, "versionlock", nil, append([]string{verb}, names...)...)
	if err != nil && strings.Contains(string(out.Stderr), "No such command") {
		return fmt.Errorf("mark needs dnf's versionlock plugin (python3-dnf-plugin-versionlock, or dnf-plugins-core): %w", err)
	}
	return err
}

var alreadyLocked = regexp.MustCompile(`(\w+) already locked by ([0-9]+)|Waiting for process with pid ([0-9]+)`)

// locked finds the words of dnf, told by exit_on_lock not to wait silently, and of rpm.
func locked(out host.Output) (manager.Holder, bool) {
	if m := rpmdb.Said(out, alreadyLocked); m != nil {
		pid, _ := strconv.Atoi(m[2] + m[3])
		return manager.Holder{Lock: "dnf's " + strings.TrimSpace(m[1]+" lock"), PID: pid}, true
	}
	return rpmdb.Locked(out)
}
