// Package report holds what a run did, or a plan would do: one Result for each resource, and the Report of them all. Printers turn the same
// values into text, JSON lines, JUnit, a Prometheus text file or a page; the exit code is a pure function of the report. The printers are the folders
// below: those that print while a run goes on are [Events], the others take a whole Report.
package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nodeapply/apply/report/scrub"
	"github.com/nodeapply/apply/resources"
)

// Outcome says how a resource ended.
type Outcome string

// The outcomes. A plan's outcomes are Pending where a run would change or refresh.
const (
	Unchanged Outcome = "unchanged"
	Changed   Outcome = "changed"
	Refreshed Outcome = "refreshed"
	Pending   Outcome = "pending"
	Skipped   Outcome = "skipped"
	Failed    Outcome = "failed"
)

// Mode says whether a report is of a run or of a plan.
type Mode string

// The modes.
const (
	Converge Mode = "converge"
	Plan     Mode = "plan"
)

// How sure a plan is of a result. CertaintyAfter is followed by an address.
const (
	Exact          = "exact"
	CertaintyAfter = "after "
	KnownLate      = "known late"
	Opaque         = "opaque"
)

// Change is one attribute that differed. Sensitive values are replaced already.
type Change struct {
	Attribute string `json:"attribute"`
	Before    string `json:"before"`
	After     string `json:"after"`
	Diff      string `json:"diff,omitempty"` // unified, of contents
	// Hidden is a hash of the change where its values are sensitive: only saved plans have it.
	Hidden string `json:"-"`
}

// Error is why a resource failed. To errors.Is and errors.As it is what the run came upon (fs.ErrPermission, a *resources.CommandError), where it was not read
// from JSON.
type Error struct {
	Summary string `json:"summary"`          // one line
	Detail  string `json:"detail,omitempty"` // the last lines of output, what to do
	Pos     string `json:"pos,omitempty"`    // FILE:LINE,COLUMN-COLUMN of the attribute or block
	Err     error  `json:"-"`                // what the run came upon; nil if read from JSON. Its text may hold sensitive values, Summary does not
}

// Error is the summary.
func (e *Error) Error() string { return e.Summary }

// Unwrap returns Err; nil of no error.
func (e *Error) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// Result is how one resource ended. Its JSON keys are a promise.
type Result struct {
	Address    resources.Address `json:"address"`
	Type       string            `json:"type"`
	Title      string            `json:"title"`
	Pos        string            `json:"pos"` // FILE:LINE
	Outcome    Outcome           `json:"outcome"`
	Changes    []Change          `json:"changes,omitempty"`
	Refreshed  bool              `json:"refreshed"`
	Certainty  string            `json:"certainty,omitempty"`
	Reversible bool              `json:"reversible"`
	Drift      bool              `json:"drift,omitempty"`
	Noop       bool              `json:"noop,omitempty"`
	Because    string            `json:"because,omitempty"` // of a skipped one: the address that failed
	Reason     string            `json:"reason,omitempty"`  // why nothing was done: a guard, a refresh that did nothing
	NotifiedBy []string          `json:"notified_by,omitempty"`
	Error      *Error            `json:"error,omitempty"`
	Warnings   []string          `json:"warnings,omitempty"`
	StartMS    float64           `json:"start_ms"` // since the start of the run
	DurationMS float64           `json:"duration_ms"`
	// Begun says that the run set about changing or refreshing it: a failed one may have left something.
	Begun bool `json:"-"`
}

// Output is one output of the root module.
type Output struct {
	Name      string `json:"name"`
	Value     any    `json:"value"`
	Sensitive bool   `json:"sensitive,omitempty"`
	// Unknown says that the run, or a plan, does not give the value: in its place is why.
	Unknown bool `json:"unknown,omitempty"`
	// Plain says that marks have followed all that the value is made of, nonsensitive() included: it is shown as it is.
	Plain bool `json:"-"`
}

// MarshalJSON writes the output, without its value where that is sensitive.
func (o Output) MarshalJSON() ([]byte, error) {
	if o.Sensitive {
		o.Value = scrub.Hidden
	}
	type plain Output
	return JSON(plain(o))
}

// JSON is a value on one line, as all that is printed has it: with <, > and & as they are.
func JSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// UnmarshalJSON reads the output again, its numbers as they were written.
func (o *Output) UnmarshalJSON(b []byte) error {
	type plain Output
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	return dec.Decode((*plain)(o))
}

// Text is the value as people read it: a string as it is, anything else as JSON.
func (o Output) Text() string {
	if o.Sensitive {
		return scrub.Hidden
	}
	if s, ok := o.Value.(string); ok {
		return s
	}
	b, err := JSON(o.Value)
	if err != nil {
		return fmt.Sprint(o.Value)
	}
	return string(b)
}

// Edge is one relation of the graph, by the indices of results; indices beyond them are barriers, which stand for sets.
type Edge struct {
	From   int  `json:"from"`
	To     int  `json:"to"`
	Notify bool `json:"notify,omitempty"`
}

// Orphan is a resource that the previous manifest from this source managed and the present one no longer declares. It is never removed by itself.
type Orphan struct {
	Address resources.Address `json:"address"`
	Removal string            `json:"removal,omitempty"` // a block that would remove it, where its type can be absent
	// ManagedBy is another manifest of this node that has declared the same thing when it ran last: nothing is left behind then.
	ManagedBy string `json:"managed_by,omitempty"`
}

// Surprise is an outcome that did not come as planned.
type Surprise struct {
	Address resources.Address `json:"address"`
	Planned Outcome           `json:"planned"`
	Outcome Outcome           `json:"outcome"`
}

// Report is a run or a plan as a whole. Results are in declaration order.
type Report struct {
	Run         string     `json:"run"`
	Node        string     `json:"node"`
	Mode        Mode       `json:"mode"`
	Manifest    string     `json:"manifest"`
	Commit      string     `json:"commit,omitempty"`
	Dirty       bool       `json:"dirty,omitempty"`   // the work tree differed from the commit
	Source      string     `json:"source,omitempty"`  // the same for every revision of the manifest: an absolute path, or git::URL//folder
	Partial     bool       `json:"partial,omitempty"` // not all of the manifest was asked for (tags, targets)
	Ref         string     `json:"ref,omitempty"`     // the tag, branch or commit as it was asked for; of a work tree its branch
	Started     time.Time  `json:"started"`
	DurationMS  float64    `json:"duration_ms"`
	Resources   int        `json:"resources"`             // how many are in the catalog and selected
	AsPlanned   int        `json:"as_planned"`            // results that came as the plan of this run predicted
	Interrupted int        `json:"interrupted,omitempty"` // the number of the signal that ended the run
	Aborted     string     `json:"aborted,omitempty"`     // why no new change was started, where something else than a signal stopped the run
	Results     []*Result  `json:"results"`               // what comes before them is the [Head]
	Edges       []Edge     `json:"edges,omitempty"`
	Outputs     []Output   `json:"outputs,omitempty"`
	Orphans     []Orphan   `json:"orphans,omitempty"`
	Warnings    []string   `json:"warnings,omitempty"`
	Surprises   []Surprise `json:"surprises,omitempty"`
}

// Counts is how many results ended how.
type Counts struct {
	Total     int `json:"total"`
	Unchanged int `json:"unchanged"`
	Changed   int `json:"changed"`
	Refreshed int `json:"refreshed"`
	Pending   int `json:"pending"`
	Skipped   int `json:"skipped"`
	Failed    int `json:"failed"`
}

// Counts counts the results by outcome.
func (r *Report) Counts() Counts {
	var c Counts
	for _, res := range r.Results {
		c.Total++
		switch res.Outcome {
		case Unchanged:
			c.Unchanged++
		case Changed:
			c.Changed++
		case Refreshed:
			c.Refreshed++
		case Pending:
			c.Pending++
		case Skipped:
			c.Skipped++
		case Failed:
			c.Failed++
		}
	}
	return c
}

// Outcome is the outcome of the whole: failed if anything failed, else changed, pending or unchanged.
func (r *Report) Outcome() Outcome {
	c := r.Counts()
	switch {
	case c.Failed > 0 || r.Aborted != "":
		return Failed
	case c.Changed+c.Refreshed > 0:
		return Changed
	case c.Pending > 0:
		return Pending
	}
	return Unchanged
}

// Revision is the commit, short, and whether the work tree differed from it; "" where there is none.
func (r *Report) Revision() string {
	revision := fmt.Sprintf("%.12s", r.Commit)
	if r.Dirty {
		revision += " (dirty)"
	}
	return revision
}

// Fidelity is "came as planned/all" of a converge, "" of a plan.
func (r *Report) Fidelity() string {
	if r.Mode != Converge {
		return ""
	}
	return fmt.Sprintf("%d/%d", r.AsPlanned, len(r.Results))
}

// ExitCode is the exit code of the run: 0, 2 (with detailed: changed), 4 (failed), 6 (with detailed: changed and failed), 128 and the
// number of the signal that interrupted it.
func (r *Report) ExitCode(detailed bool) int {
	if r.Interrupted != 0 {
		return 128 + r.Interrupted
	}
	code := 0
	for _, res := range r.Results {
		switch res.Outcome {
		case Failed:
			code |= 4
		case Changed, Refreshed:
			code |= 2
		case Pending:
			if !res.Noop {
				code |= 2
			}
		}
	}
	if r.Aborted != "" {
		code |= 4
	}
	if !detailed {
		code &^= 2
	}
	return code
}

// Events is told of a run while it goes on, by one goroutine at a time.
type Events interface {
	// Begin is called once, before anything else.
	Begin(r *Report)
	// Running is told that a resource is being looked at or changed; what says at what it is ("checking", "applying", "waiting for ..."). An empty
	// what says that it was looked at, and waits for its turn to end.
	Running(a resources.Address, what string)
	// Ended is called with each result, as it comes.
	Ended(r *Result)
	// End is called once, with everything in place.
	End(r *Report)
}
