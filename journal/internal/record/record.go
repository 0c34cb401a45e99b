// Package record is the journals of runs: the records that announce what a run is about to change, how they are written, and what is read of them
// after the run.
package record

import (
	"encoding/json"
	"time"

	"github.com/nodeapply/apply/journal/internal/image"
	"github.com/nodeapply/apply/resources"
)

// Record is one line of a run's journal. Exactly one part is set.
type Record struct {
	Run     *Run     `json:"run,omitempty"`
	Begin   *Begin   `json:"begin,omitempty"`
	Op      *Op      `json:"op,omitempty"`
	Ended   *Ended   `json:"ended,omitempty"`
	Divided *Divided `json:"divided,omitempty"`
	Settled *Settled `json:"settled,omitempty"`
	Closed  *Closed  `json:"closed,omitempty"`
}

// Run is the first line: whose journal it is, and what earlier runs still owe, so that only the newest journal has to be read.
type Run struct {
	Version int       `json:"version"`
	ID      string    `json:"id"`
	Started time.Time `json:"started"`
	Token   string    `json:"token"` // in the names of the run's temporary files
	Undoes  string    `json:"undoes,omitempty"`
	// Manifest is the source of the run's manifest, "" where that is not known; versions that did not know it wrote none.
	Manifest string `json:"manifest,omitempty"`
	Owed     []Debt `json:"owed,omitempty"`
}

// Debt is one refresh that is owed.
type Debt struct {
	Target Address   `json:"target"`
	Source Address   `json:"source"`
	Since  time.Time `json:"since"`
	Of     string    `json:"of,omitempty"`   // the manifest of the run that left it, "" where that is not known
	Paid   []string  `json:"paid,omitempty"` // other manifests whose runs delivered it, and what they declare the target as

	Own bool `json:"-"` // of the run that goes on, which pays it itself, or of the one whose journal is read
}

// Begin announces that a resource is about to be changed.
type Begin struct {
	Addr   Address         `json:"addr"`
	Owes   []Address       `json:"owes,omitempty"`
	Before json.RawMessage `json:"before,omitempty"` // for the type's Restore
	// Irreversible says that the type itself calls the change so.
	Irreversible bool `json:"irreversible,omitempty"`
}

// Restorable says that the type has something to restore.
func (b *Begin) Restorable() bool { return len(b.Before) > 0 && string(b.Before) != "null" }

// Op announces one change of the node.
type Op struct {
	Addr Address      `json:"addr"`
	Kind string       `json:"kind"`
	Name []byte       `json:"name"`           // bytes: file names need not be UTF-8
	Verb string       `json:"verb,omitempty"` // of a unit; versions that did not know it ran without
	Pre  *image.Image `json:"pre,omitempty"`
}

// Ended says how the files that a resource changed were left, or at the end of the run the state that its type keeps itself, so that an undo sees what has
// changed since. Of states that other resources of the run may have changed after it, only the end of the run tells.
type Ended struct {
	Addr  Address         `json:"addr"`
	Files []image.Trace   `json:"files,omitempty"`
	State json.RawMessage `json:"state,omitempty"` // as Begin.Before; versions that did not know it ran without
	// Spared are owed nothing by the resource: of what it began nothing has changed. To versions that did not know it they are owed it still.
	Spared []Address `json:"spared,omitempty"`
}

// Divided says what a target has become, or a part of it, and that each of these is owed what the target is, which is then struck out.
type Divided struct {
	Target Address   `json:"target"`
	As     string    `json:"as,omitempty"` // as in Settled
	Into   []Address `json:"into,omitempty"`
}

// Settled strikes out what is owed to a target, see [Debts.Settle].
type Settled struct {
	Target Address `json:"target"`
	As     string  `json:"as,omitempty"` // what the run's manifest declares it as
}

// Closed is the last line of a run that came to its end: all that it began it has ended, and this is still owed.
type Closed struct {
	Owed []Debt `json:"owed,omitempty"`
}

// Address is a resources.Address that is read back as it was written.
type Address struct {
	Module   string `json:"m,omitempty"`
	Type     string `json:"t"`
	Title    []byte `json:"n"` // bytes: titles need not be UTF-8
	Instance string `json:"i,omitempty"`
}

// AddressesOf are how they are written.
func AddressesOf(all []resources.Address) []Address {
	out := make([]Address, len(all))
	for i, a := range all {
		out[i] = AddressOf(a)
	}
	return out
}

// AddressOf is how a is written.
func AddressOf(a resources.Address) Address {
	return Address{a.Module, a.Type, []byte(a.Title), a.Instance}
}

// Address is what a was written for.
func (a Address) Address() resources.Address {
	return resources.Address{Module: a.Module, Type: a.Type, Title: string(a.Title), Instance: a.Instance}
}

func (a Address) is(b Address) bool { return a.Address() == b.Address() }

// version is that of the format. A journal of a newer one is set aside like a broken one.
const version = 1
