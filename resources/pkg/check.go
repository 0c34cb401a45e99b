package pkg

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/pkg/goal"
	"github.com/nodeapply/apply/resources/pkg/manager"
	"github.com/nodeapply/apply/resources/pkg/transaction"
)

// Check compares the packages with the database.
func (p *Package) Check(ctx context.Context, v host.View) (resources.Diff, error) {
	m, err := p.run.Manager(v, p.Provider)
	if err != nil {
		return resources.Diff{}, err
	}
	steps, err := p.want().Steps(ctx, v, m)
	if err != nil {
		return resources.Diff{}, err
	}
	d := resources.Diff{Notes: slices.Clone(p.notes)}
	p.versions = map[string]string{}
	var from, to, moved []string
	var marks []string
	var errs []error
	for _, s := range steps {
		if s.Err != nil {
			errs = append(errs, s.Err)
		}
		if s.Have.Status == manager.Installed {
			p.versions[s.Name] = s.Have.Version
		}
		if s.Note != "" {
			d.Notes = append(d.Notes, s.Note)
		}
		if s.Differs() {
			moved = append(moved, s.Name)
			from, to = append(from, p.label(s.Name, s.From())), append(to, p.label(s.Name, s.To))
		}
		if p.Mark != "" && s.Have.Held != (p.Mark == transaction.Hold) {
			marks = append(marks, s.Name)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return resources.Diff{Notes: d.Notes}, err
	}
	if len(from) > 0 {
		p.moved = moved
		d.Spreads = true
		purged := p.goal().Ensure == goal.Purged // with the configuration, of which nothing is kept
		d.Changes = append(d.Changes, resources.Change{Attr: "ensure", From: strings.Join(from, ", "), To: strings.Join(to, ", "), Irreversible: purged})
	}
	if len(marks) > 0 {
		was := map[string]string{transaction.Hold: transaction.None, transaction.None: transaction.Hold}[p.Mark]
		d.Changes = append(d.Changes, resources.Change{Attr: "mark", From: p.labels(marks, was), To: p.labels(marks, p.Mark)})
	}
	return d, nil
}

// Done puts the versions that were installed in the place of what was known of them before, and adds what happened on the way.
func (p *Package) Done(found resources.Diff) resources.Diff {
	found.Notes = slices.DeleteFunc(slices.Clone(found.Notes), func(n string) bool { return strings.HasSuffix(n, goal.LateNote) })
	for _, n := range p.notes {
		if !slices.Contains(found.Notes, n) {
			found.Notes = append(found.Notes, n)
		}
	}
	if !p.goal().Wanted() {
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
