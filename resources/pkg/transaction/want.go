package transaction

import (
	"context"
	"fmt"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/pkg/goal"
	"github.com/nodeapply/apply/resources/pkg/known"
	"github.com/nodeapply/apply/resources/pkg/manager"
)

// The words of mark.
const (
	Hold = "hold"
	None = "none"
)

// Want is how some packages should be, and what a transaction that makes them so has to heed.
type Want struct {
	Names   []string
	Goal    goal.Goal
	Mark    string // Hold or None; "": as it is
	File    string // a package file in the place of the repositories; "": none
	Options []string
	Replace bool // configuration files that were changed on the node
	NoStart bool // of the packages' services
}

// Steps says what is to be done with each package, by the database and, where something is to be done, by what is on offer.
func (w Want) Steps(ctx context.Context, v host.View, m *known.Manager) ([]goal.Step, error) {
	db, err := m.DB(ctx, v)
	if err != nil {
		return nil, err
	}
	var ask []string
	for _, n := range w.Names {
		if !m.ValidName(n) {
			return nil, &resources.AttrError{Attr: "name", Err: fmt.Errorf("%q is not a package's name of %s", n, m.Name)}
		}
		if have, as := w.Goal.Find(db, n); w.File == "" && w.Goal.NeedsOffer(m.Version, have) {
			ask = append(ask, as)
		}
	}
	var offers map[string]manager.Offer
	if len(ask) > 0 {
		if offers, err = m.Offered(ctx, v, ask, w.Goal.Ensure == goal.Latest); err != nil {
			return nil, err
		}
	}
	fileVersion := ""
	if w.File != "" && w.Goal.Wanted() {
		if fileVersion, err = m.VersionOf(ctx, v, w.File); err != nil {
			return nil, err
		}
	}
	steps := make([]goal.Step, len(w.Names))
	for i, n := range w.Names {
		s := goal.Step{Name: n}
		s.Have, s.As = w.Goal.Find(db, n)
		if w.Goal.Ensure == goal.Purged && s.Have.Status == manager.Missing {
			if s.Left, err = m.Leftovers(ctx, v, n); err != nil {
				return nil, err
			}
			if len(s.Left) > 0 {
				s.Have.Status = manager.Leftovers
			}
		}
		offer, known := offers[s.As]
		if w.File != "" && fileVersion != "" {
			offer, known = manager.Offer{Candidate: fileVersion, Versions: []string{fileVersion}}, true
		}
		w.Goal.Decide(m.Version, db, &s, offer, known)
		if s.Install && fileVersion != "" && !w.Goal.Allows(m.Version, fileVersion) {
			s.Err = &resources.AttrError{Attr: "source", Err: fmt.Errorf("%s has version %s, and ensure is %q", w.File, fileVersion, w.Goal.Ensure)}
		}
		if s.Differs() && s.Have.Held && w.Mark == "" {
			to := fmt.Sprintf("move it (to %s)", s.To)
			if !w.Goal.Wanted() {
				to = "remove it"
			}
			s.Err = fmt.Errorf("%s is held at %s on this node; declare mark to %s", n, s.From(), to)
		}
		steps[i] = s
	}
	return steps, nil
}
