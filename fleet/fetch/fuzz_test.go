package fetch

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// kinds are the entries of an archive by the letter that begins their line.
var kinds = map[string]byte{"f": tar.TypeReg, "d": tar.TypeDir, "l": tar.TypeSymlink, "h": tar.TypeLink, "p": tar.TypeFifo, "s": tar.TypeGNUSparse}

// FuzzUnpack unpacks archives of any entries, told as "kind name [link]" a line: nothing comes to be outside of their folder, and nothing there changes.
func FuzzUnpack(f *testing.F) {
	for _, lines := range []string{
		"f ./f",
		"d ./d/\nf ./d/f\nl ./d/l ../../out\nh ./d/h ./d/f",
		"d ./d\nl ./d/l ..\nf ./d/l/new",
		"d d\nl d/l /\nh d/h d/l\nd d/h/tmp",
		"l d ..\nd d/new\nf d/new/f",
		"d d\nf ../new", "f d/../../new", "f /../new", "f ../out",
		"p d\ns d",
	} {
		f.Add(lines)
	}
	f.Fuzz(func(t *testing.T, lines string) {
		dir := t.TempDir()
		stage, out := filepath.Join(dir, "stage"), filepath.Join(dir, "out")
		if err := os.Mkdir(stage, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(out, []byte("kept"), 0o600); err != nil {
			t.Fatal(err)
		}
		sent, ok := packed(lines)
		if !ok {
			t.Skip("no archive can hold this")
		}
		_ = unpack(sent, stage) // most are refused
		names, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil {
			t.Fatal(err)
		}
		if d := gocmp.Diff([]string{out, stage}, names); d != "" {
			t.Errorf("beside the folder: %s", d)
		}
		info, err := os.Stat(out)
		if text, readErr := os.ReadFile(out); err != nil || readErr != nil || string(text) != "kept" || info.Mode() != 0o600 {
			t.Errorf("what was outside: %q, %v, %v, %v", text, info, err, readErr)
		}
	})
}

// packed makes the archive, checksums first.
func packed(lines string) (*bytes.Buffer, bool) {
	var sums strings.Builder
	var headers []*tar.Header
	for line := range strings.Lines(lines) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 3)
		if len(parts) < 2 || kinds[parts[0]] == 0 {
			return nil, false
		}
		h := &tar.Header{Name: parts[1], Typeflag: kinds[parts[0]], Mode: 0o755}
		if len(parts) > 2 {
			h.Linkname = parts[2]
		}
		if h.Typeflag == tar.TypeReg {
			h.Size = 1
			fmt.Fprintf(&sums, "%x *%s\n", sha256.Sum256([]byte("x")), h.Name)
		}
		headers = append(headers, h)
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	write := func(h *tar.Header, content string) bool {
		if w.WriteHeader(h) != nil {
			return false
		}
		_, err := w.Write([]byte(content))
		return err == nil
	}
	if !write(&tar.Header{Name: "SUMS", Typeflag: tar.TypeReg, Size: int64(sums.Len()), Mode: 0o600}, sums.String()) {
		return nil, false
	}
	for _, h := range headers {
		if !write(h, strings.Repeat("x", int(h.Size))) {
			return nil, false
		}
	}
	return &b, w.Close() == nil
}
