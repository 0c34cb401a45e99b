package journal

import (
	"errors"
	"os"
	"slices"
	"strings"
	"time"
)

// What is kept of runs that changed something, and as much of others: the newest ones at the least, then what is not too old, not too many and not too
// much. A node that runs every few minutes would fill its disk with reports that nothing has changed.
const (
	keepDays = 90
	keepRuns = 50
	mostRuns = 1000
	mostSize = 256 << 20 // bytes
)

// Prune removes what is left of runs that are not kept, and content that is too old or over the store's cap, the oldest first. It is called when a
// run has saved its report.
func (s *State) Prune(now time.Time) error {
	reports, journals, err := s.ids()
	if err != nil {
		return err
	}
	var idle, changing, records []string
	for _, id := range journals {
		records = append(records, s.journals.Path(id))
	}
	for _, id := range reports {
		if _, changed := slices.BinarySearchFunc(journals, id, func(a, b string) int { return strings.Compare(b, a) }); changed {
			changing = append(changing, s.reportPath(id))
		} else {
			idle = append(idle, s.reportPath(id))
		}
	}
	full := s.mayBeFull(reports, journals, now)
	err = errors.Join(pruneFiles(idle, now), pruneFiles(changing, now), pruneFiles(records, now))
	if full {
		err = errors.Join(err, s.images.Prune(now.Add(-keepDays*24*time.Hour)))
	}
	return err
}

// mayBeFull says whether the store may hold what is too old or too much, without a look into it: it can hold thousands of files, and most runs change
// nothing. Content is only put there by a run that has made its journal before, so there is too much only where a journal is as new as the report before the
// last: of this run, of the one before it, which may have been an undo, or of one that died between the two. And what grows too old does so by the
// day: of each day the first run looks.
func (s *State) mayBeFull(reports, journals []string, now time.Time) bool {
	if len(reports) < 2 || len(journals) > 0 && journals[0] >= reports[1] {
		return true
	}
	info, err := os.Lstat(s.reportPath(reports[1]))
	return err != nil || info.ModTime().UTC().Format(time.DateOnly) != now.UTC().Format(time.DateOnly)
}

// pruneFiles removes those of some files, the newest first, that are not kept.
func pruneFiles(names []string, now time.Time) error {
	var size int64
	var errs []error
	for i, name := range names {
		info, err := os.Lstat(name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		size += info.Size()
		if old := now.Sub(info.ModTime()) >= keepDays*24*time.Hour; i >= keepRuns && (old || i >= mostRuns || size > mostSize) {
			errs = append(errs, os.Remove(name))
		}
	}
	return errors.Join(errs...)
}
