// Package prometheus writes the figures of a report as Prometheus' text format.
package prometheus

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/nodeapply/apply/report"
)

const lastChangeMetric = "apply_last_change_timestamp_seconds"

// Write writes the figures of r in Prometheus' text format, for node_exporter's textfile collector. lastChange is when an earlier run
// last changed something, zero if that is not known; r's own end takes its place if r changed something.
func Write(w io.Writer, r *report.Report, lastChange time.Time) error {
	labels := labelsOf(r)
	end := r.Started.Add(report.Duration(r.DurationMS))
	c := r.Counts()
	if c.Changed+c.Refreshed > 0 {
		lastChange = end
	}
	var b strings.Builder
	metric := func(name, help string) { fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name) }
	value := func(name, more, v string) { fmt.Fprintf(&b, "%s{%s%s} %s\n", name, labels, more, v) }

	metric("apply_run_outcome", "1 for the outcome of the last run, 0 for the others.")
	for _, o := range []report.Outcome{report.Unchanged, report.Changed, report.Pending, report.Failed} {
		value("apply_run_outcome", outcomeLabel(o), bit(r.Outcome() == o))
	}
	metric("apply_run_resources", "Resources of the last run by outcome.")
	for _, n := range []struct {
		o report.Outcome
		n int
	}{{report.Unchanged, c.Unchanged}, {report.Changed, c.Changed}, {report.Refreshed, c.Refreshed}, {report.Pending, c.Pending}, {report.Skipped, c.Skipped}, {report.Failed, c.Failed}} {
		value("apply_run_resources", outcomeLabel(n.o), strconv.Itoa(n.n))
	}
	metric("apply_run_interrupted", "1 if a signal ended the last run.")
	value("apply_run_interrupted", "", bit(r.Interrupted != 0))
	metric("apply_run_duration_seconds", "How long the last run took.")
	value("apply_run_duration_seconds", "", report.Seconds(r.DurationMS))
	metric("apply_run_timestamp_seconds", "When the last run ended.")
	value("apply_run_timestamp_seconds", "", unix(end))
	if !lastChange.IsZero() {
		metric(lastChangeMetric, "When a run last changed something.")
		value(lastChangeMetric, "", unix(lastChange))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// LastChange finds in what Write wrote earlier when a run of r's manifest on r's node last changed something; zero if it does not say.
func LastChange(earlier []byte, r *report.Report) time.Time {
	prefix := lastChangeMetric + "{" + labelsOf(r) + "} "
	for s := bufio.NewScanner(bytes.NewReader(earlier)); s.Scan(); {
		if v, ok := strings.CutPrefix(s.Text(), prefix); ok {
			if sec, err := strconv.ParseFloat(v, 64); err == nil {
				return time.UnixMilli(int64(sec * 1000))
			}
		}
	}
	return time.Time{}
}

func labelsOf(r *report.Report) string {
	manifest := r.Manifest
	if strings.HasPrefix(r.Source, "git::") {
		manifest = r.Source // one series, whichever revision it is
	}
	return fmt.Sprintf(`node="%s",manifest="%s"`, label(r.Node), label(manifest))
}

func outcomeLabel(o report.Outcome) string { return fmt.Sprintf(`,outcome="%s"`, o) }

// label escapes the value of a label.
func label(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(strings.ToValidUTF8(s, "\ufffd"))
}

func unix(t time.Time) string {
	return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64)
}

func bit(b bool) string {
	if b {
		return "1"
	}
	return "0"
}
