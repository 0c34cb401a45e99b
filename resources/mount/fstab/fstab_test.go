package fstab

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const table = `# /etc/fstab: static file system information.
UUID=0a3407de-014b-458b-b5c1-848e92a327a3 /    ext4	errors=remount-ro 0 1

/dev/sdb1  /srv/my\040data   xfs  defaults,noatime  0  2 # the disk below the desk
server:/export /mnt nfs
broken line
proc /proc proc defaults`

func TestFind(t *testing.T) {
	for path, want := range map[string]*Entry{
		"/":            {Device: "UUID=0a3407de-014b-458b-b5c1-848e92a327a3", Path: "/", FSType: "ext4", Options: "errors=remount-ro", Pass: 1},
		"/srv/my data": {Device: "/dev/sdb1", Path: "/srv/my data", FSType: "xfs", Options: "defaults,noatime", Pass: 2},
		"/mnt":         {Device: "server:/export", Path: "/mnt", FSType: "nfs", Options: "defaults"},
		"/mnt/":        {Device: "server:/export", Path: "/mnt", FSType: "nfs", Options: "defaults"},
		"/other":       nil,
	} {
		got, err := Parse(table).Find(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
}

func TestEdits(t *testing.T) {
	lines := strings.SplitAfter(table, "\n")
	for _, tc := range []struct {
		name string
		edit func(*Table) error
		want string
	}{
		{"nothing", func(*Table) error { return nil }, table},
		{"replaced, all others as they were", func(tb *Table) error {
			return tb.Set(Entry{Device: "/dev/sdc1", Path: "/mnt", FSType: "ext4", Options: "ro", Pass: 2})
		}, strings.Join(lines[:4], "") + "/dev/sdc1\t/mnt\text4\tro\t0\t2\n" + strings.Join(lines[5:], "")},
		{"added behind a line without an end", func(tb *Table) error {
			return tb.Set(Entry{Device: "/dev/my disk", Path: "/new", FSType: "ext4", Options: "defaults"})
		}, table + "\n/dev/my\\040disk\t/new\text4\tdefaults\t0\t0\n"},
		{"removed", func(tb *Table) error { return tb.Remove("/mnt") }, strings.Join(lines[:4], "") + strings.Join(lines[5:], "")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tb := Parse(table)
			if err := tc.edit(tb); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, tb.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDuplicates(t *testing.T) {
	_, err := Parse("/dev/a /x ext4\n#\n/dev/b /x/ ext4\n").Find("/x")
	var dup *DuplicateError
	if !errors.As(err, &dup) {
		t.Fatalf("want a DuplicateError, got %v", err)
	}
	if diff := cmp.Diff(&DuplicateError{Path: "/x", First: 1, Second: 3}, dup); diff != "" {
		t.Error(diff)
	}
}

func FuzzFstab(f *testing.F) {
	f.Add(table, "/mnt", "/dev/x", "a,b")
	f.Add("a\tb c\\040", "/x y", "LABEL=a\\b", "rw")
	f.Fuzz(func(t *testing.T, content, path, device, options string) {
		tb := Parse(content)
		if tb.String() != content {
			t.Fatal("reading changes the bytes")
		}
		before := len(tb.lines)
		e := Entry{Device: device, Path: path, FSType: "ext4", Options: options}
		if tb.Set(e) != nil {
			return
		}
		if n := len(tb.lines) - before; n != 0 && n != 1 {
			t.Fatalf("%d lines more", n)
		}
		got, err := Parse(tb.String()).Find(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&e, got); diff != "" {
			t.Fatal(diff)
		}
	})
}
