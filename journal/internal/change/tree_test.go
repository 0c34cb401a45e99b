package change

import (
	"fmt"
	"iter"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
)

// crowded is a node with a folder of more names than are kept.
type crowded struct{ host.View }

func (c crowded) ReadDir(name string) iter.Seq2[string, error] {
	if !strings.HasSuffix(name, "/crowded") {
		return c.View.ReadDir(name)
	}
	return func(yield func(string, error) bool) {
		for i := 0; i <= host.KeptNames && yield(fmt.Sprint(i), nil); i++ {
		}
	}
}

// bottomless is a node with folders in folders without end.
type bottomless struct{ host.View }

func (bottomless) Lstat(name string) (host.Stat, error) {
	if len(name) >= host.PathMax {
		return host.Stat{}, syscall.ENAMETOOLONG
	}
	return host.Stat{Kind: host.Directory}, nil
}

func (bottomless) ReadDir(string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) { yield(strings.Repeat("d", 255), nil) }
}

// What is too deep to be named is no reason not to remove it.
func TestTreeThatIsTooDeep(t *testing.T) {
	names, cut, err := tree(bottomless{}, "/d")
	if err != nil || len(names) != 16 || len(cut) != 1 || cut[names[15]] != "what was in it is too deep to be named" {
		t.Errorf("%d names, cut %v, %v", len(names), cut, err)
	}
}

// Of a folder with too much in it nothing is kept, and that is on record; what is beside it is kept.
func TestTreeThatIsTooLarge(t *testing.T) {
	files, folder, l := begin(t)
	h := hosttest.New(t, "-- d/a/crowded/x --\n-- d/b/f --\n-- d/z --\n")
	if err := files.Announce(t.Context(), l, addr, crowded{h}, host.Op{Kind: host.OpRemove, Name: "/d", All: true}); err != nil {
		t.Fatal(err)
	}
	p, _, err := folder.Read("1")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, step := range p.Ops {
		text := string(step.Op.Name)
		if step.Op.Pre.Missing != "" {
			text += ": " + step.Op.Pre.Missing
		}
		got = append(got, text)
	}
	want := []string{"/d/b/f", "/d/a/crowded: more than 100000 names were removed at once", "/d/z", "/d/b", "/d/a", "/d"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
