package pkg

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/pkg/goal"
	"github.com/nodeapply/apply/resources/pkg/manager"
	"github.com/nodeapply/apply/resources/pkg/transaction"
)

// before is what undo needs to know.
type before struct {
	Provider string         `json:"provider"`
	Packages []packageState `json:"packages"`
}

type packageState struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"` // "" where it was not there
	Held    bool   `json:"held,omitempty"`
}

// Before keeps the versions and marks of the packages.
func (p *Package) Before(ctx context.Context, v host.View, _ resources.Diff) (json.RawMessage, error) {
	return p.states(ctx, v, p.Provider, p.Name)
}

// Now reads those again.
func (p *Package) Now(ctx context.Context, v host.View, data json.RawMessage) (json.RawMessage, error) {
	b, err := resources.Recall[before](data)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, s := range b.Packages {
		names = append(names, s.Name)
	}
	return p.states(ctx, v, b.Provider, names)
}

// states reads versions and marks.
func (p *Package) states(ctx context.Context, v host.View, provider string, names []string) (json.RawMessage, error) {
	m, db, err := p.database(ctx, v, provider)
	if err != nil {
		return nil, err
	}
	b := before{Provider: m.Name}
	for _, n := range names {
		pkg := db.Find(n)
		state := packageState{Name: n, Held: pkg.Held}
		if pkg.Status == manager.Installed {
			state.Version = pkg.Version
		}
		b.Packages = append(b.Packages, state)
	}
	return json.Marshal(b)
}

// Restore moves the packages to the versions that they had, where the repositories still have those, and removes those that were not
// there. Configuration files stay, and so do packages that came along as dependencies.
func (p *Package) Restore(ctx context.Context, h host.Host, data json.RawMessage) error {
	b, err := resources.Recall[before](data)
	if err != nil {
		return err
	}
	var members []resources.Member
	for _, s := range b.Packages {
		q := &Package{Name: resources.Strings{s.Name}, Ensure: goal.Absent, Mark: transaction.None, Configfiles: keep, Autostart: true, Provider: b.Provider, run: p.run}
		if s.Version != "" {
			q.Ensure = Ensure(s.Version)
		}
		if s.Held && s.Version != "" {
			q.Mark = transaction.Hold
		}
		d, err := q.Check(ctx, h)
		if err != nil {
			return err
		}
		if !d.Empty() {
			members = append(members, resources.Member{Resource: q, Diff: d})
		}
	}
	if len(members) == 0 {
		return nil
	}
	for i, err := range p.ApplyGroup(ctx, h, members) {
		if err != nil {
			return fmt.Errorf("%s: %w", members[i].Resource.(*Package).Name[0], err)
		}
	}
	return nil
}
