package file_test

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/host/hosttest"
)

// BenchmarkCheck compares the check of a file of 1 KiB that is as declared with the physical floor: lstat, open, read, compare, close.
func BenchmarkCheck(b *testing.B) {
	text := strings.Repeat("x", 1023) + "\n"
	h := hosttest.New(b, "-- dir/x 0644 --\n"+text)
	b.Run("floor", func(b *testing.B) {
		name := h.Path("/dir/x")
		buf := make([]byte, len(text)+1)
		for b.Loop() {
			var st unix.Stat_t
			if err := unix.Lstat(name, &st); err != nil {
				b.Fatal(err)
			}
			fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
			if err != nil {
				b.Fatal(err)
			}
			n, err := unix.Read(fd, buf)
			if err != nil || string(buf[:n]) != text {
				b.Fatal(err)
			}
			_ = unix.Close(fd)
		}
	})
	b.Run("host", func(b *testing.B) {
		buf := make([]byte, len(text)+1)
		for b.Loop() {
			if _, err := h.Lstat("/dir/x"); err != nil {
				b.Fatal(err)
			}
			f, err := h.Open("/dir/x")
			if err != nil {
				b.Fatal(err)
			}
			n, err := io.ReadFull(f, buf)
			if err != io.ErrUnexpectedEOF || string(buf[:n]) != text {
				b.Fatal(err)
			}
			_ = f.Close()
		}
	})
	b.Run("check", func(b *testing.B) {
		f := made("/dir/x", content(text), mode("0644"))
		b.ReportAllocs()
		for b.Loop() {
			if d, err := f.Check(b.Context(), h); err != nil || !d.Empty() {
				b.Fatal(err, d.Changes)
			}
		}
	})
}

// BenchmarkTree plans the copy of a folder of 100,000 small files, and checks a copy that is as declared.
func BenchmarkTree(b *testing.B) {
	const files = 100_000
	h := hosttest.New(b, "-- src/ --\n-- dir/ --\n")
	for i := range files {
		if i%1000 == 0 {
			if err := os.Mkdir(h.Path(fmt.Sprintf("/src/%03d", i/1000)), 0o755); err != nil {
				b.Fatal(err)
			}
		}
		if err := os.WriteFile(h.Path(fmt.Sprintf("/src/%03d/%03d", i/1000, i%1000)), []byte("content"), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	f := made("/dir/x", purge, force, source("/src"))
	b.Run("plan", func(b *testing.B) {
		for b.Loop() {
			if _, err := f.Check(b.Context(), h); err != nil {
				b.Fatal(err)
			}
		}
	})
	if err := os.CopyFS(h.Path("/dir/x"), os.DirFS(h.Path("/src"))); err != nil {
		b.Fatal(err)
	}
	b.Run("same", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if d, err := f.Check(b.Context(), h); err != nil || !d.Empty() {
				b.Fatal(err, d.Changes)
			}
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			b.ReportMetric(float64(m.HeapInuse), "heap-B")
		}
	})
}
