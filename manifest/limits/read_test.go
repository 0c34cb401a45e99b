package limits

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	long := strings.Repeat("x", 4096)
	write("empty", "")
	write("text", "hello\n")
	write("at the bound", long)
	write("over it", long+"x")
	if err := unix.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"inside": "text", "outside": "/etc/passwd"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()

	tests := map[string]struct {
		files Files
		name  string
		want  string
		err   string // part of the error's text
	}{
		"empty":           {files: root, name: "empty"},
		"text":            {files: root, name: "text", want: "hello\n"},
		"at the bound":    {files: root, name: "at the bound", want: long},
		"over it":         {files: root, name: "over it", err: "limit of 4 KiB"},
		"absent":          {files: root, name: "absent", err: "no such file"},
		"folder":          {files: root, name: ".", err: "is a folder"},
		"pipe":            {files: root, name: "pipe", err: "not a regular file"},
		"link inside":     {files: root, name: "inside", want: "hello\n"},
		"link outside":    {files: root, name: "outside", err: "escapes"},
		"dots":            {files: root, name: "../x", err: "escapes"},
		"host: text":      {files: Host{}, name: filepath.Join(dir, "text"), want: "hello\n"},
		"host: pipe":      {files: Host{}, name: filepath.Join(dir, "pipe"), err: "not a regular file"},
		"host: device":    {files: Host{}, name: "/dev/zero", err: "not a regular file"},
		"host: unsized":   {files: Host{}, name: "/proc/self/comm", want: "limits.test\n"},
		"host: unbounded": {files: Host{}, name: "/proc/self/smaps", err: "limit of 4 KiB"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := ReadFile(tt.files, tt.name, 4096)
			if (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Fatalf("error %v, want %q", err, tt.err)
			}
			if string(got) != tt.want {
				t.Errorf("want %q, got %q", tt.want, got)
			}
		})
	}
}

// swapped is a file that was regular when it was looked at.
type swapped struct{ Host }

func (swapped) Stat(string) (fs.FileInfo, error) { return os.Stat(os.Args[0]) }

// TestReadFileDoesNotWait opens a named pipe that took the place of a file, and one that is regular by name only: the kernel's log.
func TestReadFileDoesNotWait(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	read := func(name string, want string) {
		ended := make(chan error, 1)
		go func() {
			for range 10_000 { // until all of the log is read
				if _, err := ReadFile(swapped{}, name, 1<<20); err != nil {
					ended <- err
					return
				}
			}
			ended <- nil
		}()
		select {
		case err := <-ended:
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: want %q, got %v", name, want, err)
			}
		case <-time.After(time.Minute):
			t.Errorf("%s: waits", name)
		}
	}
	read(pipe, "not a regular file")
	if f, err := os.Open("/proc/kmsg"); err == nil {
		f.Close()
		read("/proc/kmsg", "temporarily unavailable")
	}
}

// What is written into a pipe is read to its end, also by who comes first.
func TestReadPipe(t *testing.T) {
	dir := t.TempDir()
	fifo := func(name string) string {
		path := filepath.Join(dir, name)
		if err := unix.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write := func(path string, parts ...string) {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		for _, p := range parts {
			if _, err := f.WriteString(p); err != nil && !errors.Is(err, unix.EPIPE) {
				t.Error(err)
			}
		}
	}
	t.Run("a reader that waits", func(t *testing.T) {
		path, read := fifo("waits"), make(chan string)
		go func() {
			b, err := ReadPipe(t.Context(), path, 4096)
			if err != nil {
				t.Error(err)
			}
			read <- string(b)
		}()
		write(path, "a = 1\n", "b = 2\n")
		if got := <-read; got != "a = 1\nb = 2\n" {
			t.Errorf("read %q", got)
		}
	})
	t.Run("too much", func(t *testing.T) {
		path := fifo("much")
		go write(path, strings.Repeat("x", 5000))
		if _, err := ReadPipe(t.Context(), path, 4096); err == nil || !strings.Contains(err.Error(), "limit of 4 KiB") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("nobody writes", func(t *testing.T) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Millisecond, errors.New("timed out after all"))
		defer cancel()
		if _, err := ReadPipe(ctx, fifo("nobody"), 4096); err == nil || !strings.Contains(err.Error(), "timed out after all") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("a device", func(t *testing.T) {
		if b, err := ReadPipe(t.Context(), "/dev/null", 4096); err != nil || len(b) > 0 {
			t.Errorf("read %q, error %v", b, err)
		}
	})
}
