package joint

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/nodeapply/apply/report"
)

// WriteJSON writes the whole report.
func WriteJSON(w io.Writer, r *Report) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	return e.Encode(r)
}

type suites struct {
	XMLName  xml.Name `xml:"testsuites"`
	Name     string   `xml:"name,attr"`
	Tests    int      `xml:"tests,attr"`
	Failures int      `xml:"failures,attr"`
	Errors   int      `xml:"errors,attr"`
	Time     string   `xml:"time,attr"`
	Suites   []suite  `xml:"testsuite"`
}

type suite struct {
	Name     string  `xml:"name,attr"`
	Hostname string  `xml:"hostname,attr"`
	Tests    int     `xml:"tests,attr"`
	Failures int     `xml:"failures,attr"`
	Errors   int     `xml:"errors,attr"`
	Skipped  int     `xml:"skipped,attr"`
	Time     string  `xml:"time,attr"`
	Cases    []testc `xml:"testcase"`
}

type testc struct {
	Class   string   `xml:"classname,attr"`
	Name    string   `xml:"name,attr"`
	Time    string   `xml:"time,attr"`
	Failure *message `xml:"failure"`
	Error   *message `xml:"error"`
	Skipped *message `xml:"skipped"`
}

type message struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// result is what the printers read of a resource's event.
type result struct {
	Address    string         `json:"address"`
	Type       string         `json:"type"`
	Pos        string         `json:"pos"`
	Outcome    report.Outcome `json:"outcome"`
	Because    string         `json:"because"`
	Error      *report.Error  `json:"error"`
	StartMS    float64        `json:"start_ms"`
	DurationMS float64        `json:"duration_ms"`
}

// Events are a node's resources as the printers read them; what is not well-formed is left out.
func (n *Node) events() []result {
	var out []result
	for _, line := range n.Results {
		var r result
		if json.Unmarshal(line, &r) == nil {
			out = append(out, r)
		}
	}
	return out
}

func seconds(ms float64) string { return fmt.Sprintf("%.3f", ms/1000) }

// text is what XML can hold of a text that a node sent.
func text(s string) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	for i := range lines {
		lines[i] = report.Printable(lines[i])
	}
	return strings.Join(lines, "\n")
}

// WriteJUnit writes a test suite a node; a node that was not reached, or ended before its resources, has an error of its own.
func WriteJUnit(w io.Writer, r *Report) error {
	all := suites{Name: r.Manifest, Time: seconds(r.DurationMS)}
	for _, n := range r.Nodes {
		s := suite{Name: n.Node, Hostname: n.Node, Time: seconds(n.DurationMS)}
		for _, e := range n.events() {
			c := testc{Class: n.Node + "." + e.Type, Name: text(e.Address), Time: seconds(e.DurationMS)}
			switch {
			case e.Outcome == report.Failed && e.Error != nil:
				c.Failure = &message{Message: text(e.Error.Summary), Text: text(e.Pos + "\n" + e.Error.Detail)}
				s.Failures++
			case e.Outcome == report.Skipped:
				c.Skipped = &message{Message: text("skipped because of " + e.Because)}
				s.Skipped++
			}
			s.Cases = append(s.Cases, c)
		}
		if n.Error != "" && s.Failures == 0 {
			s.Cases = append(s.Cases, testc{Class: n.Node, Name: n.Outcome, Time: seconds(n.DurationMS), Error: &message{Message: text(n.Error)}})
			s.Errors++
		}
		s.Tests = len(s.Cases)
		all.Tests, all.Failures, all.Errors = all.Tests+s.Tests, all.Failures+s.Failures, all.Errors+s.Errors
		all.Suites = append(all.Suites, s)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", " ")
	if err := e.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// WritePrometheus writes figures in Prometheus' text format: of every node, and of the fleet.
func WritePrometheus(w io.Writer, r *Report) error {
	var b strings.Builder
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace
	metric := func(name, help string, value func(n *Node, labels string)) {
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name)
		for _, n := range r.Nodes {
			value(n, fmt.Sprintf(`node="%s",manifest="%s"`, quote(n.Node), quote(strings.ToValidUTF8(r.Manifest, "\uFFFD"))))
		}
	}
	metric("apply_fleet_node_outcome", "1 for how the last run of the fleet ended on the node.", func(n *Node, labels string) {
		fmt.Fprintf(&b, "apply_fleet_node_outcome{%s,outcome=\"%s\"} 1\n", labels, n.Outcome)
	})
	metric("apply_fleet_node_duration_seconds", "How long the node took.", func(n *Node, labels string) {
		fmt.Fprintf(&b, "apply_fleet_node_duration_seconds{%s} %s\n", labels, seconds(n.DurationMS))
	})
	metric("apply_fleet_node_resources", "Resources of the node by outcome.", func(n *Node, labels string) {
		c := n.Counts()
		for _, o := range []struct {
			outcome report.Outcome
			n       int
		}{
			{report.Unchanged, c.Unchanged}, {report.Changed, c.Changed}, {report.Refreshed, c.Refreshed}, {report.Pending, c.Pending},
			{report.Skipped, c.Skipped}, {report.Failed, c.Failed},
		} {
			fmt.Fprintf(&b, "apply_fleet_node_resources{%s,outcome=\"%s\"} %d\n", labels, o.outcome, o.n)
		}
	})
	fmt.Fprintf(&b, "# HELP apply_fleet_timestamp_seconds When the last run of the fleet began.\n# TYPE apply_fleet_timestamp_seconds gauge\n")
	fmt.Fprintf(&b, "apply_fleet_timestamp_seconds{manifest=\"%s\"} %d\n", quote(strings.ToValidUTF8(r.Manifest, "\uFFFD")), r.Started.Unix())
	_, err := io.WriteString(w, b.String())
	return err
}
