package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/journal/internal/image"
	"github.com/nodeapply/apply/journal/internal/lines"
	"github.com/nodeapply/apply/resources"
)

const suffix = ".journal"

// past is what the journal of an earlier run says.
type past struct {
	head  runRecord
	owed  []debt // after the last record
	ops   []step
	named map[string][]int // the indices of ops that announce a change of a name
}

// step is one announced change, with how it was left.
type step struct {
	begin *beginRecord
	op    *opRecord
	after *image.Trace
}

// Journals lists the ids of the runs that changed something, the newest first.
func (s *State) Journals() ([]string, error) {
	names, err := filepath.Glob(filepath.Join(s.dir, "journal", "*"+suffix))
	if err != nil {
		return nil, err
	}
	for i, n := range names {
		names[i] = strings.TrimSuffix(filepath.Base(n), suffix)
	}
	slices.Sort(names)
	slices.Reverse(names)
	return names, nil
}

// recover reads the newest journal that has a whole first record. Damaged ones are told and set aside; of one whose end is torn, what is whole counts.
func (s *State) recover() (p past, warnings []string, err error) {
	p, err = s.newest(func(id string, p past, dmg *lines.Damage) error {
		name := filepath.Join(s.dir, "journal", id+suffix)
		var err error
		if dmg.Torn && p.head.ID != "" {
			warnings = append(warnings, fmt.Sprintf("journal of run %s: its end is torn (%v); cut off at byte %d, all before it counts", id, dmg.Err, dmg.Offset))
			err = os.Truncate(name, dmg.Offset)
		} else {
			warnings = append(warnings, fmt.Sprintf("journal of run %s: damaged (%v); set aside as %s.damaged, and this run goes on with what of it is whole", id, dmg.Err, filepath.Base(name)))
			err = os.Rename(name, name+".damaged")
		}
		return failed(err)
	})
	return p, warnings, err
}

// newest reads the newest journal that has a whole first record. Of damaged ones it tells damaged, whose error ends it.
func (s *State) newest(damaged func(id string, p past, dmg *lines.Damage) error) (past, error) {
	ids, err := s.Journals()
	if err != nil {
		return past{}, err
	}
	for _, id := range ids {
		if p, ok := s.closed(id); ok {
			return p, nil
		}
		p, dmg, err := s.read(id)
		if err == nil && dmg != nil {
			err = damaged(id, p, dmg)
		}
		if err != nil {
			return past{}, err
		}
		if p.head.ID != "" {
			return p, nil
		}
	}
	return past{}, nil
}

// closed reads the first and the last record of the journal of a run that came to its end, and checks the sums of all that are between:
// what a run has left tells the next one nothing else. Of any other journal it says no.
func (s *State) closed(id string) (past, bool) {
	f, err := lines.Open(filepath.Join(s.dir, "journal", id+suffix))
	if err != nil {
		return past{}, false
	}
	defer f.Close()
	var first, last []byte
	dmg, err := lines.Read(f, func(text []byte) error {
		if first == nil {
			first = text
		}
		last = text
		return nil
	})
	if dmg != nil || err != nil || first == nil {
		return past{}, false
	}
	var head, end record
	if json.Unmarshal(first, &head) != nil || json.Unmarshal(last, &end) != nil {
		return past{}, false
	}
	if head.Run == nil || head.Run.ID == "" || head.Run.Version > version || end.Closed == nil {
		return past{}, false
	}
	return past{head: *head.Run, owed: end.Closed.Owed}, true
}

// read reads the journal of one run, as far as it is whole.
func (s *State) read(id string) (past, *lines.Damage, error) {
	f, err := lines.Open(filepath.Join(s.dir, "journal", id+suffix))
	if errors.Is(err, fs.ErrNotExist) {
		return past{}, nil, fmt.Errorf("no run %s that changed something is on record; apply history lists the runs", id)
	}
	if errors.Is(err, lines.ErrNoFile) {
		return past{}, &lines.Damage{Err: err}, nil
	}
	if err != nil {
		return past{}, nil, fmt.Errorf("journal: %w", err)
	}
	defer f.Close()
	var p past
	dmg, err := decode(f, p.add)
	if err != nil {
		return past{}, nil, fmt.Errorf("journal: %w", err)
	}
	if dmg == nil && p.head.ID == "" {
		dmg = &lines.Damage{Torn: true, Err: errors.New("empty")}
	}
	return p, dmg, nil
}

// add takes in one record.
func (p *past) add(r record) error {
	switch {
	case r.Run != nil && p.head.ID == "":
		if r.Run.Version > version {
			return fmt.Errorf("written by a newer version (%d)", r.Run.Version)
		}
		p.head, p.owed = *r.Run, r.Run.Owed
	case p.head.ID == "":
		return errors.New("the first record is missing")
	case r.Begin != nil:
		p.ops = append(p.ops, step{begin: r.Begin})
		for _, target := range r.Begin.Owes {
			p.owed = append(p.owed, debt{Target: target, Source: r.Begin.Addr, Since: p.head.Started})
		}
	case r.Op != nil:
		if p.named == nil {
			p.named = map[string][]int{}
		}
		p.named[string(r.Op.Name)] = append(p.named[string(r.Op.Name)], len(p.ops))
		p.ops = append(p.ops, step{op: r.Op})
	case r.Ended != nil:
		p.ended(r.Ended)
	case r.Settled != nil:
		target := r.Settled.Target.address()
		p.owed = slices.DeleteFunc(slices.Clone(p.owed), func(d debt) bool { return d.Target.address() == target })
	}
	return nil
}

// ended notes on each file's steps how the resource left it.
func (p *past) ended(e *endedRecord) {
	for i := range e.Files {
		for _, n := range p.named[string(e.Files[i].Name)] {
			p.ops[n].after = &e.Files[i]
		}
	}
}

// touched tells of which resources a change of the node is announced. Those that a command changed together have it under one of their names.
func (p *past) touched() func(a resources.Address) bool {
	own, together := map[resources.Address]bool{}, map[string]bool{}
	for _, st := range p.ops {
		if st.op != nil {
			own[st.op.Addr.address()] = true
			together[st.op.Addr.Type] = together[st.op.Addr.Type] || st.op.Kind == string(host.OpRun)
		}
	}
	return func(a resources.Address) bool { return own[a] || together[a.Type] }
}

// changed says whether the run changed anything: not where all that it announced failed, and is still as it was before.
func (p *past) changed(v host.View) (bool, error) {
	for _, st := range p.ops {
		if st.op == nil {
			continue
		}
		switch host.OpKind(st.op.Kind) {
		case host.OpRun, host.OpUnit, host.OpPublish: // who knows
			return true, nil
		}
		if st.op.Pre == nil { // a name that an earlier record tells of
			continue
		}
		now, err := image.TraceOf(v, string(st.op.Name))
		if err != nil || st.after != nil && !now.Same(*st.after) {
			return true, err
		}
		if same, err := st.op.Pre.Is(v, string(st.op.Name)); err != nil || !same {
			return true, err
		}
	}
	return false, nil
}
