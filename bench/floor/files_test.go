package floor

import (
	"path/filepath"
	"testing"

	"github.com/nodeapply/apply/bench/state"
)

// What the floors make is what the state says, and what they find different is what has drifted.
func TestFiles(t *testing.T) {
	for _, shape := range []string{state.Inline, state.Source, state.Mixed, state.Chain, state.Fan, state.Each, state.Folder} { // without Big: 256 MiB each
		for name, how := range map[string]How{"fleeting": Fleeting, "each synced": EachSync, "one sync": OneSync} {
			t.Run(shape+" "+name, func(t *testing.T) {
				dir := t.TempDir()
				s := &state.State{Shape: shape, N: 123, Root: filepath.Join(dir, "managed", "root"), Sources: filepath.Join(dir, "sources")}
				for _, step := range []func() error{s.Prepare, s.Clear, func() error { return NewFiles(s).Make(how) }, s.Verify} {
					if err := step(); err != nil {
						t.Fatal(err)
					}
				}
				before, err := s.Inodes()
				if err != nil {
					t.Fatal(err)
				}
				differs(t, s, 0)
				after, err := s.Inodes()
				if changed, _ := state.Touched(before, after); changed != 0 || err != nil {
					t.Errorf("looking changed %d inodes, %v", changed, err)
				}
				if err := s.Drift(); err != nil {
					t.Fatal(err)
				}
				differs(t, s, 1)
				if s.Verify() == nil {
					t.Error("a drifted file is as it should be")
				}
				if after, err = s.Inodes(); err != nil {
					t.Fatal(err)
				}
				if changed, _ := state.Touched(before, after); changed != 1 {
					t.Errorf("a drifted file is %d changed inodes", changed)
				}
			})
		}
	}
}

func differs(t *testing.T, s *state.State, want int) {
	t.Helper()
	if got, err := NewFiles(s).Check(); got != want || err != nil {
		t.Errorf("%d differ, want %d: %v", got, want, err)
	}
}
