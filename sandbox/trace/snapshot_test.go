package trace

import (
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func snapshot(t *testing.T, upper string) State {
	t.Helper()
	s, err := Snapshot(upper)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestChanged(t *testing.T) {
	inside(t)
	const tree = `mkdir -p d/deep e g; echo f >d/f; echo f >d/deep/f; echo f >f; chmod 644 f; ln -s f link; ln -s d dlink; echo 1 >e/1`
	for _, tc := range []struct {
		name, before, then string
		want               string
	}{
		{"nothing", `echo 1 >f; mkdir new; rm -r e`, `true`, ""},
		{"read", `echo 1 >d/f`, `cat d/f f >/dev/null; ls -R . >/dev/null`, ""},
		{"a new file in a new folder", ``, `mkdir new; echo 1 >new/f`, "/new/f"},
		{"a new file in a folder beneath", ``, `echo 1 >d/deep/new`, "/d/deep/new"},
		{"a new file in a folder already there", `mkdir new; echo 1 >d/a`, `echo 1 >new/f; echo 1 >d/b`, "/d/b /new/f"},
		{"written, of the lower layer", ``, `echo 1 >>f`, "/f"},
		{"written again", `echo 1 >f`, `echo 2 >f`, "/f"},
		{"written, same size and time", `echo 1 >f; touch -d @1 f`, `echo 2 >f; touch -d @1 f`, "/f"},
		{"replaced by rename", `echo 1 >f; echo 1 >tmp`, `mv tmp f`, "/f /tmp"},
		{"mode of the lower layer's file", ``, `chmod 600 f`, "/f"},
		{"owner", `echo 1 >f`, `chown 1 f`, "/f"},
		{"group of a folder", `mkdir new`, `chgrp 1 new`, ""},
		{"mode of a folder", `mkdir new; touch d/x`, `chmod 700 new d`, ""},
		{"mode of the lower layer's folder", ``, `chmod 700 g; chown 1 e; echo 1 >d/x`, "/d/x"},
		{"link made", ``, `ln -s f new; ln f hard`, "/f /hard /new"},
		{"link's target", `ln -s f new`, `ln -snf d new; ln -snf d link`, "/link /new"},
		{"renamed", `echo 1 >a`, `mv a b; mv f d/deep/moved`, "/a /b /d/deep/moved /f"},
		{"a folder renamed", ``, `mv d elsewhere; echo 1 >elsewhere/x`, "/d /elsewhere/x"},
		{"removed, of the lower layer", ``, `rm f`, "/f"},
		{"removed, of the upper layer", `mkdir new; echo 1 >new/f`, `rm -r new`, "/new /new/f"},
		{"removed before", `rm f`, `true`, ""},
		{"made again", `rm f`, `echo 1 >f`, "/f"},
		{"folder removed", `echo 1 >d/deep/new`, `rm -r d`, "/d /d/deep /d/deep/new"},
		{"folder removed, part before", `rm d/deep/f`, `rm -r d`, "/d /d/deep"},
		{"folder removed and made again", ``, `rm -r d; mkdir d; echo 1 >d/f`, "/d/f"},
		{"a removed folder made again", `rm -r d`, `mkdir -p d/deep`, ""},
		{"folder replaced by a file", ``, `rm -r e; echo 1 >e`, "/e"},
		{"file replaced by a folder", ``, `rm f; mkdir f; echo 1 >f/x`, "/f/x"},
		{"file replaced by a link", `echo 1 >f`, `rm f; ln -s d f`, "/f"},
		{"link replaced by a folder", ``, `rm dlink; mkdir -p dlink/deep`, ""},
		{"device and fifo", `mknod old c 1 3`, `mkfifo p; mknod null c 1 3; rm old; mknod old c 1 5`, "/null /old /p"},
		{"names with odd characters", ``, `echo 1 >'a b'; : >d/..x`, "/a_b /d/..x"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := newNode(t, tree)
			sh(t, n.root, tc.before)
			before := snapshot(t, n.upper)
			sh(t, n.root, tc.then)
			got := strings.ReplaceAll(strings.Join(Changed(before, snapshot(t, n.upper)), "\n"), " ", "_")
			if diff := cmp.Diff(strings.Fields(tc.want), strings.Fields(got)); diff != "" {
				t.Error("-want +got\n", diff)
			}
		})
	}
}

// TestEntry: all that is known of a name counts, also where the clock did not go on.
func TestEntry(t *testing.T) {
	same := entry{mode: unix.S_IFLNK | 0o777, uid: 1, gid: 1, ino: 1, target: "a"}
	for name, change := range map[string]func(*entry){
		"kind":   func(e *entry) { e.mode = unix.S_IFREG | 0o777 },
		"mode":   func(e *entry) { e.mode = unix.S_IFLNK | 0o700 },
		"owner":  func(e *entry) { e.uid = 2 },
		"group":  func(e *entry) { e.gid = 2 },
		"inode":  func(e *entry) { e.ino = 2 },
		"device": func(e *entry) { e.rdev = 2 },
		"size":   func(e *entry) { e.size = 2 },
		"mtime":  func(e *entry) { e.mtime.Nsec = 2 },
		"ctime":  func(e *entry) { e.ctime.Nsec = 2 },
		"target": func(e *entry) { e.target = "b" },
	} {
		t.Run(name, func(t *testing.T) {
			other := same
			change(&other)
			before, after := State{map[string]entry{"/a": same, "/b": same}}, State{map[string]entry{"/a": other, "/b": same}}
			if diff := cmp.Diff([]string{"/a"}, Changed(before, after)); diff != "" {
				t.Error("-want +got\n", diff)
			}
		})
	}
}

// TestSnapshotMeanwhile: a program that goes on while names are looked at is no error.
func TestSnapshotMeanwhile(t *testing.T) {
	inside(t)
	upper := t.TempDir()
	mount(t, "tmpfs", upper, "")
	c := exec.Command("sh", "-c", `echo; while :; do mkdir a; : >a/b; ln -s b a/c; : >d; rm -r a d; done`)
	c.Dir = upper
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = c.Process.Kill()
		_ = c.Wait() // it was killed
	}()
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	for range 3000 {
		snapshot(t, upper)
	}
}

func TestSnapshotWithoutCapabilities(t *testing.T) {
	canDrop(t)
	n := newNode(t, `mkdir -p d/deep e; echo f >d/f; echo f >e/f`)
	sh(t, n.root, `echo 1 >d/deep/new; mkdir new; rm -r e`)
	if diff := cmp.Diff("[/d/deep/new /e]\n", again(t, n.root, "snapshot", n.upper)); diff != "" {
		t.Error("-want +got\n", diff)
	}
}

// snapshotDropped prints what is in a layer, seen without capabilities.
func snapshotDropped(args []string) error {
	if err := dropAll(); err != nil {
		return err
	}
	s, err := Snapshot(args[0])
	fmt.Println(Changed(State{}, s))
	return err
}

func TestSnapshotMissing(t *testing.T) {
	if _, err := Snapshot(t.TempDir() + "/missing"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
