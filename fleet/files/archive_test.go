package files_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/fleet/files"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// source is a folder with what a bundle may have.
func source(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "site")
	must(t, os.MkdirAll(filepath.Join(dir, "sub/empty"), 0o755))
	for name, size := range map[string]int{"none": 0, "block": 512, "sub/odd": 1000, strings.Repeat("long", 40): 3} {
		must(t, os.WriteFile(filepath.Join(dir, name), bytes.Repeat([]byte("x"), size), 0o640))
	}
	must(t, os.Symlink("../none", filepath.Join(dir, "sub/link")))
	must(t, os.Chmod(filepath.Join(dir, "sub"), 0o750))
	return dir
}

func archive(t *testing.T, sources ...string) *files.Archive {
	t.Helper()
	b, err := files.NewBundle(sources)
	must(t, err)
	a, err := b.Archive()
	must(t, err)
	return a
}

// TestArchive: read from any place, it is a tar archive of all there is.
func TestArchive(t *testing.T) {
	a := archive(t, source(t))
	must(t, iotest.TestReader(io.NewSectionReader(a, 0, a.Size()), func() []byte {
		all := make([]byte, a.Size())
		if n, err := a.ReadAt(all, 0); int64(n) != a.Size() || err != nil {
			t.Fatal(n, err)
		}
		return all
	}()))
	var names []string
	for r := tar.NewReader(io.NewSectionReader(a, 0, a.Size())); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		n, err := io.Copy(io.Discard, r)
		must(t, err)
		if n != h.Size {
			t.Errorf("%s has %d bytes of %d", h.Name, n, h.Size)
		}
		names = append(names, h.Name)
	}
	want := []string{"SUMS", "data/site/", "data/site/block", "data/site/" + strings.Repeat("long", 40), "data/site/none", "data/site/sub/", "data/site/sub/empty/", "data/site/sub/link", "data/site/sub/odd"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
}

func TestArchiveOfAFileThatShrinks(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	must(t, os.WriteFile(name, make([]byte, 5000), 0o600))
	a := archive(t, name)
	must(t, os.Truncate(name, 100))
	if _, err := a.ReadAt(make([]byte, a.Size()), 0); err == nil || !strings.Contains(err.Error(), "shorter") {
		t.Errorf("want an error for a file that became shorter, got %v", err)
	}
}

// TestHoles: the larger contents that are files of their own tell where they take no space.
func TestHoles(t *testing.T) {
	dir := t.TempDir()
	sparse := filepath.Join(dir, "sparse")
	f, err := os.Create(sparse)
	must(t, err)
	defer f.Close()
	for _, at := range []int64{0, 8 << 20} {
		_, err := f.WriteAt([]byte("data"), at)
		must(t, err)
	}
	must(t, f.Truncate(16<<20))
	b, err := files.NewBundle([]string{sparse})
	must(t, err)
	a, err := b.Archive()
	must(t, err)
	holes := a.Holes()
	if len(holes) == 0 {
		t.Skip("the file system of temporary files tells no holes")
	}
	start, sum := a.Own()[0].Offset, int64(0)
	for _, h := range holes {
		sum += h.Size
		part := make([]byte, h.Size)
		_, err := a.ReadAt(part, h.Offset)
		must(t, err)
		if h.Offset < start || h.Offset+h.Size > start+16<<20 || len(bytes.Trim(part, "\x00")) > 0 {
			t.Errorf("%+v is no hole", h)
		}
	}
	if len(holes) != 2 || sum < 15<<20 {
		t.Errorf("want two holes of nearly 16 MiB, got %+v", holes)
	}
}
