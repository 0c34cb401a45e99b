package change

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/journal/internal/image"
	"github.com/nodeapply/apply/journal/internal/record"
	"github.com/nodeapply/apply/resources"
)

var addr = resources.Address{Type: "file", Title: "a"}

// begin begins the journal of run "1".
func begin(t *testing.T) (*Files, record.Folder, *record.Log) {
	t.Helper()
	state := t.TempDir()
	folder := record.In(state)
	l, err := folder.Create(record.Run{ID: "1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return In(image.In(state)), folder, l
}

// Of each name what was there before the first change is kept once, and as much of it as the changes need; how it was left is known when who changed it has ended.
func TestFiles(t *testing.T) {
	files, folder, l := begin(t)
	h := hosttest.New(t, "-- f 0640 --\nold\n")
	write := func() error { return h.WriteFile(t.Context(), "/f", host.NewFile{Content: strings.NewReader("new")}) }
	for _, op := range []host.Op{
		{Kind: host.OpMeta, Name: "/f"}, {Kind: host.OpMeta, Name: "/f"}, {Kind: host.OpWrite, Name: "/f"}, {Kind: host.OpWrite, Name: "/f"}, {Kind: host.OpWrite, Name: "/new", Absent: true},
	} {
		if err := files.Announce(t.Context(), l, addr, h, op); err != nil {
			t.Fatal(err)
		}
	}
	log := func() (*record.Log, error) { return l, nil }
	if err := files.Ended(log, resources.Address{Type: "file", Title: "b"}, h); err != nil || !files.Open() {
		t.Errorf("somebody else has ended: %v, open %v", err, files.Open())
	}
	if err := errors.Join(write(), files.Ended(log, addr, h)); err != nil || files.Open() {
		t.Errorf("%v, open %v", err, files.Open())
	}
	p, _, err := folder.Read("1")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, st := range p.Ops {
		text := string(st.Op.Name) + " " + st.Op.Kind
		if pre := st.Op.Pre; pre != nil {
			text += " was " + pre.Kind
			if pre.Sum != "" {
				text += " with content"
			}
		}
		if st.After != nil {
			text += ", left a " + st.After.Kind
		}
		got = append(got, text)
	}
	want := []string{
		"/f meta was file, left a file", "/f meta, left a file", "/f write was file with content, left a file", "/f write, left a file", "/new write was absent, left a absent",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// What is at a mount point now is another folder than the one that was there, of which a record tells already.
func TestMountedSince(t *testing.T) {
	h := hosttest.New(t, "-- d/ --\n-- e/ --\n")
	files, folder, l := begin(t)
	meta := func(name string) {
		t.Helper()
		if err := files.Announce(t.Context(), l, addr, h, host.Op{Kind: host.OpMeta, Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	meta("/d")
	meta("/e")
	h.Mount(host.Mount{Point: "/d", FSType: "tmpfs"})
	for _, name := range []string{"/d", "/d", "/e"} {
		meta(name)
	}
	p, _, err := folder.Read("1")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, st := range p.Ops {
		if st.Op.Pre != nil {
			got = append(got, string(st.Op.Name))
		}
	}
	if diff := cmp.Diff([]string{"/d", "/e", "/d"}, got); diff != "" {
		t.Error(diff)
	}
}
