package journal

import (
	"encoding/json"
	"time"

	"github.com/nodeapply/apply/journal/internal/image"
	"github.com/nodeapply/apply/resources"
)

// record is one line of a run's journal. Exactly one part is set.
type record struct {
	Run     *runRecord     `json:"run,omitempty"`
	Begin   *beginRecord   `json:"begin,omitempty"`
	Op      *opRecord      `json:"op,omitempty"`
	Ended   *endedRecord   `json:"ended,omitempty"`
	Settled *settledRecord `json:"settled,omitempty"`
	Closed  *closedRecord  `json:"closed,omitempty"`
}

// runRecord is the first line: whose journal it is, and what earlier runs still owe, so that only the newest journal has to be read.
type runRecord struct {
	Version int       `json:"version"`
	ID      string    `json:"id"`
	Started time.Time `json:"started"`
	Token   string    `json:"token"` // in the names of the run's temporary files
	Undoes  string    `json:"undoes,omitempty"`
	Owed    []debt    `json:"owed,omitempty"`
}

// debt is one refresh that is owed.
type debt struct {
	Target address   `json:"target"`
	Source address   `json:"source"`
	Since  time.Time `json:"since"`

	own bool // of this run, which pays it itself
}

// beginRecord announces that a resource is about to be changed.
type beginRecord struct {
	Addr   address         `json:"addr"`
	Owes   []address       `json:"owes,omitempty"`
	Before json.RawMessage `json:"before,omitempty"` // for the type's Restore
	// Irreversible says that the type itself calls the change so.
	Irreversible bool `json:"irreversible,omitempty"`
}

// opRecord announces one change of the node.
type opRecord struct {
	Addr address      `json:"addr"`
	Kind string       `json:"kind"`
	Name []byte       `json:"name"` // bytes: file names need not be UTF-8
	Pre  *image.Image `json:"pre,omitempty"`
}

// endedRecord says how the files that a resource changed were left, so that an undo sees what has changed since.
type endedRecord struct {
	Addr  address       `json:"addr"`
	Files []image.Trace `json:"files,omitempty"`
}

type settledRecord struct {
	Target address `json:"target"`
}

// closedRecord is the last line of a run that came to its end: all that it began it has ended, and this is still owed.
type closedRecord struct {
	Owed []debt `json:"owed,omitempty"`
}

// address is a resources.Address that is read back as it was written.
type address struct {
	Module   string `json:"m,omitempty"`
	Type     string `json:"t"`
	Title    []byte `json:"n"` // bytes: titles need not be UTF-8
	Instance string `json:"i,omitempty"`
}

func toAddress(a resources.Address) address {
	return address{a.Module, a.Type, []byte(a.Title), a.Instance}
}

func (a address) address() resources.Address {
	return resources.Address{Module: a.Module, Type: a.Type, Title: string(a.Title), Instance: a.Instance}
}

// version is that of the format. A journal of a newer one is set aside like a broken one.
const version = 1
