package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nodeapply/apply/journal/internal/files"
	"github.com/nodeapply/apply/journal/internal/record"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// SaveReport keeps the report of a run, which writes itself in JSON.
func (s *State) SaveReport(id string, rep io.WriterTo) error {
	return s.save(filepath.Join("runs", id+".json"), rep)
}

// ids lists the ids of the runs that have a report, and of those that have a journal, the newest first.
func (s *State) ids() (reports, journals []string, err error) {
	if reports, err = s.Reports(); err == nil {
		journals, err = s.journals.IDs()
	}
	return reports, journals, err
}

// newest is the id of the newest run on record, "" where there is none.
func (s *State) newest() (string, error) {
	reports, journals, err := s.ids()
	if err != nil {
		return "", err
	}
	return slices.Max(slices.Concat([]string{""}, reports, journals)), nil
}

// NextID is an id for a run that begins now, after those of all runs on record.
func (s *State) NextID(now time.Time) (string, error) {
	last, err := s.newest()
	return report.NextRunID(now, last), err
}

// Find is the id of the run on record that begins as given, in letters of either case.
func (s *State) Find(given string) (string, error) {
	reports, journals, err := s.ids()
	if err != nil {
		return "", err
	}
	found := slices.DeleteFunc(append(reports, journals...), func(id string) bool { return !strings.HasPrefix(id, strings.ToUpper(given)) })
	slices.Sort(found)
	switch found = slices.Compact(found); {
	case given == "":
		return "", errors.New("which run? its id is empty")
	case len(found) == 0:
		return "", &record.UnknownError{Run: given}
	case len(found) > 1:
		return "", fmt.Errorf("run %s: so begin %d runs, from %s to %s; apply history lists them", given, len(found), found[0], found[len(found)-1])
	}
	return found[0], nil
}

func (s *State) reportPath(id string) string {
	return filepath.Join(s.dir, "runs", filepath.Base(id)+".json")
}

// Report reads the report of a run into a pointer to a [report.Report], or to a struct of those of its keys that are wanted. Where none is kept the error is
// [fs.ErrNotExist].
func (s *State) Report(id string, into any) error {
	return s.readReport(id, func(f io.Reader) error {
		b, err := io.ReadAll(f)
		if err != nil {
			return err
		}
		return json.Unmarshal(b, into)
	})
}

// Head reads what the report of a run says of it as a whole, without what it says of each resource. Errors are those of Report.
func (s *State) Head(id string) (head *report.Head, err error) {
	err = s.readReport(id, func(f io.Reader) error {
		head, err = report.ReadHead(f)
		return err
	})
	return head, err
}

func (s *State) readReport(id string, read func(io.Reader) error) error {
	f, err := files.Open(s.reportPath(id))
	if errors.Is(err, fs.ErrNotExist) {
		return &record.UnknownError{Run: id}
	}
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	defer f.Close()
	if err := read(f); err != nil {
		return fmt.Errorf("the report of run %s is damaged: %w", id, err)
	}
	return nil
}

// Reports lists the ids of the runs whose reports are kept, the newest first.
func (s *State) Reports() ([]string, error) {
	return files.Runs(filepath.Join(s.dir, "runs"), ".json")
}

// Unreported is what is known of a run that has no report.
type Unreported struct {
	ID       string
	Started  time.Time
	Manifest string // its source, "" where that is not known
	Undoes   string // the run that it undid
	Begun    int    // how many resources it began to change
	Ended    bool   // it came to its end, and its report could not be written; else it died, or goes on
}

// Unreported lists the runs that are on record without a report, the newest first. Where there are reports, a run that ended before the oldest one had a
// report that is no longer kept.
func (s *State) Unreported() ([]Unreported, error) {
	reports, journals, err := s.ids()
	if err != nil {
		return nil, err
	}
	reported, oldest := map[string]bool{}, ""
	for _, id := range reports {
		reported[id], oldest = true, id
	}
	var out []Unreported
	for _, id := range journals {
		if reported[id] {
			continue
		}
		_, ended := s.journals.Closed(id)
		if ended && id < oldest {
			continue
		}
		p, _, err := s.journals.Read(id)
		if err != nil {
			return nil, err
		}
		if p.Head.ID == "" {
			continue // damaged
		}
		begun := map[resources.Address]bool{}
		for _, st := range p.Ops {
			if st.Begin != nil {
				begun[st.Begin.Addr.Address()] = true
			}
		}
		out = append(out, Unreported{ID: id, Started: p.Head.Started, Manifest: p.Head.Manifest, Undoes: p.Head.Undoes, Begun: len(begun), Ended: ended})
	}
	return out, nil
}

// Store keeps a small file of the given name in the folder, whole or not at all.
func (s *State) Store(name string, content []byte) error {
	return s.save(name, bytes.NewReader(content))
}

// Load returns the content of a file that Store kept, nil if there is none.
func (s *State) Load(name string) ([]byte, error) {
	b, err := files.Read(filepath.Join(s.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	return b, nil
}

// Forget removes a file that Store kept.
func (s *State) Forget(name string) error {
	if err := os.Remove(filepath.Join(s.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("state: %w", err)
	}
	return nil
}

// save writes a file of the folder, which the lock keeps others from writing. It is history: its loss in a power cut loses nothing that must be trusted.
func (s *State) save(name string, content io.WriterTo) error {
	if err := files.Write(filepath.Join(s.dir, name), content); err != nil {
		return fmt.Errorf("state: %w", err)
	}
	return nil
}
