package apply_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/nodeapply/apply"
)

func minimal(t *testing.T) string {
	main := filepath.Join(t.TempDir(), "main.hcl")
	if err := os.WriteFile(main, []byte("exec \"true\" {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return main
}

// TestLoadKeepsNothingOpen: who runs for months loads a manifest anew for each run.
func TestLoadKeepsNothingOpen(t *testing.T) {
	main := minimal(t)
	open := func() int {
		for range 10 {
			if _, err := apply.Load(t.Context(), main, apply.Options{}); err != nil {
				t.Fatal(err)
			}
		}
		fds, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(fds)
	}
	if before, after := open(), open(); after > before {
		t.Errorf("%d files are open, %d after more loads", before, after)
	}
}

func TestLoadIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("the operator went home")
	cancel(gone)
	if _, err := apply.Load(ctx, minimal(t), apply.Options{}); !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
}
