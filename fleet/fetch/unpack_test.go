package fetch

import (
	"archive/tar"
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// sent is an entry of an archive as a node may send it; for a file the checksum that goes before is right unless sum says another.
type sent struct {
	name, content, link string
	kind                byte
	sum                 string
	mode                int64 // 0 for 0750
}

func archive(t *testing.T, entries ...sent) *bytes.Buffer {
	t.Helper()
	var sums strings.Builder
	for _, e := range entries {
		if sum := e.sum; e.kind == tar.TypeReg && sum != "none" {
			if sum == "" {
				sum = fmt.Sprintf("%x", sha256.Sum256([]byte(e.content)))
			}
			fmt.Fprintf(&sums, "%s *%s\n", sum, e.name)
		}
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	write := func(h *tar.Header, content string) {
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	write(&tar.Header{Name: "SUMS", Typeflag: tar.TypeReg, Size: int64(sums.Len()), Mode: 0o600}, sums.String())
	for _, e := range entries {
		write(&tar.Header{Name: e.name, Typeflag: e.kind, Linkname: e.link, Size: int64(len(e.content)), Mode: cmp.Or(e.mode, 0o750)}, e.content)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &b
}

// TestUnpack: what a node sends, right and wrong. Nothing of it is ever outside of its folder.
func TestUnpack(t *testing.T) {
	file := func(name, content string) sent { return sent{name: name, content: content, kind: tar.TypeReg} }
	folder := func(name string) sent { return sent{name: name, kind: tar.TypeDir} }
	link := func(name, to string) sent { return sent{name: name, link: to, kind: tar.TypeSymlink} }
	hard := func(name, to string) sent { return sent{name: name, link: to, kind: tar.TypeLink} }
	for _, tt := range []struct {
		name    string
		entries []sent
		want    string // names and kinds, or the error
	}{
		{"a file", []sent{file("./f", "x")}, "data -rwxr-x---\n"},
		{"a folder", []sent{folder("./d/"), file("./d/f", "x"), link("./d/l", "../../out"), hard("./d/h", "./d/f")},
			"data drwxr-x---\ndata/f -rwxr-x---\ndata/h -rwxr-x---\ndata/l Lrwxrwxrwx\n"},
		{"other modes", []sent{{name: "./d/", kind: tar.TypeDir, mode: 0o3777}, {name: "./d/f", kind: tar.TypeReg, mode: 0o4711}},
			"data dgtrwxrwxrwx\ndata/f urwx--x--x\n"},
		{"altered", []sent{{name: "./f", content: "x", kind: tar.TypeReg, sum: strings.Repeat("0", 64)}}, "the checksum does not match"},
		{"without a checksum", []sent{{name: "./f", content: "x", kind: tar.TypeReg, sum: "none"}}, "the checksum does not match"},
		{"above", []sent{folder("./d/"), file("../out", "x")}, "leads out of its folder"},
		{"above, later", []sent{folder("./d/"), file("./d/../../out", "x")}, "leads out of its folder"},
		{"absolute", []sent{file("/out", "x")}, "leads out of its folder"},
		{"through a link", []sent{folder("./d/"), link("./d/l", "../.."), file("./d/l/out", "x")}, "escapes"},
		{"through an absolute link", []sent{folder("./d/"), link("./d/l", "/tmp"), file("./d/l/out", "x")}, "escapes"},
		{"a hard link to what is above", []sent{folder("./d/"), hard("./d/h", "../../out")}, "leads out of its folder"},
		{"twice", []sent{folder("./d/"), file("./d/f", "x"), file("./d/f", "x")}, "file exists"},
		{"a pipe", []sent{folder("./d/"), {name: "./d/p", kind: tar.TypeFifo}}, "is neither a file, a folder nor a link"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			around := t.TempDir()
			stage := filepath.Join(around, "stage")
			if err := os.Mkdir(stage, 0o755); err != nil {
				t.Fatal(err)
			}
			err := unpack(archive(t, tt.entries...), stage)
			var seen strings.Builder
			walkErr := filepath.WalkDir(around, func(name string, d fs.DirEntry, err error) error {
				if err != nil {
					return err
				}
				if rel, inside := strings.CutPrefix(name, stage+"/"); inside {
					info, err := d.Info()
					if err != nil {
						return err
					}
					fmt.Fprintf(&seen, "%s %v\n", rel, info.Mode())
				} else if name != around && name != stage {
					t.Errorf("outside: %s", name)
				}
				return nil
			})
			if walkErr != nil {
				t.Fatal(walkErr)
			}
			switch {
			case err != nil && strings.Contains(err.Error(), tt.want):
			case err != nil:
				t.Errorf("want %q, got %v", tt.want, err)
			default:
				if diff := gocmp.Diff(tt.want, seen.String()); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
	t.Run("cut off", func(t *testing.T) {
		b := archive(t, folder("./d/"), file("./d/f", strings.Repeat("x", 5000)))
		b.Truncate(b.Len() - 4000)
		if err := unpack(b, t.TempDir()); err == nil {
			t.Error("half of it passes for the whole")
		}
	})
	t.Run("a file that is missing", func(t *testing.T) {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		sums := strings.Repeat("0", 64) + " *./d/f\n"
		if err := w.WriteHeader(&tar.Header{Name: "SUMS", Typeflag: tar.TypeReg, Size: int64(len(sums)), Mode: 0o600}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(sums)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := unpack(&b, t.TempDir()); err == nil || !strings.Contains(err.Error(), "is missing in the archive") {
			t.Errorf("got %v", err)
		}
	})
}
