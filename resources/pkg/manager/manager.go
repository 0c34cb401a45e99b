// Package manager says what a package manager must offer so that the package type can manage packages with it: its database, read in
// one go, what its repositories offer, and transactions.
//
// Names of packages are those of the manager's command line, possibly with an architecture ("foo:amd64", "foo.i686"). Versions are
// strings of the manager's own form.
package manager

import (
	"context"
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
	// Commit makes one transaction. An error does not say that nothing was done: the caller reads the database again.
	Commit(ctx context.Context, s *Session, t Transaction) error
	// Hold sets or takes back the mark by which packages stay at their version.
	Hold(ctx context.Context, s *Session, hold bool, names []string) error
}

// FileVersioner is a Driver that can read the version of a package file.
type FileVersioner interface {
	FileVersion(ctx context.Context, v host.View, file string) (string, error)
}

// Leaver is a Driver whose removals leave changed configuration files behind under another name, of which its database then knows nothing.
type Leaver interface {
	// Ending is what the names of such files end in: ".rpmsave".
	Ending() string
	// Owned says which of the files, named as when they were installed, belong to each of names, packages that are not installed. What
	// cannot be known any more belongs to nobody.
	Owned(ctx context.Context, v host.View, names, files []string) (map[string][]string, error)
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

// maxList bounds the names that a message lists.
const maxList = 5

// List joins names for a message: "a, b, c and 7 more".
func List(names []string) string {
	if len(names) <= maxList {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:maxList], ", ") + " and " + strconv.Itoa(len(names)-maxList) + " more"
}
