package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/fleet/joint"
	"github.com/nodeapply/apply/fleet/joint/page"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/report/html"
	"github.com/nodeapply/apply/report/junit"
	"github.com/nodeapply/apply/report/prometheus"
)

// reportFile is the name of a file that the report of a run goes to.
type reportFile string

func (f reportFile) kind() string { return strings.ToLower(filepath.Ext(string(f))) }

// prepareReports finds out before anything is touched whether the files that --report names can be written.
func (a *app) prepareReports(cmd *cobra.Command) error {
	for _, name := range a.flags.reports {
		f := reportFile(name)
		if !slices.Contains([]string{".json", ".xml", ".html", ".prom"}, f.kind()) {
			return usageError(cmd, fmt.Errorf("--report %s: want a file that ends in .json, .xml (JUnit), .html or .prom", name))
		}
		if err := f.probe(); err != nil {
			return fmt.Errorf("--report %s: %w", name, err)
		}
		a.reports = append(a.reports, f)
	}
	return nil
}

// probe says why the file could not be written.
func (f reportFile) probe() error {
	switch info, err := os.Lstat(string(f)); {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return err
	case !info.Mode().IsRegular() && info.Mode().Type() != os.ModeSymlink:
		return errors.New("is there, and is no regular file")
	}
	t, err := f.temporary()
	if err != nil {
		return err
	}
	return errors.Join(t.Close(), os.Remove(t.Name()))
}

func (f reportFile) temporary() (*os.File, error) {
	t, err := os.CreateTemp(filepath.Dir(string(f)), "."+filepath.Base(string(f))+".*")
	var path *os.PathError
	if errors.As(err, &path) {
		err = fmt.Errorf("folder %s: %w", filepath.Dir(string(f)), path.Err)
	}
	return t, err
}

// save writes the file whole or not at all. What was there under its name is replaced, a symbolic link too: who can make links in a folder that all may
// write to does not choose what root overwrites. The mode is 0644 without what the mode of the replaced file leaves out.
func (f reportFile) save(write func(io.Writer) error) (err error) {
	mode := os.FileMode(0o644)
	if info, err := os.Lstat(string(f)); err == nil && info.Mode().IsRegular() {
		mode &= info.Mode().Perm()
	}
	t, err := f.temporary()
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(t.Name()))
		}
	}()
	w := bufio.NewWriter(t)
	err = write(w)
	err = errors.Join(err, w.Flush(), t.Chmod(mode), t.Sync(), t.Close())
	if err != nil {
		return err
	}
	return os.Rename(t.Name(), string(f))
}

// earlier is what the file holds that is replaced, where it is small; "" where it cannot be read.
func (f reportFile) earlier() []byte {
	const most = 1 << 20
	if info, err := os.Stat(string(f)); err != nil || !info.Mode().IsRegular() || info.Size() > most {
		return nil
	}
	b, _ := os.ReadFile(string(f)) // what cannot be read does not say
	return b
}

// saveReports writes the report files of a run.
func (a *app) saveReports(r *report.Report) error {
	if len(a.reports) == 0 {
		return nil
	}
	r = r.Scrubbed(a.flags.scrub.Scrub)
	return a.writeReports(map[string]func(w io.Writer, f reportFile) error{
		".json": func(w io.Writer, _ reportFile) error { return report.WriteJSON(w, r) },
		".xml":  func(w io.Writer, _ reportFile) error { return junit.Write(w, r) },
		".html": func(w io.Writer, _ reportFile) error { return html.Write(w, r) },
		// When something last changed is kept from the file that is replaced.
		".prom": func(w io.Writer, f reportFile) error {
			return prometheus.Write(w, r, prometheus.LastChange(f.earlier(), r))
		},
	})
}

// saveJoint writes the report files of a fleet.
func (a *app) saveJoint(r *joint.Report) error {
	return a.writeReports(map[string]func(w io.Writer, f reportFile) error{
		".json": func(w io.Writer, _ reportFile) error { return joint.WriteJSON(w, r) },
		".xml":  func(w io.Writer, _ reportFile) error { return joint.WriteJUnit(w, r) },
		".html": func(w io.Writer, _ reportFile) error { return page.Write(w, r) },
		".prom": func(w io.Writer, _ reportFile) error { return joint.WritePrometheus(w, r) },
	})
}

func (a *app) writeReports(by map[string]func(io.Writer, reportFile) error) error {
	var errs []error
	for _, f := range a.reports {
		if err := f.save(func(w io.Writer) error { return by[f.kind()](w, f) }); err != nil {
			errs = append(errs, fmt.Errorf("report %s: %w", f, err))
		}
	}
	return errors.Join(errs...)
}
