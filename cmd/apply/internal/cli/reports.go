package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/cmd/apply/internal/outfile"
	"github.com/nodeapply/apply/cmd/apply/internal/usage"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/report/html"
	"github.com/nodeapply/apply/report/junit"
	"github.com/nodeapply/apply/report/prometheus"
)

// ReportWriters write a report to the file of that name, by the ending of the name.
type ReportWriters map[string]func(w io.Writer, name string) error

func ending(name string) string { return strings.ToLower(filepath.Ext(name)) }

// prepareReports finds out before anything is touched whether the files that --report names can be written.
func (a *App) prepareReports(cmd *cobra.Command) error {
	for _, name := range a.reports {
		if !slices.Contains([]string{".json", ".xml", ".html", ".prom"}, ending(name)) {
			return usage.Error(cmd, fmt.Errorf("--report %s: want a file that ends in .json, .xml (JUnit), .html or .prom", name))
		}
		if err := outfile.Probe(name); err != nil {
			return fmt.Errorf("--report %s: %w", name, err)
		}
	}
	return nil
}

// SaveReports writes the report files of a run.
func (a *App) SaveReports(r *report.Report) error {
	if len(a.reports) == 0 {
		return nil
	}
	r = r.Scrubbed(a.Scrub.Scrub)
	return a.WriteReports(ReportWriters{
		".json": func(w io.Writer, _ string) error { return report.WriteJSON(w, r) },
		".xml":  func(w io.Writer, _ string) error { return junit.Write(w, r) },
		".html": func(w io.Writer, _ string) error { return html.Write(w, r) },
		// When something last changed is kept from the file that is replaced.
		".prom": func(w io.Writer, name string) error {
			return prometheus.Write(w, r, prometheus.LastChange(earlier(name), r))
		},
	})
}

// WriteReports writes the files that --report names. Their mode is 0644 without what the mode of the replaced file leaves out.
func (a *App) WriteReports(by ReportWriters) error {
	var errs []error
	for _, name := range a.reports {
		mode := os.FileMode(0o644)
		if info, err := os.Lstat(name); err == nil && info.Mode().IsRegular() {
			mode &= info.Mode().Perm()
		}
		if err := outfile.Write(name, mode, func(w io.Writer) error { return by[ending(name)](w, name) }); err != nil {
			errs = append(errs, fmt.Errorf("report %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// earlier is what the file holds that is replaced, where it is small; nil where it cannot be read.
func earlier(name string) []byte {
	const most = 1 << 20
	if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() || info.Size() > most {
		return nil
	}
	b, _ := os.ReadFile(name) // what cannot be read does not say
	return b
}
