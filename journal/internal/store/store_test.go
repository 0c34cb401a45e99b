package store

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func TestPutAndGet(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	s := New(dir)
	if err := s.Prune(time.Now()); err != nil {
		t.Errorf("a store in which nothing is: %v", err)
	}
	var wg sync.WaitGroup
	sums := make([]string, 40)
	for i := range sums {
		wg.Go(func() {
			var err error
			if sums[i], err = s.Put(t.Context(), strings.NewReader(strings.Repeat("x", i%4))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	slices.Sort(sums)
	sums = slices.Compact(sums)
	if diff := cmp.Diff(sums, names(t, dir)); diff != "" {
		t.Errorf("want each content once, and nothing else: -want +got\n%s", diff)
	}
	for _, sum := range sums {
		f, err := s.Get(sum)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(f); err != nil || strings.Trim(string(b), "x") != "" {
			t.Errorf("got %q, %v", b, err)
		}
		f.Close()
	}
}

func TestGetChecks(t *testing.T) {
	dir := t.TempDir()
	s := New(dir)
	sum, err := s.Put(t.Context(), strings.NewReader("content"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, sum), []byte("Content"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(sum); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("got %v", err)
	}
	if _, err := s.Get("none"); err == nil || !strings.Contains(err.Error(), "no longer") {
		t.Errorf("got %v", err)
	}
}

// brokenReader is content that cannot be read to its end.
type brokenReader struct{ io.Reader }

func (r brokenReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func TestNothingIsLeftOfWhatFailed(t *testing.T) {
	dir := t.TempDir()
	if _, err := New(dir).Put(t.Context(), brokenReader{strings.NewReader("half")}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
	if left := names(t, dir); left != nil {
		t.Errorf("left: %q", left)
	}
}

func TestPrune(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	for name, age := range map[string]time.Duration{"old": 2 * time.Hour, "young": 0, begun + "half": 0} {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, now.Add(-age), now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	for _, big := range []string{"big1", "big2"} { // the older goes
		name := filepath.Join(dir, big)
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(name, wholeCap*3/4); err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Second)
		if err := os.Chtimes(name, now, now); err != nil {
			t.Fatal(err)
		}
	}
	if err := New(dir).Prune(now.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"big2"}, slices.DeleteFunc(names(t, dir), func(n string) bool { return n == "young" })); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// What is damaged is kept anew when it is needed again.
func TestPutMends(t *testing.T) {
	for name, damage := range map[string]func(file string) error{
		"truncated":     func(file string) error { return os.Truncate(file, 3) },
		"a bit flipped": func(file string) error { return os.WriteFile(file, []byte("CONTENT"), 0o600) },
		"a pipe":        func(file string) error { return errors.Join(os.Remove(file), syscall.Mkfifo(file, 0o600)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := New(dir)
			sum, err := s.Put(t.Context(), strings.NewReader("content"))
			if err != nil {
				t.Fatal(err)
			}
			if err := damage(filepath.Join(dir, sum)); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Put(t.Context(), strings.NewReader("content")); err != nil {
				t.Fatal(err)
			}
			f, err := s.Get(sum)
			if err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
				t.Errorf("%d files, %v", len(left), err)
			}
		})
	}
}
