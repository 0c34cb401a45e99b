// Package joint reads the reports of many nodes as they come, one JSON object a line each, and joins them into one.
package joint

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/nodeapply/apply/report"
)

// Node is what a node tells of its run. Its JSON keys are a promise.
type Node struct {
	Node       string            `json:"node"`
	Outcome    string            `json:"outcome"`
	Code       int               `json:"code"`
	Error      string            `json:"error,omitempty"`
	Run        string            `json:"run,omitempty"`
	Summary    json.RawMessage   `json:"summary,omitempty"`
	Results    []json.RawMessage `json:"results,omitempty"`
	DurationMS float64           `json:"duration_ms"`

	counts   report.Counts
	problems []string
}

// Counts are those of the summary that the node sent.
func (n *Node) Counts() report.Counts { return n.counts }

// Problem is why the node failed: what failed first, and how many more; "" where it told nothing.
func (n *Node) Problem() string {
	switch len(n.problems) {
	case 0:
		return ""
	case 1:
		return n.problems[0]
	}
	return fmt.Sprintf("%s; and %d more", n.problems[0], len(n.problems)-1)
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
	Event   string         `json:"event"`
	Run     string         `json:"run"`
	Address string         `json:"address"`
	Pos     string         `json:"pos"`
	Outcome report.Outcome `json:"outcome"`
	Error   *report.Error  `json:"error"`
	report.Counts

	Severity string
	Summary  string
	Detail   string
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
	switch e.Event {
	case "run":
		r.Node.Run = e.Run
	case "resource":
		r.Node.Results = append(r.Node.Results, slices.Clone(line))
		if e.Outcome == report.Failed && e.Error != nil {
			r.problem(fmt.Sprintf("%s: %s: %s", e.Pos, e.Address, e.Error.Summary))
		}
	case "summary":
		r.Node.Summary, r.Node.counts = slices.Clone(line), e.Counts
	case "diagnostic":
		if strings.EqualFold(e.Severity, "error") {
			r.problem(strings.TrimSpace(diagnosticPlace(object) + e.Summary + "; " + e.Detail))
		}
	}
	if r.Line == nil {
		return
	}
	name, err := json.Marshal(r.Node.Node)
	if err != nil {
		return
	}
	object["node"] = name
	if shown, err := json.Marshal(object); err == nil {
		r.Line(shown)
	}
}

func (r *Reader) problem(text string) {
	text = report.Printable(text)
	if r.Node.problems = append(r.Node.problems, text); r.Told != nil {
		r.Told(text)
	}
}

// diagnosticPlace is FILE:LINE: of a diagnostic.
func diagnosticPlace(object map[string]json.RawMessage) string {
	var at struct {
		Filename string
		Start    struct{ Line int }
	}
	if json.Unmarshal(object["range"], &at) == nil && at.Filename != "" {
		return fmt.Sprintf("%s:%d: ", at.Filename, at.Start.Line)
	}
	return ""
}

// Report is the runs of many nodes. It may be added to by several goroutines.
type Report struct {
	mu    sync.Mutex
	nodes map[string]*Node
}

// New makes the place for what a node will tell.
func (r *Report) New(name string) *Node {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.nodes == nil {
		r.nodes = map[string]*Node{}
	}
	n := &Node{Node: name}
	r.nodes[name] = n
	return n
}

// Node is what a node has told, or an empty one.
func (r *Report) Node(name string) *Node {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n, ok := r.nodes[name]; ok {
		return n
	}
	return &Node{Node: name}
}
