package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// files makes files of a size and age, the last one the newest.
func files(t *testing.T, s *State, pattern string, first, n int, size int64, made time.Time) {
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
				files(t, s, pattern, 0, tc.runs, tc.size, now.Add(-tc.age))
				if err := s.Prune(now); err != nil {
					t.Fatal(err)
				}
				reports, err := s.Reports()
				if err != nil {
					t.Fatal(err)
				}
				journals, err := s.Journals()
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
	files(t, s, "journal/%06d.journal", 1, 1, 10, now)
	files(t, s, "runs/%06d.json", 1, mostRuns+100, 10, now)
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
