package conffile

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
)

// Configuration files that were changed on the node are kept or replaced as is asked, whatever the manager does by itself and even if it fails: those
// of the transaction alone.
func TestSettle(t *testing.T) {
	const tree = "-- etc/a.conf 0600 --\nmine\n-- etc/d/b.conf --\nmine\n-- etc/d/b.conf.new --\nolder\n-- etc/d/b.conf.old --\nolder\n-- etc/gone.conf --\nmine\n"
	mode := uint32(0o640)
	write := func(h *hosttest.Host, name, content string, mode uint32) {
		t.Helper()
		if err := h.WriteFile(t.Context(), name, host.NewFile{Content: strings.NewReader(content), Meta: host.Meta{Mode: &mode}}); err != nil {
			t.Fatal(err)
		}
	}
	beside := func(h *hosttest.Host) { write(h, "/etc/a.conf.new", "packed\n", mode) }
	over := func(h *hosttest.Host) {
		write(h, "/etc/a.conf.old", "mine\n", 0o600)
		write(h, "/etc/a.conf", "packed\n", mode)
		write(h, "/etc/gone.conf.old", "mine\n", 0o600)
		if err := h.Remove(t.Context(), "/etc/gone.conf", false); err != nil {
			t.Fatal(err)
		}
	}
	kept := map[string]string{"/etc/a.conf": "mine\n", "/etc/a.conf.new": "packed\n", "/etc/a.conf.old": ""}
	for name, tt := range map[string]struct {
		replace     bool
		transaction func(h *hosttest.Host)
		mode        uint32
		want        map[string]string
	}{
		"keep, put beside":       {false, beside, 0o600, kept},
		"replace, put beside":    {true, beside, mode, map[string]string{"/etc/a.conf": "packed\n", "/etc/a.conf.new": "", "/etc/a.conf.old": ""}},
		"keep, put over it":      {false, over, 0o600, kept},
		"replace, put over it":   {true, over, mode, map[string]string{"/etc/a.conf": "packed\n", "/etc/a.conf.new": "", "/etc/a.conf.old": "mine\n"}},
		"keep, of what has gone": {false, over, 0o600, map[string]string{"/etc/gone.conf": "", "/etc/gone.conf.new": "", "/etc/gone.conf.old": "mine\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, tree)
			failed := errors.New("a script failed")
			ctx, cancel := context.WithCancel(t.Context())
			err := Settle(ctx, h, tt.replace, Endings{New: ".new", Old: ".old"}, func() error {
				tt.transaction(h)
				cancel()
				return failed
			})
			if !errors.Is(err, failed) {
				t.Fatalf("want the transaction's error, got %v", err)
			}
			maps.Copy(tt.want, map[string]string{"/etc/d/b.conf": "mine\n", "/etc/d/b.conf.new": "older\n", "/etc/d/b.conf.old": "older\n"})
			got := map[string]string{}
			for file := range tt.want {
				if got[file], err = host.ReadFile(h, file); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if st, err := h.Lstat("/etc/a.conf"); err != nil || st.Mode != tt.mode {
				t.Errorf("mode %o, %v, want %o", st.Mode, err, tt.mode)
			}
		})
	}
}
