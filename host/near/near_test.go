package near_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/local"
	"github.com/nodeapply/apply/host/near"
)

// holds counts the folders that are held and let go of.
type holds struct {
	*local.Node
	held, closed int
}

func (h *holds) Hold(name string) (host.Folder, error) {
	f, err := h.Node.Hold(name)
	if err != nil {
		return nil, err
	}
	h.held++
	return held{f, h}, nil
}

type held struct {
	host.Folder
	of *holds
}

func (h held) Close() error {
	h.of.closed++
	return h.Folder.Close()
}

// seen is what a View says of a name.
type seen struct {
	Kind                   host.Kind
	Orphan                 bool
	Content, Lstat, Opened string
}

func look(v host.View, name string) (s seen) {
	said := func(err error) string {
		if err == nil {
			return ""
		}
		return err.Error()
	}
	st, err := v.Lstat(name)
	s.Kind, s.Orphan, s.Lstat = st.Kind, st.Orphan, said(err)
	f, err := v.Open(name)
	s.Opened = said(err)
	if err != nil {
		if not := (*host.NotFileError)(nil); errors.As(err, &not) {
			s.Opened += " " + not.Stat.Kind.String()
		}
		return s
	}
	defer f.Close()
	content, err := io.ReadAll(f)
	s.Content = string(content) + said(err)
	return s
}

func TestNear(t *testing.T) {
	dir := t.TempDir()
	for _, err := range []error{
		os.MkdirAll(dir+"/a/sub", 0o755), os.Mkdir(dir+"/b", 0o755), os.Symlink("a", dir+"/link"), os.Symlink("one", dir+"/a/other"),
		os.WriteFile(dir+"/a/one", []byte("1"), 0o644), os.WriteFile(dir+"/a/two", []byte("2"), 0o644), os.WriteFile(dir+"/b/one", []byte("b"), 0o644),
		os.WriteFile(dir+"/top", []byte("top"), 0o644), os.WriteFile(dir+"/a/sub/one", []byte("sub"), 0o644),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	l, err := local.New(local.Options{Root: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, tc := range []struct {
		name  string
		names []string
		held  int
	}{
		{"beside each other", []string{"/a/one", "/a/two", "/a/other", "/a/none", "/a/sub"}, 1},
		{"two folders by turns", []string{"/a/one", "/b/one", "/a/two", "/b/none", "/a/none"}, 2},
		{"three folders by turns", []string{"/a/one", "/b/one", "/a/sub/one", "/a/two"}, 4},
		{"a folder and what is in it", []string{"/a", "/a/one", "/a/sub", "/a/sub/one", "/a/two"}, 3},
		{"at the top", []string{"/top", "/a", "/", "/none", "/link"}, 1},
		{"through a link", []string{"/link/one", "/link/two", "/a/one"}, 2},
		{"no folder", []string{"/none/one", "/none/two", "/top/one"}, 0},
		{"not clean", []string{"/a/one", "/a/../b/one", "/a//two", "/a/./two", "/a/", "/a/.", "/a/..", "a/one", ""}, 1},
		{"a zero byte", []string{"/a/one", "/a/t\x00wo", "/\x00/one"}, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := &holds{Node: l}
			n := &near.View{View: h}
			for _, name := range tc.names {
				if diff := cmp.Diff(look(l, name), look(n, name)); diff != "" {
					t.Errorf("%q: -plain +near\n%s", name, diff)
				}
			}
			if h.held != tc.held {
				t.Errorf("want %d folders held, got %d", tc.held, h.held)
			}
			if err := n.Close(); err != nil || h.closed != h.held {
				t.Errorf("%d of %d folders let go of, %v", h.closed, h.held, err)
			}
			if diff := cmp.Diff(look(l, "/a/one"), look(n, "/a/one")); diff != "" {
				t.Errorf("after it was closed: -plain +near\n%s", diff)
			}
			if err := n.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// The first name of a folder is asked for as it is: whether a file server answers is found out by it.
func TestNearHoldsAtTheSecond(t *testing.T) {
	dir := t.TempDir()
	l, err := local.New(local.Options{Root: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	h := &holds{Node: l}
	n := &near.View{View: h}
	defer n.Close()
	for i, want := range []int{0, 1, 1} {
		if _, err := n.Lstat(fmt.Sprintf("/file%d", i)); err != nil {
			t.Error(err)
		}
		if h.held != want {
			t.Errorf("after %d names: want %d folders held, got %d", i+1, want, h.held)
		}
	}
}
