// Package manager says what a package manager must offer so that the package type can manage packages with it: its database, read in
// one go, what its repositories offer, and transactions.
//
// Names of packages are those of the manager's command line, possibly with an architecture ("foo:amd64", "foo.i686"). Versions are
// strings of the manager's own form.
package manager

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources/pkg/version"
)

// Manager is one package manager of a node.
type Manager struct {
	Name    string // the word of the provider attribute
	Lock    string // what its transactions exclude each other by
	Version version.Scheme
	// ValidName says whether a name is of the manager's grammar: nothing that its command line could take for an option, a
	// pattern, a file or a group.
	ValidName func(name string) bool
	Driver
}

// Driver does the work of a Manager.
type Driver interface {
	// Files lists files and folders of which one is changed (size, time, inode) whenever the database or the repositories are.
	Files() []string
	// Read reads the database: the state of every package, whatever their number by at most one process.
	Read(ctx context.Context, v host.View) (*DB, error)
	// Offers says for each name what the repositories offer, by one process for all names and from the metadata that is on the node;
	// with fresh, metadata that the manager itself holds for expired are fetched again. Unknown names have no entry.
	Offers(ctx context.Context, v host.View, names []string, fresh bool) (map[string]Offer, error)
	// Refresh fetches metadata: that of repositories that were changed and not fetched since and, with all, of every repository.
	Refresh(ctx context.Context, s *Session, all bool) error
	// Commit makes one transaction. An error does not say that nothing was done: who calls reads the database again.
	Commit(ctx context.Context, s *Session, t Transaction) error
	// Hold sets or takes back the mark by which packages stay at their version.
	Hold(ctx context.Context, s *Session, hold bool, names []string) error
}

// Offer is what the repositories offer of one package.
type Offer struct {
	Candidate string   // the version that a plain installation takes; "" for a name that is only provided by other packages
	Versions  []string // all of them, in any order
}

// Transaction is a set of changes made at once.
type Transaction struct {
	Install   []Target
	Remove    []string
	Purge     []string // remove with the configuration
	Options   []string // further options of the manager's install command
	Replace   bool     // configuration files that were changed on the node are replaced
	Downgrade bool     // a target's version may be before the installed one
	NoStart   bool     // services of the packages are not started
}

// Env is the environment in which the scripts of packages start no services, if t wants none started: in it systemctl speaks to nobody. (Of
// Debian's packages others than systemctl do the starting.)
func (t Transaction) Env() []string {
	if t.NoStart {
		return []string{"SYSTEMD_OFFLINE=1"}
	}
	return nil
}

// Target is one package to be installed.
type Target struct {
	Name    string
	Version string // "": what the manager chooses
	Have    string // the installed version, "" for none
	File    string // a package file in place of a repository
}

// Status is how far a package is there.
type Status uint8

// The states of a package.
const (
	Missing   Status = iota // no trace, or only a mark
	Leftovers               // removed, its configuration is left
	Broken                  // unpacked or half configured
	Installed
)

// Package is one package of the database.
type Package struct {
	Name, Arch, Version string
	Status              Status
	Held                bool
	Provides            []string // names, without versions
}

// DB is a package database as it was at one moment.
type DB struct {
	arch        string // the node's own architecture
	sep         string // between name and architecture in a name
	packages    map[string][]Package
	providers   map[string]string
	Interrupted string // what an interrupted transaction left, "" for nothing
}

// NewDB makes an empty database of a node of architecture arch, where a name with an architecture is name+sep+arch.
func NewDB(arch, sep string) *DB {
	return &DB{arch: arch, sep: sep, packages: map[string][]Package{}, providers: map[string]string{}}
}

// Put adds p, or replaces what is there of the same name and architecture (and version, for names that may be installed in several).
func (db *DB) Put(p Package) {
	list := db.packages[p.Name]
	same := func(q Package) bool { return q.Arch == p.Arch }
	if i := slices.IndexFunc(list, same); i >= 0 {
		list[i] = p
		return
	}
	db.packages[p.Name] = append(list, p)
	if p.Status == Installed {
		for _, name := range p.Provides {
			if name != p.Name {
				db.providers[name] = p.Name
			}
		}
	}
}

// Find returns the package of that name. Without an architecture in name it is that of the node's own architecture, else an
// independent one, else any that is installed.
func (db *DB) Find(name string) Package {
	if list, ok := db.packages[name]; ok {
		return db.best(list)
	}
	if i := strings.LastIndex(name, db.sep); i > 0 && db.sep != "" {
		base, arch := name[:i], name[i+len(db.sep):]
		for _, p := range db.packages[base] {
			if p.Arch == arch || arch == db.arch && independent(p.Arch) {
				return p
			}
		}
	}
	return Package{Name: name}
}

func (db *DB) best(list []Package) Package {
	rank := func(p Package) int {
		switch {
		case p.Arch == db.arch:
			return 3
		case independent(p.Arch):
			return 2
		}
		return 1
	}
	best := list[0]
	for _, p := range list[1:] {
		if (p.Status > Missing) != (best.Status > Missing) {
			if p.Status > Missing {
				best = p
			}
			continue
		}
		if rank(p) > rank(best) {
			best = p
		}
	}
	return best
}

func independent(arch string) bool { return arch == "all" || arch == "noarch" || arch == "any" }

// Provider returns an installed package that provides the virtual package name.
func (db *DB) Provider(name string) (Package, bool) {
	owner, ok := db.providers[name]
	if !ok {
		return Package{}, false
	}
	return db.Find(owner), true
}

// BrokenNames lists the packages that are not wholly installed, in order.
func (db *DB) BrokenNames() []string {
	var names []string
	for name, list := range db.packages {
		if slices.ContainsFunc(list, func(p Package) bool { return p.Status == Broken }) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// maxList bounds the names that a message lists.
const maxList = 5

// List joins names for a message: "a, b, c and 7 more".
func List(names []string) string {
	if len(names) <= maxList {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:maxList], ", ") + " and " + strconv.Itoa(len(names)-maxList) + " more"
}
