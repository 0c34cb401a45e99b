package backup

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
)

func TestAttribute(t *testing.T) {
	for value, want := range map[any]To{true: Store, false: None, "true": Store, ".bak": ".bak"} {
		var b To
		if err := b.UnmarshalAttr(value); err != nil || b != want {
			t.Errorf("%v: %q, %v", value, b, err)
		}
	}
	for _, bad := range []any{"bak", ".", "./x", "", []any{}} {
		if b := Store; bad != "" && b.UnmarshalAttr(bad) == nil {
			t.Errorf("%v was accepted", bad)
		}
	}
}

func TestKeep(t *testing.T) {
	const tree = "-- f 0640 daemon:bin --\nold\n-- folder/ 0755 root:root --\n-- l -> f root:root --\n-- pipe| 0600 root:root --\n"
	for name, tc := range map[string]struct {
		to   To
		of   string
		want string // besides what was there
	}{
		"a file":           {".bak", "/f", "-- f.bak 0640 daemon:bin --\nold\n"},
		"a link":           {".bak", "/l", "-- l.bak -> f root:root --\n"},
		"a folder":         {".bak", "/folder", ""},
		"a pipe":           {".bak", "/pipe", ""},
		"into the journal": {Store, "/f", ""},
		"nowhere":          {None, "/f", ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, tree)
			st, err := h.Lstat(tc.of)
			if err != nil {
				t.Fatal(err)
			}
			if err := tc.to.Keep(t.Context(), h, tc.of, st); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(hosttest.New(t, tree+tc.want).Snapshot(), h.Snapshot()); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("what is too large", func(t *testing.T) {
		h := hosttest.New(t, tree)
		err := To(".bak").Keep(t.Context(), h, "/f", host.Stat{Kind: host.Regular, Size: Cap + 1})
		if want := "backup: /f is larger than 1 GiB; old content kept"; err == nil || err.Error() != want {
			t.Errorf("want %q, got %v", want, err)
		}
	})
}
