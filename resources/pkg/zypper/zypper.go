// Package zypper drives zypper: transactions and locks are zypper's, the database is rpm's.
//
// zypper fetches what was never fetched by itself, also to answer.
package zypper

import (
	"context"
	"encoding/xml"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources/pkg/conffile"
	"github.com/nodeapply/apply/resources/pkg/manager"
	"github.com/nodeapply/apply/resources/pkg/rpmdb"
	"github.com/nodeapply/apply/resources/pkg/version"
)

// New returns the manager.
func New() *manager.Manager {
	return &manager.Manager{Name: "zypper", Lock: "rpm", Version: version.RPM, ValidName: rpmdb.ValidName, Driver: driver{}}
}

var _ manager.Lister = driver{}

type driver struct{ rpmdb.Common }

const locksFile = "/etc/zypp/locks"

// Files are the database and the locks.
func (driver) Files() []string { return append(rpmdb.Files(), locksFile, "/etc/zypp/repos.d") }

var solvable = regexp.MustCompile(`(?m)^solvable_name:\s*(\S+)`)

// Read reads rpm's database and the locks.
func (driver) Read(ctx context.Context, v host.View) (*manager.DB, error) {
	text, err := host.ReadFile(v, locksFile)
	if err != nil {
		return nil, err
	}
	held := map[string]bool{}
	for _, m := range solvable.FindAllStringSubmatch(text, -1) {
		held[m[1]] = true
	}
	return rpmdb.Read(ctx, v, held)
}

// Exit codes of zypper. Those that say what is needed now are not its failure.
const (
	locked         = 7
	updatesNeeded  = 100
	securityNeeded = 101
	rebootNeeded   = 102
	restartNeeded  = 103
	nothingFound   = 104
)

// systemPackages is what zypper calls the repository of what is installed.
const systemPackages = "(System Packages)"

type solvables struct {
	List []struct {
		Name       string `xml:"name,attr"`
		Edition    string `xml:"edition,attr"`
		Arch       string `xml:"arch,attr"`
		Repository string `xml:"repository,attr"`
	} `xml:"search-result>solvable-list>solvable"`
}

// Offers asks zypper search.
func (driver) Offers(ctx context.Context, v host.View, names []string, fresh bool) (map[string]manager.Offer, error) {
	found, err := search(ctx, v, fresh, names)
	if err != nil {
		return nil, err
	}
	versions := map[string][]string{}
	for _, s := range found.List {
		if s.Repository == systemPackages {
			continue
		}
		for _, name := range []string{s.Name, s.Name + "." + s.Arch} {
			versions[name] = append(versions[name], rpmdb.Version(s.Edition))
		}
	}
	offers := rpmdb.Offers(versions)
	for _, n := range names { // a name that only others provide: rarely more than one, and zypper does not say which found what
		if versions[n] != nil {
			continue
		}
		found, err := search(ctx, v, false, []string{n}, "--provides")
		if err != nil {
			return nil, err
		}
		if len(found.List) > 0 {
			offers[n] = manager.Offer{}
		}
	}
	return offers, nil
}

func search(ctx context.Context, v host.View, fresh bool, names []string, options ...string) (solvables, error) {
	var found solvables
	args := []string{"zypper", "--non-interactive", "--xmlout"}
	if !fresh {
		args = append(args, "--no-refresh")
	}
	args = append(args, "search", "--details", "--match-exact", "--type", "package")
	args = append(append(append(args, options...), "--"), names...)
	out, err := v.Query(ctx, host.Cmd{Args: args, MaxOutput: rpmdb.MaxOutput})
	switch {
	case err != nil:
		return found, fmt.Errorf("zypper search: %w", err)
	case out.ExitCode == nothingFound:
		return found, nil
	case out.ExitCode != 0:
		return found, &manager.ExitError{Cmd: "zypper search", Output: out, Reason: manager.Reason(out)}
	}
	if err := xml.Unmarshal(out.Stdout, &found); err != nil {
		return found, fmt.Errorf("zypper search: %w", err)
	}
	return found, nil
}

// Refresh leaves repositories that were never fetched to zypper; with all it fetches everything anew.
func (d driver) Refresh(ctx context.Context, s *manager.Session, all bool) error {
	if !all {
		return nil
	}
	return d.run(ctx, s, nil, "refresh", []string{"--force"}, nil)
}

// Commit installs and removes by one zypper.
func (d driver) Commit(ctx context.Context, s *manager.Session, t manager.Transaction) error {
	return rpmdb.Purge(ctx, s, t.Purge, func() error {
		return conffile.Settle(ctx, s, t.Replace, rpmdb.Endings(), func() error { return d.commit(ctx, s, t) })
	})
}

func (d driver) commit(ctx context.Context, s *manager.Session, t manager.Transaction) error {
	gone := slices.Concat(t.Remove, t.Purge)
	if len(t.Install) == 0 && len(gone) > 0 {
		return d.run(ctx, s, t.Env(), "remove", nil, gone)
	}
	options := slices.Clone(t.Options)
	if t.Downgrade {
		options = append(options, "--oldpackage")
	}
	var specs []string
	for _, target := range t.Install {
		switch {
		case target.File != "":
			specs = append(specs, target.File)
		case target.Version != "":
			specs = append(specs, target.Name+"="+target.Version)
		default:
			specs = append(specs, target.Name)
		}
	}
	for _, name := range gone {
		specs = append(specs, "!"+name)
	}
	return d.run(ctx, s, t.Env(), "install", options, specs)
}

// Owned asks zypper for each file in which packages the repositories have it.
func (driver) Owned(ctx context.Context, v host.View, names, files []string) (map[string][]string, error) {
	owned := map[string][]string{}
	for _, file := range files {
		found, err := search(ctx, v, false, []string{file}, "--file-list")
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			for _, s := range found.List {
				if (name == s.Name || name == s.Name+"."+s.Arch) && !slices.Contains(owned[name], file) {
					owned[name] = append(owned[name], file)
				}
			}
		}
	}
	return owned, nil
}

// Hold uses zypper's locks.
func (d driver) Hold(ctx context.Context, s *manager.Session, hold bool, names []string) error {
	verb := "removelock"
	if hold {
		verb = "addlock"
	}
	return d.run(ctx, s, nil, verb, nil, names)
}

func (driver) run(ctx context.Context, s *manager.Session, env []string, verb string, options, names []string) error {
	s.Locked = isLocked
	args := append([]string{"zypper", "--non-interactive", "--quiet", verb}, options...)
	if len(names) > 0 {
		args = append(append(args, "--"), names...)
	}
	_, err := s.Exec(ctx, "zypper "+verb, host.Cmd{Args: args, Env: env}, updatesNeeded, securityNeeded, rebootNeeded, restartNeeded)
	return err
}

var lockedBy = regexp.MustCompile(`locked by the application with pid ([0-9]+)(?: \(([^)]*)\))?`)

func isLocked(out host.Output) (manager.Holder, bool) {
	if m := rpmdb.Said(out, lockedBy); m != nil {
		pid, _ := strconv.Atoi(m[1])
		return manager.Holder{Lock: "zypper's lock", PID: pid, Name: m[2][strings.LastIndexByte(m[2], '/')+1:]}, true
	}
	if out.ExitCode == locked {
		return manager.Holder{Lock: "zypper's lock"}, true
	}
	return rpmdb.Locked(out)
}
