package place_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/fleet/files"
	"github.com/nodeapply/apply/fleet/place"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/local"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func archive(t *testing.T, sources ...string) *files.Archive {
	t.Helper()
	b, err := files.NewBundle(sources)
	must(t, err)
	a, err := b.Archive()
	must(t, err)
	return a
}

// TestInstall: every place, from every state of it.
func TestInstall(t *testing.T) {
	type state map[string]string // name to content; a folder ends in /
	for _, tt := range []struct {
		name    string
		before  state
		to      string
		sources []string // of file, folder
		after   state
		err     string
	}{
		{"a file, new", nil, "new", []string{"file"}, state{"new": "F"}, ""},
		{"a file, over another", state{"new": "old"}, "new", []string{"file"}, state{"new": "F"}, ""},
		{"a file, into a folder", state{"d/": ""}, "d", []string{"file"}, state{"d/": "", "d/file": "F"}, ""},
		{"a file, into a folder to be made", nil, "d/e/", []string{"file"}, state{"d/": "", "d/e/": "", "d/e/file": "F"}, ""},
		{"a file, over a folder", state{"d/": "", "d/file/": ""}, "d", []string{"file"}, state{"d/": "", "d/file/": ""}, "not a file"},
		{"both, a folder in the way of one", state{"d/folder/a/": "", "d/file": "old"}, "d", []string{"file", "folder"},
			state{"d/": "", "d/file": "old", "d/folder/": "", "d/folder/a/": ""}, "d/folder/a: is a folder, not a file"},
		{"a folder, into one with a file in its way", state{"d/folder": "old"}, "d", []string{"file", "folder"},
			state{"d/": "", "d/folder": "old"}, "d/folder: is there and not a folder"},
		{"a file, nowhere", nil, "no/where", []string{"file"}, nil, "no such file"},
		{"a folder, new", nil, "new", []string{"folder"}, state{"new/": "", "new/a": "A"}, ""},
		{"a folder, over a file", state{"new": "old"}, "new", []string{"folder"}, state{"new": "old"}, "is there and not a folder"},
		{"a folder, into one that has it", state{"d/": "", "d/folder/": "", "d/folder/a": "old", "d/folder/kept": "k"}, "d", []string{"folder"},
			state{"d/": "", "d/folder/": "", "d/folder/a": "A", "d/folder/kept": "k"}, ""},
		{"what a folder holds, new", nil, "new", []string{"folder/."}, state{"new/": "", "new/a": "A"}, ""},
		{"what a folder holds, into a folder", state{"d/a": "old", "d/kept": "k"}, "d/", []string{"folder/."}, state{"d/": "", "d/a": "A", "d/kept": "k"}, ""},
		{"what a folder holds, into one to be made", nil, "d/e/", []string{"folder/."}, state{"d/": "", "d/e/": "", "d/e/a": "A"}, ""},
		{"what a folder holds, over a file", state{"new": "old"}, "new", []string{"folder/."}, state{"new": "old"}, "is there and not a folder"},
		{"what a folder holds, a folder in its way", state{"d/a/": ""}, "d", []string{"folder/."}, state{"d/": "", "d/a/": ""}, "d/a: is a folder, not a file"},
		{"both", nil, "d", []string{"file", "folder"}, state{"d/": "", "d/file": "F", "d/folder/": "", "d/folder/a": "A"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			from, root := t.TempDir(), t.TempDir()
			fill := func(dir string, s state) {
				for name, text := range s {
					file := filepath.Join(dir, name)
					must(t, os.MkdirAll(filepath.Dir(file), 0o755))
					if strings.HasSuffix(name, "/") {
						must(t, os.MkdirAll(file, 0o755))
					} else {
						must(t, os.WriteFile(file, []byte(text), 0o644))
					}
				}
			}
			fill(from, state{"file": "F", "folder/a": "A"})
			fill(root, tt.before)
			var sources []string
			for _, s := range tt.sources {
				sources = append(sources, from+"/"+s)
			}
			to := filepath.Join(root, tt.to)
			if strings.HasSuffix(tt.to, "/") {
				to += "/"
			}
			h, err := local.New(local.Options{})
			must(t, err)
			defer h.Close()
			b, err := files.NewBundle(sources)
			must(t, err)
			a, err := b.Archive()
			must(t, err)
			err = install(t, h, a, to, b.Tops())
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("want error %q, got %v", tt.err, err)
			}
			got := state{}
			must(t, filepath.WalkDir(root, func(name string, d os.DirEntry, err error) error {
				rel, _ := filepath.Rel(root, name)
				switch {
				case err != nil || rel == ".":
				case d.IsDir():
					got[rel+"/"] = ""
				default:
					text, readErr := os.ReadFile(name)
					got[rel], err = string(text), readErr
				}
				return err
			}))
			if tt.after == nil {
				tt.after = state{}
			}
			if diff := cmp.Diff(tt.after, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func install(t *testing.T, h host.Host, a *files.Archive, to string, tops int) error {
	t.Helper()
	there, err := place.New(t.Context(), h, to, tops)
	must(t, err)
	spool, err := there.Spool(a.Size(), a.Own(), nil)
	if err != nil {
		return err
	}
	defer spool.Close()
	_, err = io.Copy(io.NewOffsetWriter(spool, 0), io.NewSectionReader(a, 0, a.Size()))
	must(t, err)
	in, err := there.Open(spool)
	must(t, err)
	return in.Do(t.Context(), h)
}

// contested is a node on which somebody else replaces each file as it is written, so many times.
type contested struct {
	host.Host
	left int
}

func (c *contested) WriteFile(ctx context.Context, name string, f host.NewFile) error {
	if c.left--; c.left >= 0 {
		_, _ = io.Copy(io.Discard, f.Content)
		return fmt.Errorf("write: %s: %w", name, host.ErrReplaced)
	}
	return c.Host.WriteFile(ctx, name, f)
}

// TestInstallContested: of two who put a file at once the later one has it, and neither fails.
func TestInstallContested(t *testing.T) {
	from, root := t.TempDir(), t.TempDir()
	source, to := filepath.Join(from, "file"), filepath.Join(root, "file")
	must(t, os.WriteFile(source, []byte("new"), 0o644))
	for _, tt := range []struct {
		times int
		want  string
		err   error
	}{{3, "new", nil}, {100, "old", host.ErrReplaced}} {
		must(t, os.WriteFile(to, []byte("old"), 0o644))
		h, err := local.New(local.Options{})
		must(t, err)
		defer h.Close()
		if err := install(t, &contested{h, tt.times}, archive(t, source), to, 1); !errors.Is(err, tt.err) {
			t.Errorf("%d times: want %v, got %v", tt.times, tt.err, err)
		}
		got, err := os.ReadFile(to)
		must(t, err)
		if diff := cmp.Diff(tt.want, string(got)); diff != "" {
			t.Errorf("%d times: %s", tt.times, diff)
		}
	}
}

// TestInstallTells: what cannot be written is told by the name that it was to have, also in a folder that comes by one rename.
func TestInstallTells(t *testing.T) {
	from, root := t.TempDir(), t.TempDir()
	must(t, os.MkdirAll(filepath.Join(from, "folder"), 0o755))
	for _, name := range []string{"a", "b"} {
		must(t, os.WriteFile(filepath.Join(from, "folder", name), nil, 0o644))
	}
	fails := func(to, want string) {
		t.Helper()
		h, err := local.New(local.Options{})
		must(t, err)
		defer h.Close()
		if err := install(t, broken{h}, archive(t, filepath.Join(from, "folder")), filepath.Join(root, to), 1); err == nil || !strings.HasPrefix(err.Error(), filepath.Join(root, want)+": no room") {
			t.Errorf("want %s, got %v", want, err)
		}
	}
	fails("new", "new/b")
	must(t, os.MkdirAll(filepath.Join(root, "there/folder"), 0o755))
	fails("there", "there/folder/b")
}

// TestInstallHeld: a folder into which goes what another holds keeps its mode, one that is made gets the other's.
func TestInstallHeld(t *testing.T) {
	from, root := t.TempDir(), t.TempDir()
	must(t, os.Chmod(from, 0o700))
	must(t, os.Chmod(root, 0o751))
	must(t, os.Mkdir(filepath.Join(from, "folder"), 0o750))
	h, err := local.New(local.Options{})
	must(t, err)
	defer h.Close()
	for _, name := range []string{"", "new"} {
		must(t, install(t, h, archive(t, from+"/."), filepath.Join(root, name), 0))
	}
	for name, want := range map[string]os.FileMode{"": 0o751, "folder": 0o750, "new": 0o700, "new/folder": 0o750} {
		info, err := os.Stat(filepath.Join(root, name))
		must(t, err)
		if info.Mode().Perm() != want {
			t.Errorf("%q: want mode %v, got %v", name, want, info.Mode())
		}
	}
}

// broken is a host without room for b.
type broken struct{ host.Host }

func (h broken) WriteFile(ctx context.Context, name string, f host.NewFile) error {
	if filepath.Base(name) == "b" {
		return errors.New("no room")
	}
	return h.Host.WriteFile(ctx, name, f)
}

// Supplant gives what makes it no room for b either.
func (h broken) Supplant(ctx context.Context, name string, all bool, make func(host.Host, string) error) error {
	return h.Host.Supplant(ctx, name, all, func(inner host.Host, name string) error { return make(broken{inner}, name) })
}
