package declared_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/catalog/declared"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/file"
	"github.com/nodeapply/apply/resources/hosts"
	"github.com/nodeapply/apply/resources/limit"
	"github.com/nodeapply/apply/resources/line"
	"github.com/nodeapply/apply/resources/pkg"
	"github.com/nodeapply/apply/resources/service"
)

// entry makes an entry at main.hcl:LINE and lets set change it.
func entry[R resources.Resource](t resources.Type, title string, line int32, set func(R, *catalog.Entry)) *catalog.Entry {
	r := t.New(title).(R)
	e := &catalog.Entry{Addr: resources.Address{Type: t.Name, Title: title}, Pos: catalog.Pos{File: "main.hcl", Line: line}, Resource: r}
	e.AttrPos = func(string) catalog.Pos { return catalog.Pos{File: "main.hcl", Line: line + 1} }
	set(r, e)
	return e
}

func fileEntry(title string, line int32, set func(*file.File, *catalog.Entry)) *catalog.Entry {
	return entry(file.Type(), title, line, set)
}

func newCatalog(t *testing.T, relations []catalog.Relation, entries ...*catalog.Entry) *catalog.Catalog {
	t.Helper()
	c, problems := catalog.New(entries, relations, func(resources.Address) bool { return false })
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return c
}

func TestCompare(t *testing.T) {
	text := func(s string) *string { return &s }
	a, b := resources.Address{Type: "file", Title: "/a"}, resources.Address{Type: "file", Title: "/b"}
	before := newCatalog(t, []catalog.Relation{{From: a, To: b, Pos: catalog.Pos{File: "main.hcl", Line: 3}}},
		fileEntry("/a", 1, func(f *file.File, _ *catalog.Entry) { f.Content, f.Mode = text("one"), "0644" }),
		fileEntry("/b", 5, func(f *file.File, e *catalog.Entry) { f.Content, e.Sensitive = text("secret-1"), []string{"content"} }),
		fileEntry("/gone", 9, func(f *file.File, e *catalog.Entry) { f.Content, e.Sensitive = text("secret-3"), []string{"content"} }),
	)
	after := newCatalog(t, []catalog.Relation{{From: a, To: b, Kind: catalog.Notify, Pos: catalog.Pos{File: "main.hcl", Line: 4}}},
		fileEntry("/a", 2, func(f *file.File, e *catalog.Entry) { f.Content, e.OnlyIf = text("one\ntwo\n"), []string{"true"} }),
		fileEntry("/b", 6, func(f *file.File, e *catalog.Entry) { f.Content, e.Sensitive = text("secret-2"), []string{"content"} }),
		fileEntry("/new", 8, func(f *file.File, _ *catalog.Entry) { f.Ensure = "file" }),
	)
	got := declared.Compare(declared.Side{Catalog: before, Reader: &declared.Reader{}}, declared.Side{Catalog: after, Reader: &declared.Reader{}})
	for i := range got.Changed[0].Changes {
		if d := &got.Changed[0].Changes[i].Diff; *d != "" {
			if !strings.Contains(*d, "+two") {
				t.Errorf("diff: %s", *d)
			}
			*d = "a diff"
		}
	}
	want := &declared.Difference{
		Added:   []declared.Declared{{Address: resources.Address{Type: "file", Title: "/new"}, Pos: "main.hcl:8", Attributes: attributes(after, 2)}},
		Removed: []declared.Declared{{Address: resources.Address{Type: "file", Title: "/gone"}, Pos: "main.hcl:9", Attributes: attributes(before, 2)}},
		Changed: []declared.Changed{
			{Address: a, Before: "main.hcl:1", After: "main.hcl:2", Changes: []declared.AttrChange{
				{Attribute: "content", Before: "one", After: "one\ntwo\n", BeforePos: "main.hcl:2", AfterPos: "main.hcl:3", Diff: "a diff"},
				{Attribute: "onlyif", After: `["true"]`, BeforePos: "main.hcl:2", AfterPos: "main.hcl:3"},
				{Attribute: "mode", Before: "0644", BeforePos: "main.hcl:2", AfterPos: "main.hcl:3"},
			}},
			{Address: b, Before: "main.hcl:5", After: "main.hcl:6", Changes: []declared.AttrChange{
				{Attribute: "content", Before: "(sensitive value)", After: "(sensitive value)", BeforePos: "main.hcl:6", AfterPos: "main.hcl:7"},
			}},
		},
		EdgesAdded:   []declared.Edge{{From: a, To: b, Notify: true, Pos: "main.hcl:4"}},
		EdgesRemoved: []declared.Edge{{From: a, To: b, Pos: "main.hcl:3"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, d := range append(got.Removed, got.Added...) {
		for _, v := range d.Attributes {
			if strings.Contains(v.Value, "secret") {
				t.Errorf("%s: %s is shown", d.Address, v.Attribute)
			}
		}
	}
	same := declared.Compare(declared.Side{Catalog: after, Reader: &declared.Reader{}}, declared.Side{Catalog: after, Reader: &declared.Reader{}})
	if !same.Empty() {
		t.Errorf("a catalog differs from itself: %v", same)
	}
}

// attributes are those of an entry with what is sensitive replaced.
func attributes(c *catalog.Catalog, i int) []declared.Value {
	var out []declared.Value
	for _, a := range (&declared.Reader{}).Attrs(c.Entries()[i]) {
		if a.Name == "content" {
			a.Text = "(sensitive value)"
		}
		out = append(out, declared.Value{Attribute: a.Name, Value: a.Text})
	}
	return out
}

func TestSums(t *testing.T) {
	text := func(s string) *string { return &s }
	plain := func() *catalog.Entry {
		return fileEntry("/a", 1, func(f *file.File, _ *catalog.Entry) { f.Content = text("one") })
	}
	r := declared.Reader{Rewrite: func(s string) string { return strings.ReplaceAll(s, "/tmp/x1", "/tmp/x2") }}
	sum := func(e *catalog.Entry) declared.Sum { _, all := r.Sums([]*catalog.Entry{e}); return all }
	for name, other := range map[string]*catalog.Entry{
		"content":       fileEntry("/a", 1, func(f *file.File, _ *catalog.Entry) { f.Content = text("two") }),
		"address":       fileEntry("/b", 1, func(f *file.File, _ *catalog.Entry) { f.Path, f.Content = "/a", text("one") }),
		"guard":         fileEntry("/a", 1, func(f *file.File, e *catalog.Entry) { f.Content, e.Unless = text("one"), []string{"false"} }),
		"empty content": fileEntry("/a", 1, func(f *file.File, _ *catalog.Entry) { f.Content = text("") }),
		"no content":    fileEntry("/a", 1, func(*file.File, *catalog.Entry) {}),
	} {
		if sum(plain()) == sum(other) {
			t.Errorf("%s: the sum is the same", name)
		}
	}
	if sum(plain()) != sum(fileEntry("/a", 7, func(f *file.File, _ *catalog.Entry) { f.Content = text("one") })) {
		t.Error("the sum depends on the line")
	}
	at := func(dir string) *catalog.Entry {
		return fileEntry("/a", 1, func(f *file.File, _ *catalog.Entry) { f.Source = resources.Strings{dir + "/f"} })
	}
	if sum(at("/tmp/x1")) != sum(at("/tmp/x2")) {
		t.Error("the sum depends on what is rewritten")
	}
}

func lineEntry(sensitive ...string) *catalog.Entry {
	return entry(line.Type(), "l", 1, func(l *line.Line, e *catalog.Entry) {
		l.Path, l.Line = "/c", "token 123"
		e.Sensitive = sensitive
	})
}

func TestRemoval(t *testing.T) {
	for _, tc := range []struct {
		name string
		e    *catalog.Entry
		want string
	}{
		{"file", fileEntry("motd", 1, func(f *file.File, _ *catalog.Entry) { f.Path = "/etc/motd" }), "file \"/etc/motd\" {\n  ensure = \"absent\"\n}\n"},
		{"folder", fileEntry("/d", 1, func(f *file.File, _ *catalog.Entry) { f.Ensure = "directory" }), "file \"/d\" {\n  ensure = \"absent\"\n  force  = true\n}\n"},
		{"absent", fileEntry("/d", 1, func(f *file.File, _ *catalog.Entry) { f.Ensure = "absent" }), ""},
		{"packages", entry(pkg.Type(), "p", 1, func(p *pkg.Package, _ *catalog.Entry) { p.Name = resources.Strings{"a", "b"} }),
			"package \"a\" {\n  ensure = \"absent\"\n}\npackage \"b\" {\n  ensure = \"absent\"\n}\n"},
		{"service", entry(service.Type(), "ntp", 1, func(s *service.Service, _ *catalog.Entry) { s.Ensure = "running" }),
			"service \"ntp\" {\n  ensure = \"stopped\"\n  enable = false\n}\n"},
		{"line", lineEntry(), "line \"l\" {\n  line   = \"token 123\"\n  path   = \"/c\"\n  ensure = \"absent\"\n}\n"},
		{"sensitive line", lineEntry("line"), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			held := (&declared.Reader{}).Held(tc.e)
			got, blocks := "", declared.Blocks{}
			for _, n := range held.Names {
				if len(held.Removal) == 0 {
					continue
				}
				got += blocks.Block(tc.e.Addr.Type, n, held.Removal)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestRemovalsOfOneName: each block has an address of its own and names what it removes, though titles be taken by then.
func TestRemovalsOfOneName(t *testing.T) {
	addr := func(name, ip string) *catalog.Entry {
		return entry(hosts.Type(), "x", 1, func(h *hosts.Host, _ *catalog.Entry) { h.Name, h.IP = name, hosts.Address(ip) })
	}
	blocks := declared.Blocks{Types: []resources.Type{hosts.Type(), line.Type()}}
	got := ""
	for _, e := range []*catalog.Entry{addr("peer", "10.0.0.1"), addr("peer", "fd00::1"), addr("peer 2", ""), lineEntry(), lineEntry()} {
		held := (&declared.Reader{}).Held(e)
		got += blocks.Block(e.Addr.Type, held.Names[0], held.Removal)
	}
	const want = `host "peer" {
  ip     = "10.0.0.1"
  target = "/etc/hosts"
  ensure = "absent"
}
host "peer 2" {
  name   = "peer"
  ip     = "fd00::1"
  target = "/etc/hosts"
  ensure = "absent"
}
host "peer 2 2" {
  name   = "peer 2"
  target = "/etc/hosts"
  ensure = "absent"
}
line "l" {
  line   = "token 123"
  path   = "/c"
  ensure = "absent"
}
line "l 2" {
  line   = "token 123"
  path   = "/c"
  ensure = "absent"
}
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestHolds: a limit leaves nothing on the node that could become an orphan.
func TestHolds(t *testing.T) {
	of := func(e *catalog.Entry) []string { return (&declared.Reader{}).Held(e).Names }
	got := [][]string{of(fileEntry("/a", 1, func(*file.File, *catalog.Entry) {})), of(entry(limit.Type(nil), "l", 1, func(*limit.Limit, *catalog.Entry) {}))}
	if diff := cmp.Diff([][]string{{"/a"}, nil}, got); diff != "" {
		t.Error(diff)
	}
}

func BenchmarkSums(b *testing.B) {
	entries := make([]*catalog.Entry, 10_000)
	for i := range entries {
		entries[i] = fileEntry(fmt.Sprintf("/f%d", i), 1, func(f *file.File, _ *catalog.Entry) {
			s := "content"
			f.Content, f.Mode = &s, "0644"
		})
	}
	for b.Loop() {
		(&declared.Reader{}).Sums(entries)
	}
}
