// Package junit writes a report as JUnit's XML, for systems that show test results.
package junit

import (
	"encoding/xml"
	"io"
	"path"
	"strconv"
	"strings"

	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/report/text"
)

type junitSuites struct {
	XMLName  xml.Name   `xml:"testsuites"`
	Name     string     `xml:"name,attr"`
	Tests    int        `xml:"tests,attr"`
	Failures int        `xml:"failures,attr"`
	Errors   int        `xml:"errors,attr"`
	Skipped  int        `xml:"skipped,attr"`
	Time     string     `xml:"time,attr"`
	Suite    junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string          `xml:"name,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Errors     int             `xml:"errors,attr"`
	Skipped    int             `xml:"skipped,attr"`
	Time       string          `xml:"time,attr"`
	Timestamp  string          `xml:"timestamp,attr"`
	Hostname   string          `xml:"hostname,attr"`
	Properties []junitProperty `xml:"properties>property"`
	Cases      []junitCase     `xml:"testcase"`
	SystemErr  *junitText      `xml:"system-err"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Class     string        `xml:"classname,attr"`
	Name      string        `xml:"name,attr"`
	File      string        `xml:"file,attr,omitempty"`
	Line      string        `xml:"line,attr,omitempty"`
	Time      string        `xml:"time,attr"`
	Failure   *junitMessage `xml:"failure"`
	Skipped   *junitMessage `xml:"skipped"`
	SystemOut *junitText    `xml:"system-out"`
	SystemErr *junitText    `xml:"system-err"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",cdata"`
}

type junitText struct {
	Text string `xml:",cdata"`
}

// textOf is nil for an empty text, so that it gets no element.
func textOf(s string) *junitText {
	if s == "" {
		return nil
	}
	return &junitText{s}
}

// Write writes r as JUnit's XML: each resource a test case, failed where the resource failed and skipped where it was skipped. What changed
// or would change has passed, and says so in its output.
func Write(w io.Writer, r *report.Report) error {
	c := r.Counts()
	s := junitSuite{
		Name: report.Printable(path.Base(r.Manifest)), Tests: c.Total, Failures: c.Failed, Skipped: c.Skipped, Time: report.Seconds(r.DurationMS),
		Timestamp: r.Started.UTC().Format("2006-01-02T15:04:05"), Hostname: report.Printable(r.Node),
		Properties: []junitProperty{{"run", r.Run}, {"mode", string(r.Mode)}, {"outcome", string(r.Outcome())}, {"manifest", report.Printable(r.Manifest)}},
	}
	if r.Commit != "" {
		s.Properties = append(s.Properties, junitProperty{"commit", report.Printable(r.Commit)}, junitProperty{"dirty", strconv.FormatBool(r.Dirty)})
	}
	if r.Aborted != "" {
		s.Errors, s.SystemErr = 1, textOf(report.Printable(r.Aborted))
	}
	for _, res := range r.Results {
		s.Cases = append(s.Cases, junitOf(res))
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	err := enc.Encode(junitSuites{Name: "apply", Tests: s.Tests, Failures: s.Failures, Errors: s.Errors, Skipped: s.Skipped, Time: s.Time, Suite: s})
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, "\n")
	return err
}

func junitOf(res *report.Result) junitCase {
	c := junitCase{
		Class: report.Printable(res.Type), Name: report.Printable(res.Address.String()), Time: report.Seconds(res.DurationMS),
		SystemErr: textOf(printableLines(strings.Join(res.Warnings, "\n"))),
	}
	if i := strings.LastIndexByte(res.Pos, ':'); i >= 0 {
		c.File, c.Line = report.Printable(res.Pos[:i]), res.Pos[i+1:]
	}
	switch res.Outcome {
	case report.Failed:
		c.Failure = &junitMessage{Type: "failed"}
		if e := res.Error; e != nil {
			c.Failure.Message = report.Printable(e.Summary)
			c.Failure.Text = printableLines(strings.TrimPrefix(e.Pos+": ", ": ") + e.Summary + "\n" + e.Detail)
		}
	case report.Skipped:
		why := res.Reason
		if res.Because != "" {
			why = strings.TrimSuffix(res.Because+" failed: "+why, ": ")
		}
		c.Skipped = &junitMessage{Message: report.Printable(why)}
	case report.Changed, report.Refreshed, report.Pending:
		c.SystemOut = textOf(string(res.Outcome) + "\n" + text.Details(res))
	}
	return c
}

func printableLines(s string) string {
	if s == "" {
		return ""
	}
	lines := strings.Split(strings.TrimSuffix(s, "\n"), "\n")
	for i, line := range lines {
		lines[i] = report.Printable(line)
	}
	return strings.Join(lines, "\n")
}
