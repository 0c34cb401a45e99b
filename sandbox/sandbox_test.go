package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/local"
	"github.com/nodeapply/apply/sandbox/changes"
)

// TestMain runs a shell script in the box that this program is started in.
func TestMain(m *testing.M) {
	cell, err := Inside()
	if cell == nil && err == nil {
		if line := os.Getenv(outside); line != "" {
			os.Exit(runOutside(line))
		}
		os.Exit(m.Run())
	}
	var line string
	if err == nil {
		err = cell.Payload(&line)
	}
	var w *Watch
	if err == nil && strings.HasPrefix(line, watched) {
		w, err = cell.Watch()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	c := exec.Command("/bin/sh", "-c", line)
	c.Stderr = os.Stderr
	out, err := c.Output()
	if w != nil {
		set, e := w.Take()
		out, err = fmt.Appendf(out, "read %v written %v", set.Read, set.Written), errors.Join(err, e)
	}
	if tell := cell.Tell(string(out)); tell != nil {
		err = errors.Join(err, tell)
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		os.Exit(exit.ExitCode())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	os.Exit(0)
}

const watched = ": watched;"

func newStage(t *testing.T) *Stage {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root; left out: boxes")
	}
	s, err := NewStage(listLayers(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// listLayers plans boxes of this machine as it is.
func listLayers(t *testing.T) []Layer {
	t.Helper()
	h, err := local.New(local.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	mounts, err := h.Mounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	layers, _ := Layers(mounts)
	return layers
}

func newBox(t *testing.T, s *Stage) *Box {
	t.Helper()
	b, err := s.Box()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// say runs a shell script in a box and returns what it prints.
func say(t *testing.T, b *Box, line string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out string
	err := b.Run(ctx, nil, line, func(l []byte) error { return json.Unmarshal(l, &out) })
	return out, err
}

func TestChanges(t *testing.T) {
	s := newStage(t)
	dir := t.TempDir()
	for name, text := range map[string]string{"kept": "1", "changed": "1", "touched": "1", "lines": "a\nb\n", "removed": "1", "moded": "1"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"folder", "renamed", "anew"} {
		if err := errors.Join(os.Mkdir(filepath.Join(dir, name), 0o755), os.WriteFile(filepath.Join(dir, name, "in"), []byte("in"), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	b := newBox(t, s)
	_, err := say(t, b, fmt.Sprintf("set -e; cd %s; echo 2 > changed; touch touched; rm removed; chmod 600 moded; echo new > new; ln -s new link; mkdir made; echo in > made/in;"+
		"rm -r folder; mv renamed elsewhere; rm -r anew; mkdir anew; echo x > anew/x; echo run > /run/pid; printf 'b\\na\\n' > lines; mkdir skipped; touch skipped/x", dir))
	if err != nil {
		t.Fatal(err)
	}
	essence := func(name string) func([]byte) []byte {
		if name != dir+"/lines" {
			return nil
		}
		return func([]byte) []byte { return []byte("a\nb\n") }
	}
	all, err := b.Changes(changes.View{Skip: []string{dir + "/skipped"}, Essence: essence})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	short := strings.NewReplacer(dir+"/", "", " 0:0", "")
	for name, c := range all {
		if host.Within(name, dir) || host.Within(name, "/run") {
			before, _, _ := strings.Cut(c.Before.String(), " sha256:")
			after, _, _ := strings.Cut(c.After.String(), " sha256:")
			got[short.Replace(name)] = short.Replace(before + " -> " + after)
		}
	}
	want := map[string]string{
		"changed": "file 0644 -> file 0644", "removed": "file 0644 -> nothing", "moded": "file 0644 -> file 0600", "new": "nothing -> file 0644",
		"link": "nothing -> link 0777 new", "made": "nothing -> directory 0755", "made/in": "nothing -> file 0644", "folder": "directory 0755 -> nothing",
		"renamed": "directory 0755 -> nothing", "elsewhere": "nothing -> directory 0755 from renamed",
		"anew": "directory 0755 -> directory 0755 anew", "anew/x": "nothing -> file 0644", "/run/pid": "nothing -> file 0644",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "changed")); err != nil || string(text) != "1" {
		t.Errorf("the node was changed: %q, %v", text, err)
	}
	out, err := say(t, b, "cat "+dir+"/changed /run/pid")
	if diff := cmp.Diff("2\nrun\n", out); diff != "" || err != nil {
		t.Errorf("started again in the box: %v %s", err, diff)
	}
	out, err = say(t, newBox(t, s), "cat "+dir+"/changed; ls /run")
	if diff := cmp.Diff("1lock\n", out); diff != "" || err != nil {
		t.Errorf("in another box: %v %s", err, diff)
	}
}

// TestWalls tries what would reach out of a box. Each line must fail there.
func TestWalls(t *testing.T) {
	s := newStage(t)
	b := newBox(t, s)
	for name, line := range map[string]string{
		"mount":                    "mount -t tmpfs none /mnt",
		"a setting of the kernel":  "echo 1 > /proc/sys/vm/drop_caches",
		"its keys":                 "echo s > /proc/sysrq-trigger",
		"a device":                 "mknod /tmp/vda b 254 0 && dd if=/tmp/vda of=/dev/null count=1",
		"the time":                 "date -s 2030-01-01",
		"the node's processes":     "test $(ls -d /proc/[0-9]* | wc -l) -gt 5",
		"the network":              "ip link | grep -v 'lo:' | grep '^[0-9]'",
		"the node's name, changed": "hostname elsewhere",
		"the kernel's log":         "dmesg --clear",
		"more capabilities":        "grep -q 'CapBnd:.*3fffffffff' /proc/self/status",
		"the old root":             "ls /proc/1/root/sys/1",
		"the upper layers":         "ls /proc/1/fd/6/",
	} {
		if out, err := say(t, b, line); err == nil {
			t.Errorf("%s: it can be reached: %q", name, out)
		}
	}
	hostname, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	out, err := say(t, b, "hostname; ls -d /dev/null /dev/pts/ptmx /dev/shm /proc/1; cat /dev/null; id -u; cat /sys/class/net/lo/operstate >/dev/null && echo up")
	if diff := cmp.Diff(hostname+"\n/dev/null\n/dev/pts/ptmx\n/dev/shm\n/proc/1\n0\nup\n", out); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}

func TestWatch(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "in"), []byte("in\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := say(t, newBox(t, newStage(t)), watched+"cd "+dir+"; cat in > out; mkdir made; rm in")
	if err != nil {
		t.Fatal(err)
	}
	reads, writes, _ := strings.Cut(out, " written ")
	if diff := cmp.Diff(fmt.Sprintf("[%[1]s/in %[1]s/out]", dir), writes); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(reads, dir+"/in") || strings.Contains(reads, dir+"/out") {
		t.Errorf("want in read, not out: %s", reads)
	}
}

func TestSocketsAreCovered(t *testing.T) {
	dir, err := os.MkdirTemp("/var/tmp", "sandbox")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	l, err := net.Listen("unix", dir+"/a socket")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	b := newBox(t, newStage(t))
	out, err := say(t, b, "test -S '"+dir+"/a socket' && echo reached; stat -c %F '"+dir+"/a socket'")
	if diff := cmp.Diff("regular empty file\n", out); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}

// TestWithoutOverlay has a file system over which no overlay can be laid, as it is made of too many: it is there, read-only.
func TestWithoutOverlay(t *testing.T) {
	s := newStage(t)
	dir := t.TempDir()
	for _, sub := range []string{"low", "up1", "work1", "one", "up2", "work2", "two"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "low", "deep"), []byte("deep\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	over := func(lower, up, work, point string) error {
		return unix.Mount("overlay", filepath.Join(dir, point), "overlay", 0, fmt.Sprintf("lowerdir=%[1]s/%[2]s,upperdir=%[1]s/%[3]s,workdir=%[1]s/%[4]s", dir, lower, up, work))
	}
	if err := s.do(func() error {
		return errors.Join(over("low", "up1", "work1", "one"), over("one", "up2", "work2", "two"))
	}); err != nil {
		t.Fatal(err)
	}
	s.layers = append(s.layers, Layer{Point: filepath.Join(dir, "two")})
	out, err := say(t, newBox(t, s), "cat "+dir+"/two/deep; touch "+dir+"/two/x 2>&1 || true")
	if want := "deep\ntouch: cannot touch '" + dir + "/two/x': Read-only file system\n"; out != want || err != nil {
		t.Errorf("want %q, got %q, %v", want, out, err)
	}
}

func TestEnds(t *testing.T) {
	s := newStage(t)
	b := newBox(t, s)
	_, err := say(t, b, "echo what is wrong >&2; exit 7")
	var exit *ExitError
	if !errors.As(err, &exit) || exit.Code != 7 || exit.Output != "what is wrong" {
		t.Errorf("want 7, got %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	// It is ended when what it has started runs, and that too: the pipe would stay open.
	sleep := fmt.Sprintf("2%09d", os.Getpid())
	var wg sync.WaitGroup
	wg.Go(func() {
		if await(t, "sleep\x00"+sleep+"\x00") == 0 {
			t.Error("it does not start")
		}
		cancel(enough)
	})
	if err := b.Run(ctx, nil, "sleep "+sleep+" & sleep 1000", func([]byte) error { return nil }); !errors.Is(err, enough) {
		t.Errorf("want %v, got %v", enough, err)
	}
	wg.Wait()
	if err := b.Remove(); err != nil {
		t.Error(err)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(mounts, []byte("overlay "+scene)) || bytes.Contains(mounts, []byte(" "+scene+" rw,nosuid,nodev - tmpfs")) {
		t.Errorf("something of the stage is seen outside:\n%s", mounts)
	}
}
