package manager

import (
	"cmp"
	"slices"
	"strings"
)

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
	Torn                bool     // only part of its files is there: it has to be unpacked again
	Provides            []string // names, without versions
	HoldAs              string   // what it is held by where that is not its name alone, which would be another package
}

// HoldName is the name by which the package is held.
func (p Package) HoldName() string { return cmp.Or(p.HoldAs, p.Name) }

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

// Put adds p, or replaces what is there of the same name and architecture.
func (db *DB) Put(p Package) {
	list := db.packages[p.Name]
	if i := slices.IndexFunc(list, func(q Package) bool { return q.Arch == p.Arch }); i >= 0 {
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

// Names lists the installed packages, sorted: one that Find does not return for its plain name with its architecture.
func (db *DB) Names() []string {
	var names []string
	for name, list := range db.packages {
		best := db.best(list)
		for _, p := range list {
			switch {
			case p.Status != Installed:
			case p.Arch == best.Arch:
				names = append(names, name)
			default:
				names = append(names, name+db.sep+p.Arch)
			}
		}
	}
	slices.Sort(names)
	return names
}
