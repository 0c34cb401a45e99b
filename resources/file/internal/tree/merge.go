package tree

import (
	"fmt"
	"iter"
)

// entry is a name of the folder, of its source, or of both.
type entry struct {
	name     string
	inSource bool
}

// entries merges the names of the folder and of its source, both in lexical order.
func (t *walk) entries(l level) iter.Seq2[entry, error] {
	names := func(folder string, none bool) (func() (string, error, bool), func()) {
		if none {
			return func() (string, error, bool) { return "", nil, false }, func() {}
		}
		return iter.Pull2(t.View.ReadDir(folder))
	}
	return func(yield func(entry, error) bool) {
		nextSource, stopSource := names(l.source, l.source == "")
		defer stopSource()
		nextHere, stopHere := names(l.folder, l.missing)
		defer stopHere()
		source, sourceErr, inSource := nextSource()
		here, hereErr, isHere := nextHere()
		for inSource || isHere {
			switch {
			case sourceErr != nil:
				yield(entry{}, fmt.Errorf("source: %s: %w", l.source, sourceErr))
				return
			case hereErr != nil:
				yield(entry{}, fmt.Errorf("%s: %w", l.folder, hereErr))
				return
			}
			e := entry{name: here}
			if inSource && (!isHere || source <= here) {
				e = entry{name: source, inSource: true}
			}
			both := inSource && isHere && source == here
			if !yield(e, nil) {
				return
			}
			if e.inSource {
				source, sourceErr, inSource = nextSource()
			}
			if !e.inSource || both {
				here, hereErr, isHere = nextHere()
			}
		}
	}
}
