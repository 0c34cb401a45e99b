package place_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/fleet/place"
	"github.com/nodeapply/apply/host/local"
)

// TestOwnFiles: what was received of a larger file is the installed one, not a copy of it, and others still read the whole archive from there.
func TestOwnFiles(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	large, larger := noise(100_000), noise(300_001)
	must(t, os.WriteFile(filepath.Join(from, "large"), large, 0o640))
	must(t, os.WriteFile(filepath.Join(from, "larger"), larger, 0o755))
	must(t, os.WriteFile(filepath.Join(from, "small"), []byte("s"), 0o600))
	must(t, os.WriteFile(filepath.Join(to, "large"), []byte("old"), 0o604))
	a := archive(t, filepath.Join(from, "large"), filepath.Join(from, "small"), filepath.Join(from, "larger"))
	if n := len(a.Own()); n != 2 {
		t.Fatalf("want both larger contents in files of their own, got %d", n)
	}
	all, err := io.ReadAll(io.NewSectionReader(a, 0, a.Size()))
	must(t, err)
	h, err := local.New(local.Options{})
	must(t, err)
	defer h.Close()
	there, err := place.New(t.Context(), h, to, 3)
	must(t, err)
	spool, err := there.Spool(a.Size(), a.Own(), nil)
	must(t, err)
	defer spool.Close()
	for i := 0; i < len(all); i += 7777 { // pieces that end anywhere
		_, err := spool.WriteAt(all[i:min(i+7777, len(all))], int64(i))
		must(t, err)
	}
	must(t, iotest.TestReader(io.NewSectionReader(spool, 0, a.Size()), all))
	before := written(t)
	in, err := there.Open(spool)
	must(t, err)
	must(t, in.Do(t.Context(), h))
	if n := written(t) - before; n >= int64(len(large)) {
		t.Errorf("%d bytes were written once more to install them", n)
	}
	must(t, iotest.TestReader(io.NewSectionReader(spool, 0, a.Size()), all))
	for name, want := range map[string]struct {
		content []byte
		mode    os.FileMode
	}{"large": {large, 0o640}, "larger": {larger, 0o755}, "small": {[]byte("s"), 0o600}} {
		got, err := os.ReadFile(filepath.Join(to, name))
		must(t, err)
		info, err := os.Stat(filepath.Join(to, name))
		must(t, err)
		if !bytes.Equal(got, want.content) || info.Mode() != want.mode {
			t.Errorf("%s has %d bytes of %d and mode %v, want %v", name, len(got), len(want.content), info.Mode(), want.mode)
		}
	}
	if names, err := os.ReadDir(to); err != nil || len(names) != 3 {
		t.Errorf("want three files, got %v %v", names, err)
	}
}

func noise(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(n)}).Read(b)
	return b
}

// written is how many bytes this process has handed to write(2) and its like.
func written(t *testing.T) int64 {
	t.Helper()
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		t.Skip("the kernel does not account for what is written:", err)
	}
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(line, "wchar: "); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
			must(t, err)
			return n
		}
	}
	t.Fatalf("/proc/self/io: no wchar in %q", text)
	return 0
}

// TestHoles: zeros in a hole take no space at the place, and what is not zero in one is there.
func TestHoles(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	const size = 1 << 20
	data := make([]byte, size)
	copy(data[:5000], noise(5000))
	copy(data[600_000:], noise(10))
	must(t, os.WriteFile(filepath.Join(from, "sparse"), data, 0o644))
	a := archive(t, filepath.Join(from, "sparse"))
	all, err := io.ReadAll(io.NewSectionReader(a, 0, a.Size()))
	must(t, err)
	h, err := local.New(local.Options{})
	must(t, err)
	defer h.Close()
	there, err := place.New(t.Context(), h, to, 1)
	must(t, err)
	start := a.Own()[0].Offset
	spool, err := there.Spool(a.Size(), a.Own(), []place.Span{{Offset: start + 8192, Size: 400_000}, {Offset: start + 500_000, Size: size - 500_000}})
	must(t, err)
	defer spool.Close()
	for i := 0; i < len(all); i += 7777 {
		piece := all[i:min(i+7777, len(all))]
		_, err := spool.WriteAt(piece, int64(i))
		must(t, err)
		got := make([]byte, len(piece)) // other nodes read it before the rest comes
		if _, err := spool.ReadAt(got, int64(i)); err != nil || !bytes.Equal(got, piece) {
			t.Fatalf("what came at %d is read as something else: %v", i, err)
		}
	}
	in, err := there.Open(spool)
	must(t, err)
	must(t, in.Do(t.Context(), h))
	got, err := os.ReadFile(filepath.Join(to, "sparse"))
	must(t, err)
	if !bytes.Equal(got, data) {
		t.Error("it is another content")
	}
	var st, dense unix.Stat_t
	must(t, unix.Stat(filepath.Join(to, "sparse"), &st))
	must(t, unix.Stat(filepath.Join(from, "sparse"), &dense))
	if dense.Blocks < size/512 {
		t.Skip("the file system makes holes of zeros by itself")
	}
	if want := int64(220_000 / 512); st.Blocks > want {
		t.Errorf("want at most %d blocks, it takes %d", want, st.Blocks)
	}
}

// TestSpoolRefuses: contents that are not in the archive, or in each other.
func TestSpoolRefuses(t *testing.T) {
	for _, tt := range []struct {
		name string
		own  []place.Span
	}{
		{"before it", []place.Span{{Offset: -1, Size: 2}}},
		{"past its end", []place.Span{{Offset: 90, Size: 11}}},
		{"past all ends", []place.Span{{Offset: 1 << 62, Size: 1 << 62}}},
		{"of no size", []place.Span{{Offset: 1, Size: -1}}},
		{"in each other", []place.Span{{Offset: 0, Size: 10}, {Offset: 9, Size: 10}}},
		{"too many", make([]place.Span, place.MaxSpans+1)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, err := local.New(local.Options{})
			must(t, err)
			defer h.Close()
			there, err := place.New(t.Context(), h, t.TempDir(), 1)
			must(t, err)
			if s, err := there.Spool(100, tt.own, nil); err == nil {
				s.Close()
				t.Error("it is taken")
			}
			if s, err := there.Spool(100, nil, tt.own); err == nil && len(tt.own) <= place.MaxSpans {
				s.Close()
				t.Error("as holes it is taken")
			}
		})
	}
}
