// Package transaction brings packages to how they are declared, in as few transactions of their package manager as that takes.
package transaction

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

// Part is one declaration in a transaction.
type Part struct {
	Want  Want
	Move  bool                                                           // packages differ, and not their marks alone
	Check func(ctx context.Context, v host.View) (resources.Diff, error) // says what still differs

	// What came of it.
	Err   error
	Notes []string

	steps []goal.Step
}

// Apply makes the transactions of m that its parts need, and leaves in each what came of it. Those with the same options go together; if that
// fails they are tried one by one. Which failed is read from the database, not from the manager's exit code.
func Apply(ctx context.Context, h host.Host, m *known.Manager, parts []*Part) {
	t := transactor{m}
	s := &manager.Session{Host: h}
	t.prepare(ctx, s, parts)
	var batches []string
	byKey := map[string][]*Part{}
	for _, part := range parts {
		part.Notes = append(part.Notes, s.Notes...)
		if part.Err != nil {
			continue
		}
		key := fmt.Sprintf("%q %t %t", part.Want.Options, part.Want.Replace, part.Want.NoStart)
		if byKey[key] == nil {
			batches = append(batches, key)
		}
		byKey[key] = append(byKey[key], part)
	}
	for _, key := range batches {
		t.commit(ctx, h, byKey[key])
	}
}

// fileThere is an error where the package file that is to be installed is not there. A check does not look for it: it may be what comes before that brings it.
func (p *Part) fileThere(v host.FileReader) error {
	if p.Want.File == "" || !slices.ContainsFunc(p.steps, func(st goal.Step) bool { return st.Install }) {
		return nil
	}
	_, st, err := host.Resolve(v, p.Want.File)
	if err == nil && st.Kind == host.Absent {
		err = fmt.Errorf("%s: does not exist", p.Want.File)
	}
	if err != nil {
		return &resources.AttrError{Attr: "source", Err: err}
	}
	return nil
}

// transactor makes the transactions of a manager.
type transactor struct{ *known.Manager }

// prepare fetches the metadata that are needed and settles what is to be done.
func (t transactor) prepare(ctx context.Context, s *manager.Session, parts []*Part) {
	resolve := func() (unknown bool) {
		for _, part := range parts {
			if part.Err != nil {
				continue
			}
			part.steps, part.Err = part.Want.Steps(ctx, s, t.Manager)
			for _, st := range part.steps {
				unknown = unknown || st.Unknown
				part.Err = errors.Join(part.Err, st.Err)
			}
			if part.Err == nil {
				part.Err = part.fileThere(s)
			}
		}
		return unknown
	}
	fail := func(err error, which func(goal.Step) bool) {
		for _, part := range parts {
			if part.Err == nil && slices.ContainsFunc(part.steps, which) {
				part.Err = err
			}
		}
	}
	if slices.ContainsFunc(parts, func(part *Part) bool { return part.Move && part.Want.Goal.Wanted() }) {
		if err := t.Refresh(ctx, s, false); err != nil {
			resolve()
			fail(fmt.Errorf("package lists: %w", err), func(st goal.Step) bool { return st.Install })
			return
		}
		if s.Ran > 0 {
			t.Forget()
		}
	}
	if !resolve() {
		return
	}
	rerr := t.RefreshAll(ctx, s)
	if !resolve() {
		if rerr != nil {
			s.Note("package lists: %v", rerr)
		}
		return
	}
	for _, part := range parts {
		for _, st := range part.steps {
			if st.Unknown && part.Err == nil {
				part.Err = t.notOffered(ctx, s, part.Want, st, rerr)
			}
		}
	}
}

// notOffered says what is wrong with a package or a version that no repository has.
func (t transactor) notOffered(ctx context.Context, v host.View, w Want, st goal.Step, refresh error) error {
	offers, err := t.Offered(ctx, v, []string{st.Name}, false)
	if err != nil {
		return err
	}
	o, known := offers[st.Name]
	text := fmt.Sprintf("%s: no repository of this node has a package of that name", st.Name)
	if known && len(o.Versions) > 0 {
		text = fmt.Sprintf("%s: no repository of this node has a version %s; on offer: %s", st.Name, w.Goal.Ensure, manager.List(o.Versions))
	} else if known {
		text = fmt.Sprintf("%s: no repository of this node has a version of it", st.Name)
	}
	if refresh != nil {
		return fmt.Errorf("%s (package lists: %w)", text, refresh)
	}
	return errors.New(text)
}

// commit makes one transaction of parts with the same options, and one each if it fails.
func (t transactor) commit(ctx context.Context, h host.Host, parts []*Part) {
	notes, err := t.transact(ctx, h, parts)
	t.judge(ctx, h, parts, err, notes)
	if err == nil || len(parts) == 1 {
		return
	}
	for i, part := range parts {
		if part.Err == nil || ctx.Err() != nil {
			continue
		}
		one := parts[i : i+1]
		part.Err = nil
		if part.steps, part.Err = part.Want.Steps(ctx, h, t.Manager); part.Err != nil {
			continue
		}
		notes, err := t.transact(ctx, h, one)
		t.judge(ctx, h, one, err, notes)
	}
}

// transact changes the marks that are in the way, makes the transaction, and sets the marks that are declared.
func (t transactor) transact(ctx context.Context, h host.Host, parts []*Part) ([]string, error) {
	s := &manager.Session{Host: h}
	order := manager.Transaction{
		Options: parts[0].Want.Options, Replace: parts[0].Want.Replace, NoStart: parts[0].Want.NoStart,
	}
	var release, left []string
	for _, part := range parts {
		for _, st := range part.steps {
			if !st.Differs() || !part.Move {
				continue
			}
			if st.Have.Held {
				release = append(release, st.Have.HoldName())
			}
			switch {
			case len(st.Left) > 0:
				left = append(left, st.Left...)
			case st.Remove && part.Want.Goal.Ensure == goal.Purged:
				order.Purge = append(order.Purge, st.Name)
			case st.Remove:
				order.Remove = append(order.Remove, st.Name)
			default:
				target := manager.Target{Name: st.As, Version: st.Version, File: part.Want.File}
				if st.Have.Status >= manager.Broken {
					target.Have = st.Have.Version
				}
				order.Install = append(order.Install, target)
				order.Downgrade = order.Downgrade || st.GoesDown(t.Version)
			}
		}
	}
	var err error
	if len(release) > 0 {
		err = t.Hold(ctx, s, false, release)
	}
	if err == nil && len(order.Install)+len(order.Remove)+len(order.Purge) > 0 {
		err = t.Commit(ctx, s, order)
		t.Forget()
	}
	if err == nil && len(left) > 0 {
		err = t.clear(ctx, s, left)
	}
	merr := t.mark(ctx, s, parts)
	return s.Notes, errors.Join(err, merr)
}

// clear removes what earlier removals left.
func (t transactor) clear(ctx context.Context, s *manager.Session, files []string) error {
	defer t.Forget()
	for _, file := range files {
		if err := s.Remove(ctx, file, false); err != nil {
			return err
		}
	}
	return nil
}

// mark sets the marks that are declared, whatever became of the transaction.
func (t transactor) mark(ctx context.Context, s *manager.Session, parts []*Part) error {
	db, err := t.DB(ctx, s)
	if err != nil {
		return err
	}
	var on, off []string
	for _, part := range parts {
		for _, n := range part.Want.Names {
			pkg, _ := part.Want.Goal.Find(db, n)
			switch {
			case part.Want.Mark == Hold && !pkg.Held && pkg.Status >= manager.Broken:
				on = append(on, pkg.HoldName())
			case part.Want.Mark == None && pkg.Held:
				off = append(off, pkg.HoldName())
			}
		}
	}
	var errs []error
	if len(on) > 0 {
		errs = append(errs, t.Hold(ctx, s, true, on))
	}
	if len(off) > 0 {
		errs = append(errs, t.Hold(ctx, s, false, off))
	}
	if len(on)+len(off) > 0 {
		t.Forget()
	}
	return errors.Join(errs...)
}

// judge gives each part its verdict by what the database says now.
func (t transactor) judge(ctx context.Context, h host.Host, parts []*Part, err error, notes []string) {
	for _, part := range parts {
		part.Notes = append(part.Notes, notes...)
		if err != nil && ctx.Err() != nil {
			part.Err = err
			continue
		}
		d, cerr := part.Check(ctx, h)
		switch {
		case cerr != nil && err != nil:
			part.Err = errors.Join(err, cerr)
		case cerr != nil:
			part.Err = cerr
		case !d.Empty() && err != nil:
			part.Err = err
		case !d.Empty():
			part.Err = fmt.Errorf("after the transaction: %s is still %s, not %s", d.Changes[0].Attr, d.Changes[0].From, d.Changes[0].To)
		case err != nil:
			part.Notes = append(part.Notes, t.blame(ctx, h, part.Want, err))
		}
	}
}

// blame is the note about a transaction that failed although the packages of w are as declared.
func (t transactor) blame(ctx context.Context, h host.Host, w Want, err error) string {
	db, rerr := t.DB(ctx, h)
	if rerr != nil {
		return err.Error()
	}
	others := slices.DeleteFunc(db.BrokenNames(), func(n string) bool { return slices.Contains(w.Names, n) })
	if len(others) == 0 {
		return err.Error()
	}
	return fmt.Sprintf("another package failed: %s is not configured: %s", manager.List(others), strings.TrimSpace(err.Error()))
}
