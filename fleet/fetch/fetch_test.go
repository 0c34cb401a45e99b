package fetch

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/fleet"
	"github.com/nodeapply/apply/fleet/transport"
)

// node answers whatever it is asked with an archive and how it ended, as far as anybody takes it.
type node struct {
	transport.Conn
	archive io.Reader
	says    string
	exit    transport.Exit
	err     error
}

func (n node) Run(_ context.Context, c transport.Command) (transport.Exit, error) {
	if _, err := io.Copy(c.Stdout, n.archive); err != nil {
		return transport.Exit{}, &transport.OutputError{Err: err}
	}
	io.WriteString(c.Stderr, n.says)
	return n.exit, n.err
}

// TestGet: what a node sends and how it ends, and what is told of it: a failure, or a node that was lost.
func TestGet(t *testing.T) {
	file := sent{name: "./f", content: "x", kind: tar.TypeReg}
	cut := func(entries ...sent) io.Reader { b := archive(t, entries...); b.Truncate(600); return b }
	for _, tt := range []struct {
		name   string
		node   node
		failed string // "" where it is there
		lost   bool
	}{
		{"all of it", node{archive: archive(t, file)}, "", false},
		{"nothing there", node{archive: strings.NewReader(""), says: "f: no such file or folder\n", exit: transport.Exit{Code: 1}}, "f: no such file or folder", false},
		{"what is not wanted", node{archive: archive(t, sent{name: "./f", kind: tar.TypeFifo}, file)}, "./f: is neither a file, a folder nor a link", false},
		{"altered", node{archive: archive(t, sent{name: "./f", kind: tar.TypeReg, sum: strings.Repeat("0", 64)})}, "f: the checksum does not match", false},
		{"lost in the middle", node{archive: cut(file), err: transport.ErrLost}, "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			err := Get(t.Context(), tt.node, "n1", "/srv/f", dir)
			var failed *fleet.JobError
			switch {
			case tt.lost:
				if !errors.Is(err, transport.ErrLost) || errors.As(err, &failed) {
					t.Errorf("want %v, got %v", transport.ErrLost, err)
				}
			case tt.failed != "":
				if !errors.As(err, &failed) || failed.Error() != tt.failed {
					t.Errorf("want %q, got %v", tt.failed, err)
				}
			case err != nil:
				t.Error(err)
			}
			if _, missing := os.Stat(dir + "/n1"); (missing == nil) != (err == nil) {
				t.Errorf("what is left: %v", missing)
			}
		})
	}
}

// TestToldOnce: what this machine lacks is told in the same words of each node, without the names of folders that are one node's.
func TestToldOnce(t *testing.T) {
	get := func(name, dir string) error {
		return Get(t.Context(), node{archive: archive(t, sent{name: "./f", content: "x", kind: tar.TypeReg})}, name, "/srv/f", dir)
	}
	t.Run("open files", func(t *testing.T) {
		dir := t.TempDir()
		var limit unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal(err)
		}
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Max: limit.Max}); err != nil {
			t.Fatal(err)
		}
		err := get("n1", dir)
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal(err)
		}
		if err == nil || err.Error() != unix.EMFILE.Error() {
			t.Errorf("want %v, got %v", unix.EMFILE, err)
		}
	})
	t.Run("a folder", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := get("n1", file); err == nil || err.Error() != file+"/NODE: not a directory" {
			t.Errorf("got %v", err)
		}
	})
}

// here is this machine as a node n1.
func here(t *testing.T) transport.Conn {
	t.Helper()
	c, err := transport.NewConnector(`sh -c 'exec sh -c "$1"'`)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := c.Dial(t.Context(), transport.Target{Name: "n1"})
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// TestMadeUpFiles: files that the kernel makes up when they are read come as they read, though they have no size, or a wrong one.
func TestMadeUpFiles(t *testing.T) {
	conn := here(t)
	for _, file := range []string{"/proc/version", "/sys/kernel/mm/transparent_hugepage/enabled"} {
		want, err := os.ReadFile(file)
		if err != nil {
			t.Logf("%s: not tried: %v", file, err)
			continue
		}
		dir := t.TempDir()
		if err := Get(t.Context(), conn, "n1", file, dir); err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		got, err := os.ReadFile(filepath.Join(dir, "n1", filepath.Base(file)))
		if err != nil || string(got) != string(want) {
			t.Errorf("%s: want %q, got %q, %v", file, want, got, err)
		}
	}
}

// TestNames: what is fetched has the last element of its name, however that is written; where it has none nothing is fetched.
func TestNames(t *testing.T) {
	conn := here(t)
	src := t.TempDir()
	if err := os.MkdirAll(filepath.Join(src, "d", "e"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, fetched := range map[string]bool{"/d": true, "/d/": true, "/d//": true, "/d/.": true, "/d/./": true, "/d/e/../../d": true, "/d/..": false, "/d/e/../": false} {
		dir := t.TempDir()
		err := Get(t.Context(), conn, "n1", src+name, dir)
		if fetched {
			if _, missing := os.Stat(filepath.Join(dir, "n1", "d", "e")); err != nil || missing != nil {
				t.Errorf("%s: %v, %v", name, err, missing)
			}
		} else if err == nil || err.Error() != src+name+": has no last element to be named by" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"/", "//", ".", "./", "..", "", "/."} {
		if err := Get(t.Context(), conn, "n1", name, t.TempDir()); err == nil || !strings.HasSuffix(err.Error(), "has no last element to be named by") {
			t.Errorf("%q: %v", name, err)
		}
	}
}
