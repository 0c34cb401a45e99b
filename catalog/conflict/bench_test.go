package conflict_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/catalog/conflict"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/file"
	"github.com/nodeapply/apply/resources/pkg"
)

// crowd is a catalog of n files in the folders of m packages, of which every second has an order, and the database that has the packages.
func crowd(t testing.TB, n, m int) (*catalog.Catalog, conflict.Packages) {
	var entries []*catalog.Entry
	var relations []catalog.Relation
	add := func(kind resources.Type, title string) resources.Address {
		a := resources.Address{Type: kind.Name, Title: title}
		entries = append(entries, &catalog.Entry{Addr: a, Pos: catalog.Pos{File: "main.hcl", Line: int32(len(entries) + 1)}, Resource: kind.New(title)})
		return a
	}
	packages, files := pkg.Type(), file.Type()
	for i := range m {
		add(packages, fmt.Sprintf("p%d", i))
	}
	for i := range n {
		a := add(files, fmt.Sprintf("/etc/p%d/a/b/%d", i%m, i))
		if i < n/2 {
			relations = append(relations, catalog.Relation{From: entries[i%m].Addr, To: a})
		}
	}
	c, problems := catalog.New(entries, relations, nil)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return c, func(_ context.Context, file func(p *conflict.Package, name string)) error {
		for i := range m {
			name := fmt.Sprintf("p%d", i)
			p := &conflict.Package{Name: name, Source: name}
			file(p, "/etc/"+name)
			for j := range 1000 {
				file(p, fmt.Sprintf("/usr/share/%s/%d", name, j))
			}
		}
		return nil
	}
}

func TestCrowd(t *testing.T) {
	c, installed := crowd(t, 2000, 100)
	problems, err := conflict.Find(t.Context(), c, installed, nil)
	if err != nil || len(problems) != 1000 {
		t.Errorf("%d problems, %v", len(problems), err)
	}
	// What is kept for a resource does not grow with their number.
	allocated := func(n int) float64 {
		c, _ := crowd(t, n, 100)
		return testing.AllocsPerRun(1, func() { _, _ = conflict.Find(t.Context(), c, nil, nil) }) / float64(n)
	}
	if one, four := allocated(2000), allocated(8000); four > 1.5*one {
		t.Errorf("for each of 2000 files %.1f allocations, of 8000 %.1f", one, four)
	}
}

func BenchmarkFind(b *testing.B) {
	c, installed := crowd(b, 10_000, 100)
	for b.Loop() {
		if _, err := conflict.Find(b.Context(), c, installed, nil); err != nil {
			b.Fatal(err)
		}
	}
}
