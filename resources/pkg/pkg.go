// Package pkg is the resource type package: packages of the node's package manager, their versions and the mark that holds them.
//
// All resources that one call of [Type] makes share one reading of the package database and one transaction where they can. The type
// knows nothing of any package manager: those are in the folders below, behind package manager.
package pkg

import (
	"context"
	"path"
	"regexp"
	"slices"
	"time"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/pkg/goal"
	"github.com/nodeapply/apply/resources/pkg/known"
	"github.com/nodeapply/apply/resources/pkg/manager"
	"github.com/nodeapply/apply/resources/pkg/transaction"
)

// Package is a package of the node, or several in the same state.
//
// The value `version` is the installed one; of a resource with several names it is an object of them: `package.tools.version["tar"]`.
//
// A transaction may take an hour, the wait for another's lock included, before it is ended where it is; `timeout` says otherwise. What it left is repaired
// by the next run where the package manager can do that (dpkg).
type Package struct {
	// The package's name, or a list of names; with the architecture where the package manager knows such names (`foo:amd64`, `foo.i686`).
	// A virtual package is installed when a package that provides it is.
	Name resources.Strings `hcl:"name,title,public"`
	// A string: `installed` (default; `present` is the same), `latest`, `absent`, `purged` (absent, and its configuration too: also what `absent` left),
	// a version, or a constraint: `">= 1.2, < 2"` of `>=`, `<=`, `>`, `<`, `=`, `!=`, `~>`. rpm, pacman and apk versions may leave out the release.
	// What `absent` left of an rpm or a pacman package (`.rpmsave`, `.pacsave`) is found as long as a repository, or pacman's cache, still has the
	// package that it is of; apk keeps no trace of it.
	Ensure Ensure `hcl:"ensure,public"`
	// `hold`: the package stays at its version whatever else is upgraded; `none`: it does not. A package that is held and has no `mark` declared
	// is not moved. apt: apt-mark; dnf and yum: the versionlock plugin; zypper: locks; pacman: IgnorePkg; apk: a pinned version.
	Mark string `hcl:"mark"`
	// A package file on the node, by absolute path; its dependencies come from the repositories.
	Source string `hcl:"source,public"`
	// `apt`, `dnf`, `yum`, `zypper`, `pacman`, `apk`; default: the one of the node's distribution. `yum` is dnf where it is another name of that,
	// else yum 3 of Enterprise Linux 7. apk and yum 3 are tested by what they answer, as recorded, and by the format of their databases, not with
	// the programs themselves.
	Provider string `hcl:"provider,public"`
	// Further options of the install command: strings, or maps of an option to its value.
	InstallOptions Options `hcl:"install_options,public"`
	// What becomes of configuration files that were changed on the node: `keep` (default; but for apt with the new file beside the old one) or
	// `replace`. Those that rpm itself replaces (`%config` without `noreplace`) are put back when its transaction has ended: until then the
	// package's own scripts see the new ones.
	Configfiles string `hcl:"configfiles"`
	// Lets a constraint move the package to an earlier version. An exact version may always go down.
	AllowDowngrade bool `hcl:"allow_downgrade"`
	// `false`: services of the package are not started by its installation (default true). apk's start none in any case.
	Autostart bool `hcl:"autostart"`

	run      *known.Run
	versions map[string]string // by name, as last checked
	moved    []string          // the names whose versions differed, when last some did
	notes    []string
}

var (
	_ resources.Validator  = (*Package)(nil)
	_ resources.Identified = (*Package)(nil)
	_ resources.Absentee   = (*Package)(nil)
	_ resources.Grouper    = (*Package)(nil)
	_ resources.Locker     = (*Package)(nil)
	_ resources.Valued     = (*Package)(nil)
	_ resources.Restorer   = (*Package)(nil)
	_ resources.Inspector  = (*Package)(nil)
	_ resources.Reporter   = (*Package)(nil)
	_ resources.Lister     = (*Package)(nil)
)

// The words of configfiles.
const (
	keep    = "keep"
	replace = "replace"
)

// longest is the default deadline of a transaction. What it downloads and what scripts of packages do (a module for each kernel, an initramfs) takes as long
// as it takes; one that is ended on its way leaves packages half installed.
const longest = time.Hour

// Type returns the type for one run: its resources share what they read of the package databases.
func Type() resources.Type {
	r := known.NewRun()
	return resources.Type{
		Name:    "package",
		Timeout: longest,
		Late:    []string{"version"},
		New: func(title string) resources.Resource {
			return &Package{Name: resources.Strings{title}, Ensure: goal.Installed, Configfiles: keep, Autostart: true, run: r}
		},
	}
}

// anyName is what the names of all package managers have in common: nothing that a command line could take for something else.
var anyName = regexp.MustCompile(`^[A-Za-z0-9_@][A-Za-z0-9._+@-]*(:[a-z0-9][a-z0-9-]*)?$`)

// Validate checks all that can be known without a node. It also announces the names, so that the first question about any of them
// is asked for all.
func (p *Package) Validate() error {
	var bad resources.Mistakes
	if len(p.Name) == 0 {
		bad.Addf("name", "want at least one name")
	}
	for i, n := range p.Name {
		if !anyName.MatchString(n) {
			bad.Addf("name", "%q is not a package's name", n)
		}
		if slices.Contains(p.Name[:i], n) {
			bad.Addf("name", "%q is named twice", n)
		}
	}
	ensure, err := goal.Parse(string(p.Ensure))
	if err != nil {
		bad.Add("ensure", err)
	}
	p.Ensure = Ensure(ensure)
	if p.Mark != "" {
		bad.OneOf("mark", p.Mark, transaction.Hold, transaction.None)
	}
	if p.Mark == transaction.Hold && !p.goal().Wanted() {
		bad.Addf("mark", "a package that is to be %s cannot be held", p.Ensure)
	}
	if p.Provider != "" {
		bad.OneOf("provider", p.Provider, known.Providers()...)
	}
	bad.OneOf("configfiles", p.Configfiles, keep, replace)
	if p.Source != "" && (path.Clean(p.Source) != p.Source || p.Source[0] != '/') {
		bad.Addf("source", "want the absolute path of a package file, not %q", p.Source)
	}
	if p.Source != "" && len(p.Name) > 1 {
		bad.Addf("source", "one package file cannot be several packages")
	}
	if slices.Contains(p.InstallOptions, "--") || slices.Contains(p.InstallOptions, "") {
		bad.Addf("install_options", "want options, not \"\" or \"--\"")
	}
	if err := bad.Err(); err != nil {
		return err
	}
	p.run.Announce(p.Provider, p.Name, p.Ensure == goal.Latest)
	return nil
}

// goal is how each of the packages should be.
func (p *Package) goal() goal.Goal {
	return goal.Goal{Ensure: string(p.Ensure), File: p.Source != "", AllowDowngrade: p.AllowDowngrade}
}

// Provides names the packages.
func (p *Package) Provides() []resources.Identity {
	ids := make([]resources.Identity, len(p.Name))
	for i, n := range p.Name {
		ids[i] = resources.Identity{Kind: "package", Name: n}
	}
	return ids
}

// Requires names the package file, and the repositories: those of the provider and those whose provider is the node's own. Without
// a provider of its own any repository may be one of it.
func (p *Package) Requires() []resources.Identity {
	var ids []resources.Identity
	if p.Source != "" {
		ids = append(ids, resources.Identity{Kind: "path", Name: p.Source, Nearest: true})
	}
	names := []string{manager.ReposOf("")}
	for _, name := range known.Providers() {
		if p.Provider == "" || p.Provider == name {
			names = append(names, manager.ReposOf(name))
		}
	}
	slices.Sort(names)
	for _, n := range slices.Compact(names) {
		ids = append(ids, resources.Identity{Kind: "repos", Name: n, Shared: true})
	}
	return ids
}

// Absent says whether the packages are to go.
func (p *Package) Absent() bool { return !p.goal().Wanted() }

// Locks names the lock of the provider; without one, of all that it could be.
func (p *Package) Locks() []string {
	var locks []string
	for _, name := range known.Providers() {
		if p.Provider == "" || p.Provider == name {
			locks = append(locks, known.NewManager(name).Lock)
		}
	}
	slices.Sort(locks)
	return slices.Compact(locks)
}

// Values are the installed version ("" if there is none) as `version`; for several names a map from each.
func (p *Package) Values() map[string]any {
	if len(p.Name) == 1 {
		return map[string]any{"version": p.versions[p.Name[0]]}
	}
	m := map[string]any{}
	for _, n := range p.Name {
		m[n] = p.versions[n]
	}
	return map[string]any{"version": m}
}

// database is what a provider has installed, and which manager it is.
func (p *Package) database(ctx context.Context, v host.View, provider string) (*known.Manager, *manager.DB, error) {
	m, err := p.run.Manager(v, provider)
	if err != nil {
		return nil, nil, err
	}
	db, err := m.DB(ctx, v)
	return m, db, err
}

// Inspect fills ensure with the installed version, or absent, and mark where the package is held.
func (p *Package) Inspect(ctx context.Context, v host.View) error {
	_, db, err := p.database(ctx, v, p.Provider)
	if err != nil {
		return err
	}
	pkg := db.Find(p.Name[0])
	if owner, ok := db.Provider(p.Name[0]); ok && pkg.Status != manager.Installed {
		p.Ensure = goal.Installed
		if owner.Held {
			p.Mark = transaction.Hold
		}
		return nil
	}
	p.Ensure, p.Mark = goal.Absent, ""
	if pkg.Status == manager.Installed {
		p.Ensure = Ensure(pkg.Version)
		if pkg.Held {
			p.Mark = transaction.Hold
		}
	}
	return nil
}

// List returns the installed packages whose names match.
func (p *Package) List(ctx context.Context, v host.View, of string) ([]string, error) {
	_, db, err := p.database(ctx, v, p.Provider)
	if err != nil {
		return nil, err
	}
	return resources.Select(of, db.Names()), nil
}
