package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"sync"
	"time"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/local"
	"github.com/nodeapply/apply/journal/internal/change"
	"github.com/nodeapply/apply/journal/internal/record"
	"github.com/nodeapply/apply/resources"
)

// Run records one run. Its file is made before the first change: a run that changes nothing writes nothing. It is the recorder that package engine wants, and may be used by several goroutines.
type Run struct {
	state *State
	of    Manifest
	head  record.Run
	files *change.Files

	mu     sync.Mutex
	log    *record.Log
	begun  bool
	owed   record.Debts
	states map[resources.Address]json.RawMessage
	failed error

	before record.Past // the newest run before this one
}

// Begin starts the record of a run, for the engine's Options.Recorder. The lock must be held. Id is of [State.NextID], token the node's
// (local.Node.Token), undoes the run that this one undoes, "" for none, of its manifest. Warnings tell what was wrong with what earlier runs left.
func (s *State) Begin(id, token, undoes string, of Manifest, now time.Time) (r *Run, warnings []string, err error) {
	aside, err := s.setAside()
	if err != nil {
		return nil, aside, err
	}
	last, warnings, err := s.journals.Recover()
	warnings = append(aside, warnings...)
	if err != nil {
		return nil, warnings, err
	}
	r = &Run{
		state: s, of: of, head: record.Run{ID: id, Started: now.UTC(), Token: token, Undoes: undoes, Manifest: of.Source},
		files: change.In(s.images), states: map[resources.Address]json.RawMessage{}, before: last,
	}
	r.head.Owed = last.Owed.List()
	r.owed = record.NewDebts(r.head.Owed)
	return r, warnings, nil
}

// Sweep ends the commands and removes the temporary files that the last run has left, if it died. Warnings tell of what could not be removed.
func (r *Run) Sweep(ctx context.Context, h *local.Node) (warnings []string) {
	h.Reap()
	dirs, token := r.leftovers()
	for _, dir := range dirs {
		if err := h.Sweep(ctx, dir, token); err != nil {
			warnings = append(warnings, fmt.Sprintf("temporary files of run that died: %v", err))
		}
	}
	return warnings
}

// leftovers returns the folders in which the last run, if it died, may have left temporary files, and the token in their names.
func (r *Run) leftovers() (dirs []string, token string) {
	known := map[string]bool{}
	for _, st := range r.before.Ops {
		if st.Op == nil || st.After != nil || st.Op.Pre == nil {
			continue
		}
		if dir := path.Dir(string(st.Op.Name)); !known[dir] {
			known[dir], dirs = true, append(dirs, dir)
		}
	}
	return dirs, r.before.Head.Token
}

// Owed lists the resources that changed in earlier runs and whose notify of target was not delivered.
func (r *Run) Owed(target resources.Address) []resources.Address {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.of.owed(r.owed, target)
}

// open makes the run's file at the first record.
func (r *Run) open() (*record.Log, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.log != nil || r.failed != nil {
		return r.log, r.failed
	}
	r.log, r.failed = r.state.journals.Create(r.head)
	return r.log, r.failed
}

// Begin records that a is about to be changed by d, or refreshed, whom it notifies, and what its type needs to restore what was before.
// The first one shows that the journal can be written; the others are on disk once an Op is.
func (r *Run) Begin(ctx context.Context, a resources.Address, d resources.Diff, owes []resources.Address, before json.RawMessage) error {
	l, err := r.open()
	if err != nil {
		return err
	}
	rec := record.Begin{Addr: record.AddressOf(a), Before: before}
	for _, c := range d.Changes {
		rec.Irreversible = rec.Irreversible || c.Irreversible
	}
	now := time.Now()
	r.mu.Lock()
	for _, target := range owes {
		rec.Owes = append(rec.Owes, record.AddressOf(target))
		r.owed.Owe(record.Debt{Target: record.AddressOf(target), Source: rec.Addr, Since: now, Of: r.of.Source, Own: true})
	}
	if _, known := r.states[a]; !known && rec.Restorable() {
		r.states[a] = before
	}
	first := !r.begun
	r.begun = true
	r.mu.Unlock()
	if first {
		return l.Append(ctx, record.Record{Begin: &rec})
	}
	return l.Queue(record.Record{Begin: &rec})
}

// Op records one change of the node, with what was there before.
func (r *Run) Op(ctx context.Context, a resources.Address, v host.View, op host.Op) error {
	l, err := r.open()
	if err != nil {
		return err
	}
	if op.Kind == host.OpRun || op.Kind == host.OpUnit || op.Kind == host.OpPublish {
		r.files.Beside(a)
		return l.Append(ctx, record.Record{Op: &record.Op{Addr: record.AddressOf(a), Kind: string(op.Kind), Name: []byte(op.Name), Verb: string(op.Verb)}})
	}
	return r.files.Announce(ctx, l, a, v, op)
}

// Ended records how the files that a changed were left, and that it owes spared nothing if nothing has changed of what it announced.
func (r *Run) Ended(_ context.Context, a resources.Address, v host.View, spared ...resources.Address) error {
	if len(spared) > 0 && r.files.Untouched(a, v) {
		if err := r.spare(a, spared); err != nil {
			return err
		}
	}
	return r.files.Ended(r.open, a, v)
}

// spare strikes out what source owes targets since it began.
func (r *Run) spare(source resources.Address, targets []resources.Address) error {
	all := record.AddressesOf(targets)
	r.mu.Lock()
	owed := r.owed.Spare(source, all)
	r.mu.Unlock()
	if !owed {
		return nil
	}
	l, err := r.open()
	if err != nil {
		return err
	}
	for some := range slices.Chunk(all, many) {
		if err := l.Later(record.Record{Ended: &record.Ended{Addr: record.AddressOf(source), Spared: some}}); err != nil {
			return err
		}
	}
	return nil
}

// many is how many resources one record tells of at most, so that it stays within lines.Max.
const many = 1024

// Divided strikes out what is owed to target, as Settled does, and notes it as owed to each of what target has become.
func (r *Run) Divided(_ context.Context, target resources.Address, into []resources.Address) error {
	all, as := record.AddressesOf(into), r.of.as(target)
	r.mu.Lock()
	r.owed.Divide(target, r.of.Source, as, all)
	owed := r.owed.Settle(target, r.of.Source, as)
	r.mu.Unlock()
	if !owed {
		return nil
	}
	l, err := r.open()
	if err != nil {
		return err
	}
	to := record.AddressOf(target)
	for some := range slices.Chunk(all, many) {
		if err := l.Queue(record.Record{Divided: &record.Divided{Target: to, As: as, Into: some}}); err != nil {
			return err
		}
	}
	return l.Queue(record.Record{Settled: &record.Settled{Target: to, As: as}}) // none of them is struck out before this is on disk
}

// Settled strikes out what is owed to target, as far as it is the manifest's, see [Manifest].
func (r *Run) Settled(ctx context.Context, target resources.Address) error {
	as := r.of.as(target)
	r.mu.Lock()
	owed := r.owed.Settle(target, r.of.Source, as)
	r.mu.Unlock()
	if !owed {
		return nil
	}
	l, err := r.open()
	if err != nil {
		return err
	}
	return l.Append(ctx, record.Record{Settled: &record.Settled{Target: record.AddressOf(target), As: as}})
}

// Leave ends the record of a run that did not come to its end: it is read as that of one that died.
func (r *Run) Leave() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.end()
	if l == nil {
		return nil
	}
	return l.Close()
}

// Close ends the record of a run that came to its end.
func (r *Run) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.end()
	if l == nil {
		return nil
	}
	if !r.files.Open() {
		// Without this record the next run has to read all of the journal: that it cannot be written is no failure.
		_ = l.Append(context.Background(), record.Record{Closed: &record.Closed{Owed: r.owed.List()}})
	}
	return l.Close()
}

// end returns the log, into which nobody else writes any more; nil where none was begun, or it was ended before.
func (r *Run) end() *record.Log {
	l := r.log
	if l != nil {
		r.log, r.failed = nil, errors.New("journal: closed")
	}
	return l
}
