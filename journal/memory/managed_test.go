package memory

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/resources"
)

func TestManaged(t *testing.T) {
	dir := t.TempDir()
	s, err := journal.OpenState(dir)
	if err != nil {
		t.Fatal(err)
	}
	addr := func(title string) resources.Address { return resources.Address{Type: "file", Title: title} }
	none, err := readManaged(s, "/main.hcl")
	if none != nil || err != nil {
		t.Fatalf("want nothing, got %v, %v", none, err)
	}
	want := []resource{
		{Address: addr("a"), Sum: "1", Names: []string{"/a"}, Removal: json.RawMessage(`{"ensure":"absent"}`)},
		{Address: addr("<b>"), Sum: "2"},
	}
	if err := saveManaged(s, "/main.hcl", "all", want, nil); err != nil {
		t.Fatal(err)
	}
	m, err := readManaged(s, "/main.hcl")
	if err != nil {
		t.Fatal(err)
	}
	got, err := m.resources()
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if m.sum != "all" || !m.whole {
		t.Errorf("want all, whole; got %s, %v", m.sum, m.whole)
	}
	if other, err := readManaged(s, "/other.hcl"); other != nil || err != nil {
		t.Errorf("another source knows %v, %v", other, err)
	}
	t.Run("what is the same is not written", func(t *testing.T) {
		name := filepath.Join(dir, managedName("/main.hcl"))
		before, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := saveManaged(s, "/main.hcl", "all", want, m); err != nil {
			t.Fatal(err)
		}
		if after, err := os.Stat(name); err != nil || !os.SameFile(before, after) {
			t.Errorf("it is another file: %v", err)
		}
		want[1].Sum = ""
		if err := saveManaged(s, "/main.hcl", "all", want, m); err != nil {
			t.Fatal(err)
		}
		if after, err := readManaged(s, "/main.hcl"); err != nil || after.whole {
			t.Errorf("want it not whole: %v", err)
		}
	})
	t.Run("damage is told", func(t *testing.T) {
		if err := os.WriteFile(filepath.Join(dir, managedName("/main.hcl")), []byte{0, 1}, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readManaged(s, "/main.hcl"); err == nil {
			t.Error("no error")
		}
	})
}
