package text_test

import (
	"os"
	"strings"
	"testing"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources/internal/text"
)

func needsRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root; left out: files of other users")
	}
}

// exchanging is a node whose user exchanges two of his files between two calls.
type exchanging struct {
	*hosttest.Host
	one, two  string
	onOpen    bool // else after the first look
	exchanged bool
}

func (e *exchanging) exchange() {
	if e.exchanged {
		return
	}
	e.exchanged = true
	e.Host.Exchange(e.one, e.two)
}

func (e *exchanging) Lstat(name string) (host.Stat, error) {
	st, err := e.Host.Lstat(name)
	if name == e.one && !e.onOpen {
		e.exchange()
	}
	return st, err
}

func (e *exchanging) Open(name string) (host.File, error) {
	f, err := e.Host.Open(name)
	if name == e.one && e.onOpen {
		e.exchange()
	}
	return f, err
}

// A user who exchanges names in his folder gets to see no file that he could not see before.
func TestExchangedMeanwhile(t *testing.T) {
	needsRoot(t)
	const tree = `-- secret 0600 --
root's own
-- bob/ 0755 nobody:nobody --
-- bob/f 0644 nobody:nobody --
his
-- bob/link -> /secret nobody:nobody --
-- bob/root 0600 --
root's own
-- bob/folder/ --
-- bob/folder/l -> ../root --
-- bob/trap/ nobody:nobody --
-- bob/trap/l -> /secret nobody:nobody --
`
	for name, c := range map[string]struct {
		one, two string
		onOpen   bool
		want     string
	}{
		"a file for a link":            {"/bob/f", "/bob/link", false, "/bob/f is a link, not a file"},
		"root's file for his":          {"/bob/root", "/bob/f", true, "somebody replaced it meanwhile"},
		"a link that is his all along": {"/bob/link", "/bob/link", false, "refused: a link that its owner may have planted"},
		"a link in a folder of root's": {"/bob/folder/l", "/bob/folder/l", false, "refused: a link that its owner may have planted"},
	} {
		t.Run(name, func(t *testing.T) {
			h := &exchanging{Host: hosttest.New(t, tree), one: c.one, two: c.two, onOpen: c.onOpen, exchanged: c.one == c.two}
			f, err := text.Read(h, c.one)
			if err == nil {
				f.Insert(len(f.Lines), "more")
				err = f.Write(t.Context(), h, host.Meta{})
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("want an error with %q, got %v", c.want, err)
			}
			if there := h.Content("/bob/root"); c.onOpen && there != "his\n" {
				t.Errorf("he sees %q", there)
			}
		})
	}
}

func TestReadFollowsRootsOwnLinks(t *testing.T) {
	h := hosttest.New(t, "-- etc/f --\na\n-- etc/l -> f --\n")
	f, err := text.Read(h, "/etc/l")
	if err != nil || f.Name != "/etc/f" || f.String() != "a\n" {
		t.Errorf("%+v, %v", f, err)
	}
	if _, err := text.ReadHere(h, "/etc/l"); err == nil || !strings.Contains(err.Error(), "is a link") {
		t.Errorf("want a refusal, got %v", err)
	}
}
