package undo

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/host/recording"
	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/journal/internal/since"
	"github.com/nodeapply/apply/resources"
)

// Runs that changed the same file are undone one after the other, the last one first: each finds what it left, which the undo of the next brought back.
func TestOneFileOfSeveralRuns(t *testing.T) {
	for name, tc := range map[string]struct {
		// do is done in turn. A run writes its id, after m its mode before that, after d it dies in it, after l long before; after b it has done it as
		// one resource, and dies in it as another. x is an undo
		// that dies when it has set the mode, xl long before. u undoes a run, hand edits the file.
		do      string
		refused string // of the last undo
		want    string
	}{
		"two":                        {do: "1 2 u2 u1", want: "old"},
		"three":                      {do: "1 2 3 u3 u2 u1", want: "old"},
		"again after an undo":        {do: "1 2 u2 3 u3 u1", want: "old"},
		"mode and content":           {do: "1 m2 u2 u1", want: "old"},
		"the later one is not":       {do: "1 2 u1", refused: since.Changed, want: "2"},
		"edited between them":        {do: "1 hand 2 u2 u1", refused: since.Changed, want: "hand"},
		"edited after the undo":      {do: "1 2 u2 hand u1", refused: since.Changed, want: "hand"},
		"one that died":              {do: "d1 2 u2 u1", want: "old"},
		"one that died with another": {do: "b1 2 u2 u1", want: "old"},
		"an undo that died":          {do: "1 x1 u1", want: "old"},
		"edited, an undo that died":  {do: "1 hand x1 u1", refused: since.Changed, want: "hand"},
		"an undo that died long ago": {do: "1 xl1 u1", refused: since.Changed, want: "1"},
		"one that died long before":  {do: "l1 2 u2 u1", refused: "the run died in the middle of it, and it may have changed since", want: "1"},
	} {
		t.Run(name, func(t *testing.T) {
			h, s := hosttest.New(t, "-- f 0640 --\nold"), open(t)
			refused := ""
			for _, word := range strings.Fields(tc.do) {
				id := word[len(word)-1:]
				switch {
				case word == "hand":
					write(t, h, "hand")
				case word[0] == 'u':
					u, err := PlanOf(t.Context(), s, h, nil, id)
					if err != nil {
						t.Fatal(err)
					}
					for _, step := range u.Steps {
						refused = step.Refused
					}
					if refused == "" {
						undoAll(t, s, h, id)
					}
				default:
					written(t, s, h, id, word)
				}
			}
			if diff := cmp.Diff(tc.refused, refused); diff != "" {
				t.Error(diff)
			}
			if got, err := os.ReadFile(h.Path("/f")); err != nil || strings.TrimSpace(string(got)) != tc.want {
				t.Errorf("%q, want %q (%v)", got, tc.want, err)
			}
		})
	}
}

func write(t *testing.T, h host.Host, content string) {
	t.Helper()
	if err := h.WriteFile(t.Context(), "/f", host.NewFile{Content: strings.NewReader(content)}); err != nil {
		t.Fatal(err)
	}
}

// written is a run that writes its id.
func written(t *testing.T, s *journal.State, h *hosttest.Host, id, how string) {
	t.Helper()
	mode, undoes := uint32(0o600), ""
	if how[0] == 'x' {
		id, undoes = "9", id
	}
	write := func(ctx context.Context, h host.Host) error {
		var err error
		if how[0] == 'm' || undoes != "" {
			err = h.SetMeta(ctx, "/f", host.Meta{Mode: &mode})
		}
		if undoes != "" {
			return err
		}
		return errors.Join(err, h.WriteFile(ctx, "/f", host.NewFile{Content: strings.NewReader(id)}))
	}
	if how == id || how[0] == 'm' {
		recorded(t, s, h, id, write)
		return
	}
	r, ctx := begin(t, s, id, undoes), t.Context()
	err := errors.Join(r.Begin(ctx, motd, resources.Diff{}, nil, nil), write(ctx, recording.Of(h, recorder{r, motd})))
	if how[0] == 'b' {
		err = errors.Join(err, r.Ended(ctx, motd, h), r.Begin(ctx, issue, resources.Diff{}, nil, nil), write(ctx, recording.Of(h, recorder{r, issue})))
	}
	st, serr := h.Lstat("/f")
	if err = errors.Join(err, serr, r.Leave()); err != nil {
		t.Fatal(err)
	}
	last := st.Changed.Add(-time.Second) // just about at once
	if strings.Contains(how, "l") {
		last = last.Add(-time.Hour)
	}
	if err := os.Chtimes(filepath.Join(s.Dir(), "journal", id+".journal"), last, last); err != nil {
		t.Fatal(err)
	}
}
