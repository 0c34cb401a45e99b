// Package since tells whether what a run left is there still: at a name, and of the states that types keep themselves. Where a later run has changed it and
// was undone, what is at the name is another file with the same content; where an undo of the run itself failed, the state is as that left it.
package since

import (
	"sync"
	"time"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/journal/internal/image"
	"github.com/nodeapply/apply/journal/internal/record"
)

// Changed is why an undo refuses what is not as the run left it.
const Changed = "it has changed since"

// Run is a run whose changes are to be undone.
type Run struct {
	end   time.Time // of the run's journal
	later func() ([]laterRun, error)
}

// laterRun is what a later run did where it changed something, by name.
type laterRun struct {
	found map[string]image.Image
	half  map[string]*record.Op // of an undo of this run that died: what it was at
	end   time.Time
}

// Of returns run id, whose journal ends at end. Other journals are read when they are needed.
func Of(journals record.Folder, id string, end time.Time) *Run {
	return &Run{end, sync.OnceValues(func() ([]laterRun, error) { return foundAfter(journals, id) })}
}

// foundAfter reads what the runs after run id found where they changed something.
func foundAfter(journals record.Folder, id string) (all []laterRun, err error) {
	ids, err := journals.After(id)
	if err != nil {
		return nil, err
	}
	for _, other := range ids {
		p, _, err := journals.Read(other)
		if err != nil {
			return nil, err
		}
		l := laterRun{map[string]image.Image{}, map[string]*record.Op{}, p.End}
		for _, st := range p.Ops {
			if st.Op == nil || st.Op.Pre == nil {
				continue
			}
			if p.Head.Undoes == id && st.After == nil {
				l.half[string(st.Op.Name)] = st.Op
			}
			img, again := l.found[string(st.Op.Name)]
			if !again {
				img = *st.Op.Pre
			} else if img.Sum == "" { // first its mode was changed, then its content
				img.Sum, img.Missing = st.Op.Pre.Sum, st.Op.Pre.Missing
			}
			l.found[string(st.Op.Name)] = img
		}
		all = append(all, l)
	}
	return all, nil
}

// Refuses says why what is at the name of a step cannot be told from what others have made of it, "" if it is what the run left.
func (r *Run) Refuses(v host.View, st record.Step, now image.Trace) (string, error) {
	name := string(st.Op.Name)
	is, err := v.Lstat(name)
	if err != nil && st.After == nil {
		return "", err
	}
	why, left := Changed, st.After != nil && now.Same(*st.After)
	if st.After == nil {
		why, left = "the run died in the middle of it, and it may have changed since", died(r.end, st.Op, now.Kind, is.Changed)
	}
	if left {
		return "", nil
	}
	later, err := r.later()
	if err != nil {
		return "", err
	}
	for _, l := range later {
		img, ok := l.found[name]
		switch {
		case !ok, st.After != nil && !img.Was(*st.After), st.After == nil && !died(r.end, st.Op, img.Kind, img.Changed):
			continue
		}
		if op := l.half[name]; op != nil && died(l.end, op, now.Kind, is.Changed) {
			return "", nil
		}
		if again, err := img.Again(v, name, now); err != nil || again {
			return "", err
		}
	}
	return why, nil
}

// atOnce is how long after its last record a run that dies may still do what that announces. What takes longer is refused.
const atOnce = time.Second

// died says whether what was at a name, of a kind and last changed at a time, is what a run left there that died before it could say so: nothing has changed
// it since the run's last record, at end.
func died(end time.Time, op *record.Op, kind string, changed time.Time) bool {
	switch {
	case kind == host.Absent.String():
		return op.Kind == string(host.OpRemove)
	case kind == host.Directory.String() && op.Pre.Kind == host.Absent.String():
		return true // it stays where somebody else has put something into it
	}
	return !changed.IsZero() && !changed.After(end.Add(atOnce))
}
