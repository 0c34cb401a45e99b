package pkg

import (
	"context"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
)

var _ resources.Lister = (*Package)(nil)

// List returns the installed packages whose names match.
func (p *Package) List(ctx context.Context, v host.View, of string) ([]string, error) {
	u, err := p.run.Manager(v, p.Provider)
	if err != nil {
		return nil, err
	}
	db, err := u.DB(ctx, v)
	if err != nil {
		return nil, err
	}
	return resources.Select(of, db.Names()), nil
}
