package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fill makes files of a size and age, the last one the newest.
func fill(t *testing.T, s *State, pattern string, first, n int, size int64, made time.Time) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(s.Dir(), filepath.Dir(pattern)), 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		file := filepath.Join(s.Dir(), fmt.Sprintf(pattern, first+i))
		err := errors.Join(os.WriteFile(file, nil, 0o600), os.Truncate(file, size), os.Chtimes(file, made, made))
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestPrune(t *testing.T) {
	now := time.Now()
	for name, tc := range map[string]struct {
		runs int
		size int64
		age  time.Duration // of all of them
		want int
	}{
		"few and old":             {runs: keepRuns, age: 100 * 24 * time.Hour, want: keepRuns},
		"few and large":           {runs: keepRuns, size: mostSize, want: keepRuns},
		"more, and old":           {runs: keepRuns + 10, age: 100 * 24 * time.Hour, want: keepRuns},
		"more, and young":         {runs: keepRuns + 10, age: 80 * 24 * time.Hour, want: keepRuns + 10},
		"more than anybody reads": {runs: mostRuns + 10, want: mostRuns},
		"more than there is room": {runs: keepRuns + 20, size: mostSize / (keepRuns + 10), want: keepRuns + 10},
	} {
		for _, pattern := range []string{"runs/%06d.json", "journal/%06d.journal"} {
			t.Run(name+" in "+filepath.Dir(pattern), func(t *testing.T) {
				s := open(t, t.TempDir())
				fill(t, s, pattern, 0, tc.runs, tc.size, now.Add(-tc.age))
				if err := s.Prune(now); err != nil {
					t.Fatal(err)
				}
				reports, err := s.Reports()
				if err != nil {
					t.Fatal(err)
				}
				journals, err := s.journals.IDs()
				if err != nil {
					t.Fatal(err)
				}
				left := append(reports, journals...)
				if len(left) != tc.want || left[0] != fmt.Sprintf("%06d", tc.runs-1) {
					t.Errorf("%d are left, %d wanted; the newest is %s", len(left), tc.want, left[0])
				}
			})
		}
	}
}

// However often a run changes nothing after it, one that changed something stays on record: a rollback looks for it.
func TestPruneKeepsChanges(t *testing.T) {
	s, now := open(t, t.TempDir()), time.Now()
	fill(t, s, "journal/%06d.journal", 1, 1, 10, now)
	fill(t, s, "runs/%06d.json", 1, mostRuns+100, 10, now)
	if err := s.Prune(now); err != nil {
		t.Fatal(err)
	}
	ids, err := s.Reports()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]any{mostRuns + 1, "000001", "000101"}, []any{len(ids), ids[len(ids)-1], ids[len(ids)-2]}); diff != "" {
		t.Error(diff)
	}
}

// The store is looked into after a run that changed something, and by the first run of a day.
func TestPruneOfTheStore(t *testing.T) {
	noon := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		journal string // id of the newest run that changed something
		before  time.Time
		reports int
		pruned  bool
	}{
		"this run changed something":        {journal: "000005", before: noon.Add(-time.Minute), reports: 5, pruned: true},
		"the one before it did":             {journal: "000004", before: noon.Add(-time.Minute), reports: 5, pruned: true},
		"one that died between the two did": {journal: "0000040", before: noon.Add(-time.Minute), reports: 5, pruned: true},
		"nothing was changed":               {journal: "000003", before: noon.Add(-time.Minute), reports: 5},
		"nothing was changed today":         {journal: "000003", before: noon.Add(-12 * time.Hour), reports: 5},
		"the first run of a day":            {journal: "000003", before: noon.Add(-12*time.Hour - time.Second), reports: 5, pruned: true},
		"the clock was set back":            {journal: "000003", before: noon.Add(24 * time.Hour), reports: 5, pruned: true},
		"no earlier report":                 {journal: "000000", reports: 1, pruned: true},
		"the journals are lost":             {before: noon.Add(-12*time.Hour - time.Second), reports: 5, pruned: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir())
			fill(t, s, "runs/%06d.json", 1, tc.reports-1, 0, tc.before)
			fill(t, s, "runs/%06d.json", tc.reports, 1, 0, noon)
			if tc.journal != "" {
				if err := os.Mkdir(filepath.Join(s.Dir(), "journal"), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(s.Dir(), "journal", tc.journal+".journal"), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			fill(t, s, "store/%064d", 1, 1, 0, noon.Add(-keepDays*24*time.Hour-time.Hour))
			if err := s.Prune(noon); err != nil {
				t.Fatal(err)
			}
			_, err := os.Lstat(filepath.Join(s.Dir(), "store", fmt.Sprintf("%064d", 1)))
			if gone := errors.Is(err, fs.ErrNotExist); gone != tc.pruned {
				t.Errorf("old content is gone: %v, want %v", gone, tc.pruned)
			}
		})
	}
}
