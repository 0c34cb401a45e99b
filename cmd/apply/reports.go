package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/report/html"
)

// reportFile is a file that the report of a run goes to.
type reportFile struct {
	name  string
	write func(w io.Writer, r *report.Report) error
}

// prepareReports finds out before anything is touched whether the files that --report names can be written.
func (a *app) prepareReports(cmd *cobra.Command) error {
	for _, name := range a.flags.reports {
		f := reportFile{name: name}
		switch strings.ToLower(filepath.Ext(name)) {
		case ".json":
			f.write = report.WriteJSON
		case ".xml":
			f.write = report.WriteJUnit
		case ".html":
			f.write = html.Write
		case ".prom":
			f.write = f.prometheus
		default:
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
	switch info, err := os.Lstat(f.name); {
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
	t, err := os.CreateTemp(filepath.Dir(f.name), "."+filepath.Base(f.name)+".*")
	var path *os.PathError
	if errors.As(err, &path) {
		err = fmt.Errorf("folder %s: %w", filepath.Dir(f.name), path.Err)
	}
	return t, err
}

// save writes the file whole or not at all. What was there under its name is replaced, a symbolic link too: who can make links in a folder that all may
// write to does not choose what root overwrites. The mode is 0644 without what the mode of the replaced file leaves out.
func (f reportFile) save(r *report.Report) (err error) {
	mode := os.FileMode(0o644)
	if info, err := os.Lstat(f.name); err == nil && info.Mode().IsRegular() {
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
	err = f.write(w, r)
	err = errors.Join(err, w.Flush(), t.Chmod(mode), t.Sync(), t.Close())
	if err != nil {
		return err
	}
	return os.Rename(t.Name(), f.name)
}

// prometheus keeps from the file that is replaced when something last changed.
func (f reportFile) prometheus(w io.Writer, r *report.Report) error {
	const most = 1 << 20
	var earlier []byte
	if info, err := os.Stat(f.name); err == nil && info.Mode().IsRegular() && info.Size() < most {
		earlier, _ = os.ReadFile(f.name) // what cannot be read does not say
	}
	return report.WritePrometheus(w, r, report.LastChange(earlier, r))
}

// saveReports writes the report files of a run.
func (a *app) saveReports(r *report.Report) error {
	if len(a.reports) == 0 {
		return nil
	}
	r = r.Scrubbed(a.flags.scrub.Scrub)
	var errs []error
	for _, f := range a.reports {
		if err := f.save(r); err != nil {
			errs = append(errs, fmt.Errorf("report %s: %w", f.name, err))
		}
	}
	return errors.Join(errs...)
}
