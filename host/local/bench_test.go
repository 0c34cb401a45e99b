package local_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/local"
)

const many = 10_000

func rooted(b *testing.B) (*local.Node, string) {
	b.Helper()
	dir := b.TempDir()
	return opened(b, dir), dir
}

func fileName(i int) string { return fmt.Sprintf("/d%d/sub/file%d.conf", i%100, i) }

func folders(b *testing.B, dir string) {
	b.Helper()
	for i := range 100 {
		if err := os.MkdirAll(fmt.Sprintf("%s/d%d/sub", dir, i), 0o755); err != nil {
			b.Fatal(err)
		}
	}
}

// in calls f for 0 to many-1 from that many goroutines.
func in(goroutines int, f func(i int)) {
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			for i := g; i < many; i += goroutines {
				f(i)
			}
		})
	}
	wg.Wait()
}

// BenchmarkNothingToDo looks at 10,000 files and compares their contents.
func BenchmarkNothingToDo(b *testing.B) {
	l, dir := rooted(b)
	folders(b, dir)
	want := bytes.Repeat([]byte("x"), 1024)
	for i := range many {
		if err := os.WriteFile(dir+fileName(i), want, 0o644); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		in(2, func(i int) {
			st, err := l.Lstat(fileName(i))
			if err != nil || st.Size != 1024 {
				b.Error(st, err)
			}
			f, err := l.Open(fileName(i))
			if err != nil {
				b.Error(err)
				return
			}
			got, err := io.ReadAll(f)
			if err != nil || !bytes.Equal(want, got) {
				b.Error(err)
			}
			_ = f.Close()
		})
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/many, "µs/file")
}

// BenchmarkWriteFile writes 10,000 new files of 1 KiB, each durable when its call returns.
func BenchmarkWriteFile(b *testing.B) {
	_, dir := rooted(b)
	want := bytes.Repeat([]byte("x"), 1024)
	for b.Loop() {
		b.StopTimer()
		if err := os.RemoveAll(dir); err != nil {
			b.Fatal(err)
		}
		folders(b, dir)
		unix.Sync() // of the files before
		again, err := local.New(local.Options{Root: dir})
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		in(512, func(i int) {
			if err := again.WriteFile(context.Background(), fileName(i), host.NewFile{Content: bytes.NewReader(want)}); err != nil {
				b.Error(err)
			}
		})
		b.StopTimer()
		_ = again.Close()
		b.StartTimer()
	}
}

// BenchmarkWriteFloor is what the kernel needs for the same files without any promise but one sync at the end.
func BenchmarkWriteFloor(b *testing.B) {
	_, dir := rooted(b)
	want := bytes.Repeat([]byte("x"), 1024)
	for b.Loop() {
		b.StopTimer()
		if err := os.RemoveAll(dir); err != nil {
			b.Fatal(err)
		}
		folders(b, dir)
		unix.Sync() // of the files before
		b.StartTimer()
		in(512, func(i int) {
			name := dir + fileName(i)
			if err := os.WriteFile(name+".new", want, 0o644); err != nil {
				b.Error(err)
			}
			if err := os.Rename(name+".new", name); err != nil {
				b.Error(err)
			}
		})
		d, err := os.Open(dir)
		if err != nil {
			b.Fatal(err)
		}
		if err := unix.Syncfs(int(d.Fd())); err != nil {
			b.Fatal(err)
		}
		_ = d.Close()
	}
}
