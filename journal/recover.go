package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

const suffix = ".journal"

// past is what the journal of an earlier run says.
type past struct {
	head runRecord
	owed []debt // after the last record
	ops  []step
}

// step is one announced change, with how it was left.
type step struct {
	begin *beginRecord
	op    *opRecord
	after *trace
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
func (s *State) recover() (past, []string, error) {
	var warnings []string
	ids, err := s.Journals()
	if err != nil {
		return past{}, nil, err
	}
	for _, id := range ids {
		p, dmg, err := s.read(id)
		if err != nil {
			return past{}, warnings, err
		}
		if dmg == nil {
			return p, warnings, nil
		}
		name := filepath.Join(s.dir, "journal", id+suffix)
		if dmg.torn && p.head.ID != "" {
			warnings = append(warnings, fmt.Sprintf("journal of run %s: its end is torn (%v); cut off at byte %d, all before it counts", id, dmg.err, dmg.offset))
			if err := os.Truncate(name, dmg.offset); err != nil {
				return past{}, warnings, fmt.Errorf("journal: %w", err)
			}
			return p, warnings, nil
		}
		warnings = append(warnings, fmt.Sprintf("journal of run %s: damaged (%v); set aside as %s.damaged, and this run goes on with what of it is whole", id, dmg.err, filepath.Base(name)))
		if err := os.Rename(name, name+".damaged"); err != nil {
			return past{}, warnings, fmt.Errorf("journal: %w", err)
		}
		if p.head.ID != "" {
			return p, warnings, nil
		}
	}
	return past{}, warnings, nil
}

// read reads the journal of one run, as far as it is whole.
func (s *State) read(id string) (past, *damage, error) {
	f, err := os.OpenFile(filepath.Join(s.dir, "journal", id+suffix), os.O_RDONLY|syscall.O_NONBLOCK, 0) // should a pipe be there
	if errors.Is(err, fs.ErrNotExist) {
		return past{}, nil, fmt.Errorf("no run %s that changed something is on record; apply history lists the runs", id)
	}
	if err != nil {
		return past{}, nil, fmt.Errorf("journal: %w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && !info.Mode().IsRegular() {
		return past{}, &damage{err: fmt.Errorf("not a file but %v", info.Mode())}, nil
	}
	var p past
	dmg, err := decode(f, p.add)
	if err != nil {
		return past{}, nil, fmt.Errorf("journal: %w", err)
	}
	if dmg == nil && p.head.ID == "" {
		dmg = &damage{torn: true, err: errors.New("empty")}
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
			p.owed = append(p.owed, debt{target, r.Begin.Addr, p.head.Started})
		}
	case r.Op != nil:
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
	left := make(map[string]*trace, len(e.Files))
	for i := range e.Files {
		left[string(e.Files[i].Name)] = &e.Files[i]
	}
	for i := range p.ops {
		if op := p.ops[i].op; op != nil && left[string(op.Name)] != nil {
			p.ops[i].after = left[string(op.Name)]
		}
	}
}
