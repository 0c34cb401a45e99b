package conffile

import (
	"errors"
	"io/fs"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
)

// busy is a node where somebody else has removed a folder by the time that it is looked into.
type busy struct{ *hosttest.Host }

func (b busy) ReadDir(folder string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if folder != "/etc" || yield("a-gone", nil) {
			b.Host.ReadDir(folder)(yield)
		}
	}
}

func (b busy) Lstat(name string) (host.Stat, error) {
	if name == "/etc/a-gone" {
		name = "/etc"
	}
	return b.Host.Lstat(name)
}

// broken is a node with a file that cannot be looked at.
type broken struct{ *hosttest.Host }

func (b broken) Lstat(name string) (host.Stat, error) {
	if strings.HasSuffix(name, "/bad.new") {
		return host.Stat{}, fs.ErrPermission
	}
	return b.Host.Lstat(name)
}

func TestSaved(t *testing.T) {
	const deep = "etc/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/"
	h := hosttest.New(t, "-- etc/a.new --\n-- etc/d/e/b.conf.new --\n-- etc/d/.new --\n-- etc/folder.new/ --\n-- etc/link.new -> a.new --\n-- etc/c.conf --\n-- "+
		deep+"last.new --\n-- "+deep+"17/beyond.new --\n")
	want := []string{"/" + deep + "last", "/etc/a", "/etc/d/e/b.conf"}
	for name, v := range map[string]host.View{"quiet": h, "a folder that goes meanwhile": busy{h}} {
		t.Run(name, func(t *testing.T) {
			got, err := Saved(v, ".new")
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("no /etc", func(t *testing.T) {
		if got, err := Saved(hosttest.New(t, ""), ".new"); err != nil || got != nil {
			t.Error(got, err)
		}
	})
}

// A transaction is not begun where nobody could tell afterwards what it put aside.
func TestSettleCannotLook(t *testing.T) {
	h := broken{hosttest.New(t, "-- etc/d/bad.new --\n")}
	err := Settle(t.Context(), h, true, Endings{New: ".new"}, func() error { t.Error("it was begun"); return nil })
	if !errors.Is(err, fs.ErrPermission) {
		t.Errorf("want an error, got %v", err)
	}
}

// One that left behind what cannot be settled has not come to its end.
func TestSettleFails(t *testing.T) {
	h := broken{hosttest.New(t, "-- etc/bad --\n")}
	err := Settle(t.Context(), h, true, Endings{New: ".new"}, func() error {
		return h.WriteFile(t.Context(), "/etc/bad.new", host.NewFile{Content: strings.NewReader("packed\n")})
	})
	if !errors.Is(err, fs.ErrPermission) {
		t.Errorf("want an error, got %v", err)
	}
}
