package line

import (
	"context"
	"testing"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources"
)

// meddled is a node on which somebody edits each file, by another name, just before it is written.
type meddled struct {
	host.Host
	edit func() error
}

func (m *meddled) WriteFile(ctx context.Context, name string, f host.NewFile) error {
	if edit := m.edit; edit != nil {
		m.edit = nil
		if err := edit(); err != nil {
			return err
		}
	}
	return m.Host.WriteFile(ctx, name, f)
}

// What another line of the file has written by another name is not taken away.
func TestByAnotherName(t *testing.T) {
	h := hosttest.New(t, "-- etc/f --\none\n-- etc/l -> f --\n")
	other := &Line{Path: "/etc/f", Line: "other", Ensure: present}
	m := &meddled{Host: h, edit: func() error { return other.Apply(t.Context(), h, resources.Diff{}) }}
	if err := (&Line{Path: "/etc/l", Line: "mine", Ensure: present}).Apply(t.Context(), m, resources.Diff{}); err != nil {
		t.Fatal(err)
	}
	if got, want := h.Content("/etc/f"), "one\nother\nmine\n"; got != want {
		t.Errorf("want %q, got %q", want, got)
	}
}
