package pkg

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/pkg/known"
	"github.com/nodeapply/apply/resources/pkg/manager"
	"github.com/nodeapply/apply/resources/pkg/version"
)

// step is what is to be done with one package.
type step struct {
	name    string
	as      string // the name by which it is moved: that of the package which provides name, where one is to be the latest
	have    manager.Package
	to      string // the version that is to be, or what is known of it: the word or the constraint of ensure
	install bool
	remove  bool
	version string   // to be installed; "": as the manager chooses
	unknown bool     // the repositories, as far as fetched, do not offer what is needed
	left    []string // files that an earlier removal kept
	err     error
	note    string
}

func (s step) differs() bool { return s.install || s.remove }

// from is the version that is there, in the words of a Change.
func (s step) from() string {
	switch s.have.Status {
	case manager.Installed:
		return s.have.Version
	case manager.Leftovers:
		return "config-files"
	case manager.Broken:
		return strings.TrimSpace("unconfigured " + s.have.Version)
	}
	return absent
}

// goesDown says that the step moves to an earlier version.
func (s step) goesDown(scheme version.Scheme) bool {
	return s.install && s.version != "" && s.have.Status >= manager.Broken && s.have.Version != "" && scheme.Match(s.have.Version, s.version) > 0
}

// Check compares the packages with the database.
func (p *Package) Check(ctx context.Context, v host.View) (resources.Diff, error) {
	u, err := p.run.Manager(v, p.Provider)
	if err != nil {
		return resources.Diff{}, err
	}
	steps, err := p.steps(ctx, v, u)
	if err != nil {
		return resources.Diff{}, err
	}
	d := resources.Diff{Notes: slices.Clone(p.notes)}
	p.versions = map[string]string{}
	var from, to, moved []string
	var marks []string
	var errs []error
	for _, s := range steps {
		if s.err != nil {
			errs = append(errs, s.err)
		}
		if s.have.Status == manager.Installed {
			p.versions[s.name] = s.have.Version
		}
		if s.note != "" {
			d.Notes = append(d.Notes, s.note)
		}
		if s.differs() {
			moved = append(moved, s.name)
			from, to = append(from, p.label(s.name, s.from())), append(to, p.label(s.name, s.to))
		}
		if p.Mark != "" && s.have.Held != (p.Mark == hold) {
			marks = append(marks, s.name)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return resources.Diff{Notes: d.Notes}, err
	}
	if len(from) > 0 {
		p.moved = moved
		d.Spreads = true
		d.Changes = append(d.Changes, resources.Change{Attr: "ensure", From: strings.Join(from, ", "), To: strings.Join(to, ", ")})
	}
	if len(marks) > 0 {
		was := map[string]string{hold: none, none: hold}[p.Mark]
		d.Changes = append(d.Changes, resources.Change{Attr: "mark", From: p.labels(marks, was), To: p.labels(marks, p.Mark)})
	}
	return d, nil
}

// lateNote follows the name of a package of which the lists say nothing yet.
const lateNote = ": the version is known when the package lists are refreshed"

// Done puts the versions that were installed in the place of what was known of them before, and adds what happened on the way.
func (p *Package) Done(found resources.Diff) resources.Diff {
	found.Notes = slices.DeleteFunc(slices.Clone(found.Notes), func(n string) bool { return strings.HasSuffix(n, lateNote) })
	for _, n := range p.notes {
		if !slices.Contains(found.Notes, n) {
			found.Notes = append(found.Notes, n)
		}
	}
	if !p.wantsIt() {
		return found
	}
	found.Changes = slices.Clone(found.Changes)
	for i, c := range found.Changes {
		if c.Attr != "ensure" {
			continue
		}
		to := make([]string, len(p.moved))
		for j, n := range p.moved {
			to[j] = p.label(n, p.versions[n])
		}
		found.Changes[i].To = strings.Join(to, ", ")
	}
	return found
}

// label is text, with the package's name where there are several.
func (p *Package) label(name, text string) string {
	if len(p.Name) == 1 {
		return text
	}
	return name + " " + text
}

func (p *Package) labels(names []string, text string) string {
	list := make([]string, len(names))
	for i, n := range names {
		list[i] = p.label(n, text)
	}
	return strings.Join(list, ", ")
}

// steps says what is to be done with each package, by the database and, where something is to be done, by what is on offer.
func (p *Package) steps(ctx context.Context, v host.View, u *known.Manager) ([]step, error) {
	db, err := u.DB(ctx, v)
	if err != nil {
		return nil, err
	}
	var ask []string
	for _, n := range p.Name {
		if !u.ValidName(n) {
			return nil, &resources.AttrError{Attr: "name", Err: fmt.Errorf("%q is not a package's name of %s", n, u.Name)}
		}
		if have, as := p.find(db, n); p.Source == "" && p.needsOffer(u, have) {
			ask = append(ask, as)
		}
	}
	var offers map[string]manager.Offer
	if len(ask) > 0 {
		if offers, err = u.Offered(ctx, v, ask, p.Ensure == latest); err != nil {
			return nil, err
		}
	}
	fileVersion := ""
	if p.Source != "" && p.wantsIt() {
		if fileVersion, err = u.VersionOf(ctx, v, p.Source); err != nil {
			return nil, err
		}
	}
	steps := make([]step, len(p.Name))
	for i, n := range p.Name {
		s := step{name: n}
		s.have, s.as = p.find(db, n)
		if p.Ensure == purged && s.have.Status == manager.Missing {
			if s.left, err = u.Leftovers(ctx, v, n); err != nil {
				return nil, err
			}
			if len(s.left) > 0 {
				s.have.Status = manager.Leftovers
			}
		}
		offer, known := offers[s.as]
		if p.Source != "" && fileVersion != "" {
			offer, known = manager.Offer{Candidate: fileVersion, Versions: []string{fileVersion}}, true
		}
		p.decide(u, db, &s, offer, known)
		if s.differs() && s.have.Held && p.Mark == "" {
			s.err = fmt.Errorf("%s is held at %s on this node; declare mark to move it (to %s)", n, s.from(), s.to)
		}
		steps[i] = s
	}
	return steps, nil
}

// find returns the package, or the one that provides it, and the name by which that is asked for.
func (p *Package) find(db *manager.DB, name string) (pkg manager.Package, as string) {
	pkg = db.Find(name)
	if pkg.Status < manager.Broken && (p.Ensure == installed || p.Ensure == latest) {
		if owner, ok := db.Provider(name); ok {
			return owner, owner.Name
		}
	}
	return pkg, name
}

// needsOffer says whether the decision needs to know what the repositories offer.
func (p *Package) needsOffer(u *known.Manager, have manager.Package) bool {
	return p.wantsIt() && (p.Ensure == latest || !p.met(u, have))
}

// met says whether have is what ensure asks for, as far as that can be said without the repositories.
func (p *Package) met(u *known.Manager, have manager.Package) bool {
	there := have.Status == manager.Installed
	switch p.Ensure {
	case installed, latest:
		return there
	case absent:
		return have.Status < manager.Broken
	case purged:
		return have.Status == manager.Missing
	}
	if !there {
		return false
	}
	if version.IsConstraint(p.Ensure) {
		c, err := version.ParseConstraint(p.Ensure)
		return err == nil && c.Allows(u.Version, have.Version)
	}
	return u.Version.Match(have.Version, p.Ensure) == 0
}

// decide fills in what is to be done.
func (p *Package) decide(u *known.Manager, db *manager.DB, s *step, offer manager.Offer, known bool) {
	met := p.met(u, s.have)
	if !p.wantsIt() {
		s.remove, s.to = !met, p.Ensure
		if owner, ok := db.Provider(s.name); ok && met {
			s.note = fmt.Sprintf("%s is a virtual package; %s, which provides it, stays", s.name, owner.Name)
		}
		return
	}
	s.unknown = !known && p.Source == ""
	if p.Ensure == latest && met {
		if offer.Candidate == "" || u.Version.Compare(s.have.Version, offer.Candidate) >= 0 {
			s.unknown = false
			return
		}
		met = false
	}
	if met {
		s.unknown = false
		return
	}
	s.install, s.to = true, p.Ensure
	switch {
	case p.Ensure == installed && s.have.Status == manager.Broken && s.have.Version != "":
		s.to, s.version, s.unknown = s.have.Version, s.have.Version, false // what is unpacked is configured; the repositories need not have it
	case p.Ensure == installed || p.Ensure == latest:
		if offer.Candidate != "" {
			s.to = offer.Candidate
		}
		if p.Ensure == latest {
			s.version = offer.Candidate
		}
	case version.IsConstraint(p.Ensure):
		p.decideConstraint(u, s, offer)
	default:
		s.version = p.Ensure
		if i := slices.IndexFunc(offer.Versions, func(v string) bool { return u.Version.Match(v, p.Ensure) == 0 }); i >= 0 {
			s.version, s.to = offer.Versions[i], offer.Versions[i]
		} else if p.Source == "" {
			s.unknown = true
		}
	}
	if s.unknown {
		s.note = s.name + lateNote
	}
}

// decideConstraint takes the candidate if it fits, else the highest version that does; a lower one than is there only if that is allowed.
func (p *Package) decideConstraint(u *known.Manager, s *step, offer manager.Offer) {
	c, err := version.ParseConstraint(p.Ensure)
	if err != nil {
		s.err = err
		return
	}
	best := ""
	for _, v := range offer.Versions {
		if c.Allows(u.Version, v) && (best == "" || u.Version.Compare(v, best) > 0) {
			best = v
		}
	}
	if offer.Candidate != "" && c.Allows(u.Version, offer.Candidate) {
		best = offer.Candidate
	}
	s.unknown = best == ""
	there := s.have.Status == manager.Installed
	down := there && (c.Above(u.Version, s.have.Version) || best != "" && u.Version.Compare(best, s.have.Version) < 0)
	if down && !p.AllowDowngrade {
		to := best
		if to == "" {
			to = "an earlier version"
		}
		s.err = fmt.Errorf("%s: %s does not meet %q and only a downgrade would (to %s); set allow_downgrade to allow it", s.name, s.have.Version, p.Ensure, to)
		return
	}
	if best != "" {
		s.version, s.to = best, best
	}
}
