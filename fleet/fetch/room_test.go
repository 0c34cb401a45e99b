package fetch

import (
	"archive/tar"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// zeros has no end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestRoom: a node that sends without end does not fill the disk here, and what it sent is gone; what fits is taken.
func TestRoom(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mounts a small disk: run it as root")
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=40m,nr_inodes=4000"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	free := func() (s unix.Statfs_t) {
		t.Helper()
		if err := unix.Statfs(dir, &s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	empty := free()
	large := func(size int64) io.Reader {
		sum := sha256.New()
		if _, err := io.CopyN(sum, zeros{}, size); err != nil {
			t.Fatal(err)
		}
		sums := fmt.Sprintf("%x *./f\n", sum.Sum(nil))
		r, w := io.Pipe()
		t.Cleanup(func() { r.Close() })
		go func() {
			a := tar.NewWriter(w)
			err := a.WriteHeader(&tar.Header{Name: "SUMS", Typeflag: tar.TypeReg, Size: int64(len(sums))})
			if err == nil {
				_, err = io.WriteString(a, sums)
			}
			if err == nil {
				err = a.WriteHeader(&tar.Header{Name: "./f", Typeflag: tar.TypeReg, Size: size, Mode: 0o600})
			}
			if err == nil {
				_, err = io.CopyN(a, zeros{}, size)
			}
			if err == nil {
				err = a.Close()
			}
			w.CloseWithError(err)
		}()
		return r
	}
	many := []sent{{name: "./d/", kind: tar.TypeDir}}
	for i := range 3950 {
		many = append(many, sent{name: fmt.Sprintf("./d/%d", i), kind: tar.TypeReg})
	}
	for _, tt := range []struct {
		name    string
		archive io.Reader
		want    string // "" where it is taken
	}{
		{"all of the disk", large(45 << 20), "f: it would leave less than 2 MiB of the disk here"},
		{"all of its files", archive(t, many...), "it would leave room for fewer than 200 files on the disk here"},
		{"what fits", large(30 << 20), ""},
		{"a small one, where little is left", large(1 << 20), ""},
	} {
		if tt.name == "all of its files" { // of which others have taken some
			for i := range 900 {
				name := fmt.Sprintf("%s/other%d", dir, i)
				if err := os.WriteFile(name, nil, 0o600); err != nil {
					t.Fatal(err)
				}
				defer os.Remove(name)
			}
		}
		if strings.HasPrefix(tt.name, "a small one") {
			if err := os.WriteFile(dir+"/other", make([]byte, 8<<20), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		err := Get(t.Context(), node{archive: tt.archive}, "n1", "/srv/f", dir)
		switch {
		case tt.want == "" && err != nil, tt.want != "" && (err == nil || err.Error() != tt.want):
			t.Errorf("%s: want %q, got %v", tt.name, tt.want, err)
		case tt.name == "all of the disk" && free().Bfree != empty.Bfree:
			t.Errorf("%s: it has left something", tt.name)
		}
	}
}
