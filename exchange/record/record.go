// Package record is what nodes write into an exchange: facts, who they are, and what their runs do.
//
// What other nodes wrote is data that may be hostile: every record is bounded in size and depth, has no key twice, is valid
// UTF-8, and is decoded into these types alone.
package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/nodeapply/apply/exchange/name"
	"github.com/nodeapply/apply/exchange/store"
)

// Status of a fact.
type Status string

// A fact is there (ok), will not come because what it requires failed (failed), or was withdrawn (removed).
const (
	OK      Status = "ok"
	Failed  Status = "failed"
	Removed Status = "removed"
)

// Fact is a value that a node exports.
type Fact struct {
	Status Status          `json:"status"`
	Value  json.RawMessage `json:"value,omitempty"`
	Reason string          `json:"reason,omitempty"` // failed: the resource and what it said
	Run    string          `json:"run,omitempty"`
	Commit string          `json:"commit,omitempty"`
	Boot   string          `json:"boot,omitempty"` // of the node when it exported; another one makes the fact stale
	TTL    time.Duration   `json:"ttl,omitempty"`
}

// Node is who a node says it is.
type Node struct {
	Groups  []string `json:"groups,omitempty"`
	Boot    string   `json:"boot,omitempty"`
	Machine string   `json:"machine,omitempty"`
	Address string   `json:"address,omitempty"` // free text for people: host name, address
}

// Run is what a node's run does, and what it will still do.
type Run struct {
	ID      string   `json:"id"`
	Boot    string   `json:"boot,omitempty"`
	Machine string   `json:"machine,omitempty"`
	Address string   `json:"address,omitempty"`
	Ended   bool     `json:"ended,omitempty"`
	Exports []Export `json:"exports,omitempty"` // each once: what stands from this run has come; ended: those that have come and go by themselves
	Blocks  []Block  `json:"blocks,omitempty"`  // not over yet
	Waits   []Wait   `json:"waits,omitempty"`   // not over yet
	Doing   string   `json:"doing,omitempty"`   // for people
	Failed  string   `json:"failed,omitempty"`  // ended: the first resource that failed
}

// Export is a fact that a run exports once the waits that hold it back are over.
type Export struct {
	Fact   string        `json:"fact"`
	Behind []string      `json:"behind,omitempty"` // names of waits of the same run
	TTL    time.Duration `json:"ttl,omitempty"`    // it has come, and goes by itself after that time
}

// Block exports facts of which only the run tells the names.
type Block struct {
	Address string   `json:"address"`
	Behind  []string `json:"behind,omitempty"` // as of an Export
	Failed  string   `json:"failed,omitempty"` // why nothing comes of it
}

// Wait is one wait of a run: its own specification, and the waits of the same run that come before it.
type Wait struct {
	Name   string          `json:"name"`
	Fact   string          `json:"fact"`
	Group  string          `json:"group,omitempty"`
	Nodes  []string        `json:"nodes,omitempty"`
	Min    int             `json:"min,omitempty"`
	Equals json.RawMessage `json:"equals,omitempty"` // nil: any value that is not false or null
	Active bool            `json:"active,omitempty"` // being waited for now
	Behind []string        `json:"behind,omitempty"`
}

// Param is a value that an orchestrator hands to the nodes.
type Param struct {
	Value json.RawMessage `json:"value"`
}

// Limit is a node's place in a limit.
type Limit struct {
	Run string `json:"run"`
	Max int    `json:"max"`
}

// Bounds.
const (
	MaxValue  = 64 << 10 // bytes of a fact's value as JSON
	maxDepth  = 32       // lists and objects inside each other in a value
	maxRecord = MaxValue + 8<<10
	MaxRun    = 512 << 10 // bytes of a run's record: its exports and waits may be thousands
	maxText   = 4 << 10   // a reason, what a run is doing
)

// JSON writes a value or a record as it is meant: what matters to a page of HTML alone is not escaped, which would make six bytes of one.
func JSON(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// Encode writes a record, and refuses what no reader would take.
func Encode(k name.Key, rec any) ([]byte, error) {
	b, err := JSON(rec)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", k, store.ErrRefused, err)
	}
	if _, err := Decode(k, b); err != nil {
		return nil, err
	}
	return b, nil
}

// CheckValue tells whether a value may be exported: bounded JSON of one value, no object key twice.
func CheckValue(v json.RawMessage) error { return scan(v, MaxValue, maxDepth) }

// Decode reads the record of a key into *Fact, *Node, *Run, *Param or *Limit. Errors are store.ErrRefused.
func Decode(k name.Key, b []byte) (any, error) {
	v, err := decode(k, b)
	if err != nil {
		return nil, fmt.Errorf("%s: record: %w: %w", k, store.ErrRefused, err)
	}
	return v, nil
}

func decode(k name.Key, b []byte) (any, error) {
	most := maxRecord
	if k.Kind == name.KindRun {
		most = MaxRun
	}
	if err := scan(b, most, maxDepth+1); err != nil {
		return nil, err
	}
	var v interface{ check() error }
	switch k.Kind {
	case name.KindFact:
		v = &Fact{}
	case name.KindNode:
		v = &Node{}
	case name.KindRun:
		v = &Run{}
	case name.KindParam:
		v = &Param{}
	case name.KindLimit:
		v = &Limit{}
	}
	// A field that is not known is passed over: nodes of one fleet may be of several versions.
	if err := json.Unmarshal(b, v); err != nil {
		return nil, err
	}
	return v, v.check()
}

func (f *Fact) check() error {
	switch f.Status {
	case OK:
		if f.Value == nil {
			return fmt.Errorf("status ok without a value")
		}
		if len(f.Value) > MaxValue { // its form was checked with the record's
			return fmt.Errorf("value of %d bytes (at most %d)", len(f.Value), MaxValue)
		}
		return nil
	case Failed, Removed:
		if f.Value != nil {
			return fmt.Errorf("status %s with a value", f.Status)
		}
		return short(f.Reason)
	}
	return fmt.Errorf("status %.20q", f.Status)
}

func (n *Node) check() error {
	for _, g := range n.Groups {
		if err := name.Group(g); err != nil {
			return err
		}
	}
	return short(n.Boot, n.Machine, n.Address)
}

func (r *Run) check() error {
	for _, e := range r.Exports {
		if err := name.Fact(e.Fact); err != nil {
			return err
		}
	}
	for _, b := range r.Blocks {
		if err := short(b.Address, b.Failed); err != nil {
			return err
		}
	}
	for _, w := range r.Waits {
		if err := w.Check(); err != nil {
			return err
		}
	}
	return short(r.ID, r.Boot, r.Machine, r.Address, r.Doing, r.Failed)
}

func (p *Param) check() error { return CheckValue(p.Value) }

func (l *Limit) check() error {
	if l.Max < 1 {
		return fmt.Errorf("limit of %d", l.Max)
	}
	return short(l.Run)
}

// Short cuts a text for people to what a record takes, so that many of them are read in a moment.
func Short(s string) string {
	const most = 1 << 10
	if len(s) > most {
		s = s[:most] + "..."
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

func short(texts ...string) error {
	for _, s := range texts {
		if len(s) > maxText {
			return fmt.Errorf("text of %d bytes (at most %d)", len(s), maxText)
		}
	}
	return nil
}
