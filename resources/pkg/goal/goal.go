// Package goal decides what is to be done with a package so that it is as declared, by what the database of packages has and the repositories offer.
package goal

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nodeapply/apply/resources/pkg/manager"
	"github.com/nodeapply/apply/resources/pkg/version"
)

// The words of ensure; besides there are versions, and constraints of versions.
const (
	Installed = "installed"
	Latest    = "latest"
	Absent    = "absent"
	Purged    = "purged"
)

// Goal is how a package should be.
type Goal struct {
	Ensure         string // as Parse returns it
	File           bool   // it comes from a file in place of a repository
	AllowDowngrade bool   // a constraint may move it to an earlier version
}

// Parse checks a value of ensure, and returns it in the word that this package has for it.
func Parse(ensure string) (string, error) {
	switch ensure {
	case Installed, Latest, Absent, Purged:
		return ensure, nil
	case "present":
		return Installed, nil
	}
	if version.IsConstraint(ensure) {
		_, err := version.ParseConstraint(ensure)
		return ensure, err
	}
	if !version.Valid(ensure) {
		return ensure, fmt.Errorf("want installed, latest, absent, purged, a version, or a constraint such as \">= 1.2, < 2\", not %q", ensure)
	}
	return ensure, nil
}

// Wanted says whether the package is to be there.
func (g Goal) Wanted() bool { return g.Ensure != Absent && g.Ensure != Purged }

// LateNote follows the name of a package of which the lists say nothing yet.
const LateNote = ": the version is known when the package lists are refreshed"

// Step is what is to be done with one package.
type Step struct {
	Name    string
	As      string // the name by which it is moved: that of the package which provides Name, where one is to be the latest
	Have    manager.Package
	To      string // the version that is to be, or what is known of it: the word or the constraint of ensure
	Install bool
	Remove  bool
	Version string   // to be installed; "": as the manager chooses
	Unknown bool     // the repositories, as far as fetched, do not offer what is needed
	Left    []string // files that an earlier removal kept
	Err     error
	Note    string
}

// Differs says whether anything is to be done.
func (s Step) Differs() bool { return s.Install || s.Remove }

// From is the version that is there, in the words of a Change.
func (s Step) From() string {
	switch s.Have.Status {
	case manager.Installed:
		return s.Have.Version
	case manager.Leftovers:
		return "config-files"
	case manager.Broken:
		return strings.TrimSpace("unconfigured " + s.Have.Version)
	}
	return Absent
}

// GoesDown says that the step moves to an earlier version.
func (s Step) GoesDown(scheme version.Scheme) bool {
	return s.Install && s.Version != "" && s.Have.Status >= manager.Broken && s.Have.Version != "" && scheme.Match(s.Have.Version, s.Version) > 0
}

// Find returns the package, or the one that provides it, and the name by which that is asked for.
func (g Goal) Find(db *manager.DB, name string) (pkg manager.Package, as string) {
	pkg = db.Find(name)
	if pkg.Status < manager.Broken && (g.Ensure == Installed || g.Ensure == Latest) {
		if owner, ok := db.Provider(name); ok {
			return owner, owner.Name
		}
	}
	return pkg, name
}

// NeedsOffer says whether the decision needs to know what the repositories offer.
func (g Goal) NeedsOffer(scheme version.Scheme, have manager.Package) bool {
	return g.Wanted() && (g.Ensure == Latest || !g.met(scheme, have))
}

// met says whether have is what ensure asks for, as far as that can be said without the repositories.
func (g Goal) met(scheme version.Scheme, have manager.Package) bool {
	there := have.Status == manager.Installed
	switch g.Ensure {
	case Installed, Latest:
		return there
	case Absent:
		return have.Status < manager.Broken
	case Purged:
		return have.Status == manager.Missing
	}
	return there && g.Allows(scheme, have.Version)
}

// Allows says whether a package that is wanted may have that version.
func (g Goal) Allows(scheme version.Scheme, v string) bool {
	switch {
	case g.Ensure == Installed || g.Ensure == Latest:
		return true
	case version.IsConstraint(g.Ensure):
		c, err := version.ParseConstraint(g.Ensure)
		return err == nil && c.Allows(scheme, v)
	}
	return scheme.Match(v, g.Ensure) == 0
}

// Decide fills in what is to be done, by Name, As and Have; known says whether the repositories have any offer.
func (g Goal) Decide(scheme version.Scheme, db *manager.DB, s *Step, offer manager.Offer, known bool) {
	met := g.met(scheme, s.Have)
	if !g.Wanted() {
		s.Remove, s.To = !met, g.Ensure
		if owner, ok := db.Provider(s.Name); ok && met {
			s.Note = fmt.Sprintf("%s is a virtual package; %s, which provides it, stays", s.Name, owner.Name)
		}
		return
	}
	if g.Ensure == Latest && met {
		met = offer.Candidate == "" || scheme.Compare(s.Have.Version, offer.Candidate) >= 0
	}
	if met {
		return
	}
	s.Install, s.To, s.Unknown = true, g.Ensure, !known && !g.File
	switch {
	case g.Ensure == Installed && s.Have.Status == manager.Broken && s.Have.Version != "":
		s.To, s.Version, s.Unknown = s.Have.Version, s.Have.Version, false // what is unpacked is configured; the repositories need not have it
	case g.Ensure == Installed || g.Ensure == Latest:
		if offer.Candidate != "" {
			s.To = offer.Candidate
		}
		if g.Ensure == Latest {
			s.Version = offer.Candidate
		}
	case version.IsConstraint(g.Ensure):
		g.constrain(scheme, s, offer)
	default:
		s.Version = g.Ensure
		if i := slices.IndexFunc(offer.Versions, func(v string) bool { return scheme.Match(v, g.Ensure) == 0 }); i >= 0 {
			s.Version, s.To = offer.Versions[i], offer.Versions[i]
		} else if !g.File {
			s.Unknown = true
		}
	}
	if s.Unknown {
		s.Note = s.Name + LateNote
	}
}

// constrain takes the candidate if it fits, else the highest version that does; a lower one than is there only if that is allowed.
func (g Goal) constrain(scheme version.Scheme, s *Step, offer manager.Offer) {
	c, err := version.ParseConstraint(g.Ensure)
	if err != nil {
		s.Err = err
		return
	}
	best := ""
	for _, v := range offer.Versions {
		if c.Allows(scheme, v) && (best == "" || scheme.Compare(v, best) > 0) {
			best = v
		}
	}
	if offer.Candidate != "" && c.Allows(scheme, offer.Candidate) {
		best = offer.Candidate
	}
	s.Unknown = best == "" && !g.File
	there := s.Have.Status == manager.Installed
	down := there && (c.Above(scheme, s.Have.Version) || best != "" && scheme.Compare(best, s.Have.Version) < 0)
	if down && !g.AllowDowngrade {
		to := best
		if to == "" {
			to = "an earlier version"
		}
		s.Err = fmt.Errorf("%s: %s does not meet %q and only a downgrade would (to %s); set allow_downgrade to allow it", s.Name, s.Have.Version, g.Ensure, to)
		return
	}
	if best != "" {
		s.Version, s.To = best, best
	}
}
