// Package joint reads the reports of many nodes as they come, one JSON object a line each, and joins them into one, which is written as JSON, as JUnit, for
// Prometheus, or (package joint/page) as a page for a browser.
package joint

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/report"
)

// Node is what a node tells of its run. Its JSON keys are a promise.
type Node struct {
	Node       string            `json:"node"`
	Outcome    string            `json:"outcome"`
	Code       int               `json:"code"`
	Error      string            `json:"error,omitempty"`
	Run        string            `json:"run,omitempty"`
	StartMS    float64           `json:"start_ms"` // since the start of the whole
	Summary    json.RawMessage   `json:"summary,omitempty"`
	Results    []json.RawMessage `json:"results,omitempty"`
	DurationMS float64           `json:"duration_ms"`

	mu       sync.Mutex // over what follows, which is read while the node still tells
	doing    Doing
	part     *Part
	counts   report.Counts
	problems []string
	refused  bool // it told what is wrong with the manifest
}

// Part is what a node's run will do as far as other nodes are concerned, by the name that the node has for them.
type Part struct {
	Node     string          `json:"node"`
	Groups   []string        `json:"groups,omitempty"`
	Boot     string          `json:"boot,omitempty"`
	Exchange string          `json:"exchange,omitempty"` // the one that is configured there
	Exports  []record.Export `json:"exports,omitempty"`
	Blocks   []record.Block  `json:"blocks,omitempty"`
	Waits    []record.Wait   `json:"waits,omitempty"`
	Limits   []string        `json:"limits,omitempty"`
}

// Doing is how far a node is.
type Doing struct {
	Resources int    // in all
	Ended     int    // of them
	Failed    int    // of these
	Waiting   string // for whom, "" when it does not wait
}

// Doing is how far the node is.
func (n *Node) Doing() Doing {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.doing
}

// Part is what the node has told of its plan; nil where it told nothing.
func (n *Node) Part() *Part {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.part
}

// Counts are those of the summary that the node sent.
func (n *Node) Counts() report.Counts {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.counts
}

// Problem is why the node failed: what failed first, and how many more; "" where it told nothing.
func (n *Node) Problem() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch len(n.problems) {
	case 0:
		return ""
	case 1:
		return n.problems[0]
	}
	return fmt.Sprintf("%s; and %d more", n.problems[0], len(n.problems)-1)
}

// Refused says that the manifest is wrong for the node, which began no run.
func (n *Node) Refused() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.refused && n.Run == ""
}

// A node may send lines of this length, and so many bytes in all; what is more is dropped and told as a problem.
const (
	maxLine  = 1 << 20
	maxTotal = 64 << 20
)

// Reader takes a node's events. Line is called with each as it is to be shown: with the node's name in it.
type Reader struct {
	Node *Node
	Line func([]byte)
	Told func(problem string) // of a failure, as it comes

	rest  []byte
	total int
}

// event is what is read of any event.
type event struct {
	Event     string         `json:"event"`
	Run       string         `json:"run"`
	Address   string         `json:"address"`
	Pos       string         `json:"pos"`
	Outcome   report.Outcome `json:"outcome"`
	Error     *report.Error  `json:"error"`
	Resources int            `json:"resources"`
	Detail    string         `json:"detail"`
	report.Counts

	Severity string
	Summary  string
}

// Write takes what a node prints.
func (r *Reader) Write(p []byte) (int, error) {
	n := len(p)
	for {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			break
		}
		r.line(append(r.rest, p[:i]...))
		r.rest, p = r.rest[:0], p[i+1:]
	}
	if r.rest = append(r.rest, p...); len(r.rest) > maxLine {
		return 0, fmt.Errorf("a line of the report is over the limit of %d MiB", maxLine>>20)
	}
	return n, nil
}

func (r *Reader) line(line []byte) {
	var e event
	var object map[string]json.RawMessage
	if json.Unmarshal(line, &object) != nil || object == nil {
		return // not of this program
	}
	if err := json.Unmarshal(line, &e); err != nil && e.Event == "" {
		return
	}
	before := r.total
	if r.total += len(line); r.total > maxTotal {
		if before > maxTotal {
			return // told already
		}
		r.problem(fmt.Sprintf("the report is over the limit of %d MiB", maxTotal>>20))
		return
	}
	r.take(line, &e, object)
	if r.Line == nil {
		return
	}
	name, err := json.Marshal(r.Node.Node)
	if err != nil {
		return
	}
	object["node"] = name
	if shown, err := report.JSON(object); err == nil {
		r.Line(shown)
	}
}

// take enters an event.
func (r *Reader) take(line []byte, e *event, object map[string]json.RawMessage) {
	n, problem := r.Node, ""
	n.mu.Lock()
	switch e.Event {
	case "run":
		n.Run, n.doing.Resources = e.Run, e.Resources
	case "waiting":
		n.doing.Waiting = e.Detail
	case "resource":
		n.Results = append(n.Results, slices.Clone(line))
		n.doing.Ended++
		if strings.HasPrefix(e.Address, "wait.") {
			n.doing.Waiting = ""
		}
		if e.Outcome == report.Failed && e.Error != nil {
			n.doing.Failed++
			problem = fmt.Sprintf("%s: %s: %s", e.Pos, e.Address, strings.TrimPrefix(e.Error.Summary, e.Address+": ")) // some say it themselves
		}
	case "summary":
		n.Summary, n.counts = slices.Clone(line), e.Counts
	case "part":
		var p Part
		if json.Unmarshal(line, &p) == nil {
			n.part = &p
		}
	case "diagnostic":
		if strings.EqualFold(e.Severity, "error") {
			n.refused = true
			problem = strings.TrimSpace(diagnosticPlace(object) + e.Summary + "; " + e.Detail)
		}
	}
	n.mu.Unlock()
	if problem != "" {
		r.problem(problem)
	}
}

func (r *Reader) problem(text string) {
	text = report.Printable(text)
	r.Node.mu.Lock()
	r.Node.problems = append(r.Node.problems, text)
	r.Node.mu.Unlock()
	if r.Told != nil {
		r.Told(text)
	}
}

// diagnosticPlace is FILE:LINE: of a diagnostic, or FILE: of one that has no line, such as a flag's.
func diagnosticPlace(object map[string]json.RawMessage) string {
	var at struct {
		Filename string
		Start    struct{ Line int }
	}
	switch err := json.Unmarshal(object["range"], &at); {
	case err != nil || at.Filename == "":
		return ""
	case at.Start.Line < 1:
		return at.Filename + ": "
	}
	return fmt.Sprintf("%s:%d: ", at.Filename, at.Start.Line)
}

// Report is the runs of many nodes. Its JSON keys are a promise. Nodes are added by several goroutines.
type Report struct {
	Manifest   string        `json:"manifest"`
	Commit     string        `json:"commit,omitempty"`
	Dirty      bool          `json:"dirty,omitempty"`
	Mode       report.Mode   `json:"mode"`
	Started    time.Time     `json:"started"`
	DurationMS float64       `json:"duration_ms"`
	Code       int           `json:"code"`
	Counts     report.Counts `json:"counts"`
	Nodes      []*Node       `json:"nodes"`
	Waits      []Wait        `json:"waits,omitempty"`

	mu     sync.Mutex
	byName map[string]*Node
}

// Wait is a wait of a node that came true or did not, by the seat's clock.
type Wait struct {
	Node       string  `json:"node"`
	Wait       string  `json:"wait"`
	Fact       string  `json:"fact"`
	Group      string  `json:"group,omitempty"`
	StartMS    float64 `json:"start_ms"` // since the start of the whole
	DurationMS float64 `json:"duration_ms"`
	Met        bool    `json:"met"`
	For        []For   `json:"for,omitempty"` // the nodes whose facts it was for; the last one that came ended it
}

// For is a fact that a wait was for.
type For struct {
	Node string  `json:"node"`
	AtMS float64 `json:"at_ms"` // when it was there, since the start of the whole
}

// Node is what a node has told, and the place for what it will tell.
func (r *Report) Node(name string) *Node {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byName == nil {
		r.byName = map[string]*Node{}
	}
	n, ok := r.byName[name]
	if !ok {
		n = &Node{Node: name}
		r.byName[name] = n
		r.Nodes = append(r.Nodes, n)
	}
	return n
}

// Since is a time in milliseconds since the start of the whole.
func (r *Report) Since(t time.Time) float64 { return report.Millis(t.Sub(r.Started)) }

// Total sums the counts of all nodes.
func (r *Report) Total() report.Counts {
	var t report.Counts
	for _, n := range r.Nodes {
		c := n.Counts()
		t.Total += c.Total
		t.Unchanged += c.Unchanged
		t.Changed += c.Changed
		t.Refreshed += c.Refreshed
		t.Pending += c.Pending
		t.Skipped += c.Skipped
		t.Failed += c.Failed
	}
	return t
}
