package pkg

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/pkg/goal"
	"github.com/nodeapply/apply/resources/pkg/known"
	"github.com/nodeapply/apply/resources/pkg/manager"
)

// Apply installs, removes and marks as d says.
func (p *Package) Apply(ctx context.Context, h host.Host, d resources.Diff) error {
	return p.ApplyGroup(ctx, h, []resources.Member{{Resource: p, Diff: d}})[0]
}

// ApplyGroup applies several packages: those of one manager with the same options in one transaction. If that fails they are tried one
// by one. Who failed is read from the database, not from the manager's exit code.
func (p *Package) ApplyGroup(ctx context.Context, h host.Host, members []resources.Member) []error {
	errs := make([]error, len(members))
	groups := map[*known.Manager][]*part{}
	var order []*known.Manager
	for i, m := range members {
		q, ok := m.Resource.(*Package)
		if !ok {
			errs[i] = fmt.Errorf("not a package: %T", m.Resource)
			continue
		}
		u, err := q.run.Manager(h, q.Provider)
		if err != nil {
			errs[i] = err
			continue
		}
		if groups[u] == nil {
			order = append(order, u)
		}
		groups[u] = append(groups[u], &part{p: q, d: m.Diff, err: &errs[i]})
	}
	for _, u := range order {
		transactor{u}.apply(ctx, h, groups[u])
	}
	return errs
}

// transactor makes the transactions of a manager.
type transactor struct{ *known.Manager }

// part is one resource in a transaction.
type part struct {
	p     *Package
	d     resources.Diff
	steps []goal.Step
	err   *error
}

// apply applies the parts, and leaves each one's error in it.
func (u transactor) apply(ctx context.Context, h host.Host, parts []*part) {
	s := &manager.Session{Host: h}
	u.prepare(ctx, s, parts)
	var batches []string
	byKey := map[string][]*part{}
	for _, part := range parts {
		part.p.notes = append(part.p.notes, s.Notes...)
		if *part.err != nil {
			continue
		}
		key := fmt.Sprintf("%q %s %t", part.p.InstallOptions, part.p.Configfiles, part.p.Autostart)
		if byKey[key] == nil {
			batches = append(batches, key)
		}
		byKey[key] = append(byKey[key], part)
	}
	for _, key := range batches {
		u.commit(ctx, h, byKey[key])
	}
}

// prepare fetches the metadata that are needed and settles what is to be done.
func (u transactor) prepare(ctx context.Context, s *manager.Session, parts []*part) {
	resolve := func() (unknown bool) {
		for _, part := range parts {
			if *part.err != nil {
				continue
			}
			part.steps, *part.err = part.p.steps(ctx, s, u.Manager)
			for _, st := range part.steps {
				unknown = unknown || st.Unknown
				*part.err = errors.Join(*part.err, st.Err)
			}
		}
		return unknown
	}
	fail := func(err error, which func(goal.Step) bool) {
		for _, part := range parts {
			if *part.err == nil && slices.ContainsFunc(part.steps, which) {
				*part.err = err
			}
		}
	}
	if slices.ContainsFunc(parts, func(part *part) bool { return part.d.Has("ensure") && part.p.goal().Wanted() }) {
		if err := u.Refresh(ctx, s, false); err != nil {
			resolve()
			fail(fmt.Errorf("package lists: %w", err), func(st goal.Step) bool { return st.Install })
			return
		}
		if s.Ran > 0 {
			u.Forget()
		}
	}
	if !resolve() {
		return
	}
	rerr := u.RefreshAll(ctx, s)
	if !resolve() {
		if rerr != nil {
			s.Note("package lists: %v", rerr)
		}
		return
	}
	for _, part := range parts {
		for _, st := range part.steps {
			if st.Unknown && *part.err == nil {
				*part.err = u.notOffered(ctx, s, part.p, st, rerr)
			}
		}
	}
}

// notOffered says what is wrong with a package or a version that no repository has.
func (u transactor) notOffered(ctx context.Context, v host.View, p *Package, st goal.Step, refresh error) error {
	offers, err := u.Offered(ctx, v, []string{st.Name}, false)
	if err != nil {
		return err
	}
	o, known := offers[st.Name]
	text := fmt.Sprintf("%s: no repository of this node has a package of that name", st.Name)
	if known && len(o.Versions) > 0 {
		text = fmt.Sprintf("%s: no repository of this node has a version %s; on offer: %s", st.Name, p.Ensure, manager.List(o.Versions))
	} else if known {
		text = fmt.Sprintf("%s: no repository of this node has a version of it", st.Name)
	}
	if refresh != nil {
		return fmt.Errorf("%s (package lists: %w)", text, refresh)
	}
	return errors.New(text)
}

// commit makes one transaction of parts with the same options, and one each if it fails.
func (u transactor) commit(ctx context.Context, h host.Host, parts []*part) {
	notes, err := u.transact(ctx, h, parts)
	u.judge(ctx, h, parts, err, notes)
	if err == nil || len(parts) == 1 {
		return
	}
	for i, part := range parts {
		if *part.err == nil || ctx.Err() != nil {
			continue
		}
		one := parts[i : i+1]
		*part.err = nil
		if part.steps, *part.err = part.p.steps(ctx, h, u.Manager); *part.err != nil {
			continue
		}
		notes, err := u.transact(ctx, h, one)
		u.judge(ctx, h, one, err, notes)
	}
}

// transact changes the marks that are in the way, makes the transaction, and sets the marks that are declared.
func (u transactor) transact(ctx context.Context, h host.Host, parts []*part) ([]string, error) {
	s := &manager.Session{Host: h}
	t := manager.Transaction{
		Options: parts[0].p.InstallOptions, Replace: parts[0].p.Configfiles == replace, NoStart: !parts[0].p.Autostart,
	}
	var release, left []string
	for _, part := range parts {
		for _, st := range part.steps {
			if !st.Differs() || !part.d.Has("ensure") {
				continue
			}
			if st.Have.Held {
				release = append(release, st.Have.Name)
			}
			switch {
			case len(st.Left) > 0:
				left = append(left, st.Left...)
			case st.Remove && part.p.Ensure == goal.Purged:
				t.Purge = append(t.Purge, st.Name)
			case st.Remove:
				t.Remove = append(t.Remove, st.Name)
			default:
				target := manager.Target{Name: st.As, Version: st.Version, File: part.p.Source}
				if st.Have.Status >= manager.Broken {
					target.Have = st.Have.Version
				}
				t.Install = append(t.Install, target)
				t.Downgrade = t.Downgrade || st.GoesDown(u.Version)
			}
		}
	}
	var err error
	if len(release) > 0 {
		err = u.Hold(ctx, s, false, release)
	}
	if err == nil && len(t.Install)+len(t.Remove)+len(t.Purge) > 0 {
		err = u.Commit(ctx, s, t)
		u.Forget()
	}
	if err == nil && len(left) > 0 {
		err = u.clear(ctx, s, left)
	}
	merr := u.mark(ctx, s, parts)
	return s.Notes, errors.Join(err, merr)
}

// clear removes what earlier removals left.
func (u transactor) clear(ctx context.Context, s *manager.Session, files []string) error {
	defer u.Forget()
	for _, file := range files {
		if err := s.Remove(ctx, file, false); err != nil {
			return err
		}
	}
	return nil
}

// mark sets the marks that are declared, whatever became of the transaction.
func (u transactor) mark(ctx context.Context, s *manager.Session, parts []*part) error {
	db, err := u.DB(ctx, s)
	if err != nil {
		return err
	}
	var on, off []string
	for _, part := range parts {
		for _, n := range part.p.Name {
			pkg, _ := part.p.goal().Find(db, n)
			switch {
			case part.p.Mark == hold && !pkg.Held && pkg.Status >= manager.Broken:
				on = append(on, pkg.Name)
			case part.p.Mark == none && pkg.Held:
				off = append(off, pkg.Name)
			}
		}
	}
	var errs []error
	if len(on) > 0 {
		errs = append(errs, u.Hold(ctx, s, true, on))
	}
	if len(off) > 0 {
		errs = append(errs, u.Hold(ctx, s, false, off))
	}
	if len(on)+len(off) > 0 {
		u.Forget()
	}
	return errors.Join(errs...)
}

// judge gives each part its verdict by what the database says now.
func (u transactor) judge(ctx context.Context, h host.Host, parts []*part, err error, notes []string) {
	for _, part := range parts {
		part.p.notes = append(part.p.notes, notes...)
		if err != nil && ctx.Err() != nil {
			*part.err = err
			continue
		}
		d, cerr := part.p.Check(ctx, h)
		switch {
		case cerr != nil && err != nil:
			*part.err = errors.Join(err, cerr)
		case cerr != nil:
			*part.err = cerr
		case !d.Empty() && err != nil:
			*part.err = err
		case !d.Empty():
			*part.err = fmt.Errorf("after the transaction: %s is still %s, not %s", d.Changes[0].Attr, d.Changes[0].From, d.Changes[0].To)
		case err != nil:
			part.p.notes = append(part.p.notes, u.blame(ctx, h, part.p, err))
		}
	}
}

// blame is the note about a transaction that failed although the packages of p are as declared.
func (u transactor) blame(ctx context.Context, h host.Host, p *Package, err error) string {
	db, rerr := u.DB(ctx, h)
	if rerr != nil {
		return err.Error()
	}
	others := slices.DeleteFunc(db.BrokenNames(), func(n string) bool { return slices.Contains(p.Name, n) })
	if len(others) == 0 {
		return err.Error()
	}
	return fmt.Sprintf("another package failed: %s is not configured: %s", manager.List(others), strings.TrimSpace(err.Error()))
}
