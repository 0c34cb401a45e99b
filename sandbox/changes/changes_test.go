package changes

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// layer makes a folder of files: a name that ends with "/" is a folder, "name -> target" a link, "name|" a fifo.
func layer(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		at := filepath.Join(dir, strings.TrimRight(name, "|"))
		var err error
		link, target, isLink := strings.Cut(at, " -> ")
		switch {
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(at, 0o755)
		case isLink:
			err = os.Symlink(target, link)
		case strings.HasSuffix(name, "|"):
			err = unix.Mkfifo(at, 0o600)
		default:
			err = errors.Join(os.MkdirAll(filepath.Dir(at), 0o755), os.WriteFile(at, []byte(text), 0o644))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// said is what is different, without owners and hashes.
func said(all map[string]Change, lower string) map[string]string {
	got := map[string]string{}
	for name, c := range all {
		var words []string
		for _, x := range []Thing{c.Before, c.After} {
			s, _, _ := strings.Cut(x.String(), " sha256:")
			f := strings.Fields(s)
			if len(f) > 2 {
				f = append(f[:2], f[3:]...)
			}
			words = append(words, strings.Join(f, " "))
		}
		got[strings.TrimPrefix(name, lower+"/")] = strings.Join(words, " > ")
	}
	return got
}

// An upper layer is held against the folder that it lies over. What an overlay says by its own marks is tried in a box, see the package sandbox.
func TestIn(t *testing.T) {
	lower := layer(t, map[string]string{"same": "1", "other": "1", "lines": "a\nb\n", "order": "a\nb\n", "was a file": "1", "was a folder/in": "1", "link -> same": "", "skip/x": "1", "skipped": "1"})
	upper := layer(t, map[string]string{
		"same": "1", "other": "2", "lines": "b\na\n", "order": "b\na\n", "new": "n", "was a file/in": "1", "was a folder": "1", "link -> other": "", "skip/x": "2", "skipped": "2", "fifo|": "",
	})
	if err := os.Chmod(filepath.Join(upper, "same"), 0o600); err != nil {
		t.Fatal(err)
	}
	all := map[string]Change{}
	view := View{Skip: []string{filepath.Join(lower, "skip")}, Essence: sortedLines(filepath.Join(lower, "lines"))}
	if err := In(upper, lower, view, all); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"same": "file 0644 > file 0600", "other": "file 0644 > file 0644", "order": "file 0644 > file 0644", "new": "nothing > file 0644",
		"was a file": "file 0644 > directory 0755", "was a file/in": "nothing > file 0644", "was a folder": "directory 0755 > file 0644",
		"link": "link 0777 same > link 0777 other", "skipped": "file 0644 > file 0644", "fifo": "nothing > fifo 0600",
	}
	if diff := cmp.Diff(want, said(all, lower)); diff != "" {
		t.Error(diff)
	}
}

// What tells a content from another's is its essence; the text is as it is.
func TestEssence(t *testing.T) {
	upper := layer(t, map[string]string{"lines": "b\na\n", "long": strings.Repeat("b\na\n", textSize)})
	all := map[string]Change{}
	lower := t.TempDir()
	if err := In(upper, lower, View{Essence: func(string) func([]byte) []byte { return func([]byte) []byte { return []byte("x") } }}, all); err != nil {
		t.Fatal(err)
	}
	lines, long := all[filepath.Join(lower, "lines")].After, all[filepath.Join(lower, "long")].After
	if lines.Content != long.Content || lines.Text != "b\na\n" || long.Text != "" {
		t.Errorf("lines: %+v, long: %s, %d bytes of text", lines, long.Content, len(long.Text))
	}
}

// sortedLines is the essence of one file: what its lines say in any order.
func sortedLines(of string) func(name string) func([]byte) []byte {
	return func(name string) func([]byte) []byte {
		if name != of {
			return nil
		}
		return func(b []byte) []byte { return slices.Concat(slices.SortedFunc(bytes.Lines(b), bytes.Compare)...) }
	}
}

// The text of a file is kept where it is one, is short, and everybody may read it.
func TestText(t *testing.T) {
	upper := layer(t, map[string]string{"text": "hello\n", "binary": "a\x00b", "latin": "\xe4", "long": strings.Repeat("x", textSize+1), "private": "secret"})
	if err := os.Chmod(filepath.Join(upper, "private"), 0o640); err != nil {
		t.Fatal(err)
	}
	all := map[string]Change{}
	if err := In(upper, t.TempDir(), View{}, all); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for name, c := range all {
		got[filepath.Base(name)] = c.After.Text
	}
	if diff := cmp.Diff(map[string]string{"text": "hello\n", "binary": "", "latin": "", "long": "", "private": ""}, got); diff != "" {
		t.Error(diff)
	}
}
