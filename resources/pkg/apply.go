package pkg

import (
	"context"
	"fmt"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/pkg/known"
	"github.com/nodeapply/apply/resources/pkg/transaction"
)

// want is how the packages should be.
func (p *Package) want() transaction.Want {
	return transaction.Want{
		Names: p.Name, Goal: p.goal(), Mark: p.Mark, File: p.Source,
		Options: p.InstallOptions, Replace: p.Configfiles == replace, NoStart: !p.Autostart,
	}
}

// Apply installs, removes and marks as d says.
func (p *Package) Apply(ctx context.Context, h host.Host, d resources.Diff) error {
	return p.ApplyGroup(ctx, h, []resources.Member{{Resource: p, Diff: d}})[0]
}

// ApplyGroup applies several packages, those of one manager in as few transactions as that takes.
func (p *Package) ApplyGroup(ctx context.Context, h host.Host, members []resources.Member) []error {
	errs := make([]error, len(members))
	parts := make([]*transaction.Part, len(members))
	groups := map[*known.Manager][]*transaction.Part{}
	var order []*known.Manager
	for i, member := range members {
		q, ok := member.Resource.(*Package)
		if !ok {
			errs[i] = fmt.Errorf("not a package: %T", member.Resource)
			continue
		}
		m, err := q.run.Manager(h, q.Provider)
		if err != nil {
			errs[i] = err
			continue
		}
		if groups[m] == nil {
			order = append(order, m)
		}
		parts[i] = &transaction.Part{Want: q.want(), Move: member.Diff.Has("ensure"), Check: q.Check}
		groups[m] = append(groups[m], parts[i])
	}
	for _, m := range order {
		transaction.Apply(ctx, h, m, groups[m])
	}
	for i, part := range parts {
		if part != nil {
			q := members[i].Resource.(*Package)
			q.notes, errs[i] = append(q.notes, part.Notes...), part.Err
		}
	}
	return errs
}
