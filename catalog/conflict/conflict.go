// Package conflict finds what two resources of a catalog do to one thing of the node where nothing says which comes first, or where the one undoes the other
// whatever the order, and running services that are not told of what they read. It looks at what is declared, at which files belong to the node's packages and
// at its unit files, and runs nothing.
//
// Only what is certain is told. What the catalog orders by itself, and what it refuses, is no matter here; nor is what only the run makes known.
package conflict

import (
	"context"
	"slices"
	"strings"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/catalog/conflict/internal/above"
	"github.com/nodeapply/apply/catalog/conflict/internal/untold"
	"github.com/nodeapply/apply/graph"
	"github.com/nodeapply/apply/resources"
)

// Package is an installed package of the node: Name and Arch, the Source that it was built from, and whether it is Essential.
type Package = untold.Package

// Unit is what unit files say of a unit: its File, the Program that it runs, the Names of paths that its processes are given, and whether it is a Oneshot that
// Remains.
type Unit = untold.Unit

// Units reads the files of a unit. Declared are the contents of unit files that the catalog writes, by path: they count as if they were there.
type Units = untold.Units

// Packages calls file for every file and folder of every installed package of the node. A folder can belong to many of them.
type Packages func(ctx context.Context, file func(p *Package, name string)) error

// Find returns the conflicts in c, in the order of its entries: the place of each is the block in which it is mended best, Also has the other. Installed is asked
// once, if c declares packages or running services; its error is returned beside what is found without it.
func Find(ctx context.Context, c *catalog.Catalog, installed Packages, units Units) ([]catalog.Problem, error) {
	f := newFinder(c)
	services := untold.New(c, f.touches, units)
	err := f.owned(ctx, installed, services.Units())
	for v := range f.entries {
		for i := range f.touches[v] {
			t := &f.touches[v][i]
			f.home(v, t)
			f.part(v, t)
			f.removed(v, t)
			if place, ok := f.place(t.Path); ok && t.How != resources.Houses {
				f.packaged(v, place, t.How.String(), t)
			}
		}
		for _, need := range f.needs[v] {
			if place, ok := f.place(need); ok && place.folder == "" {
				f.packaged(v, place, "needs", &resources.Touch{Path: need})
			}
		}
		f.absent(v)
	}
	for _, n := range services.Find(func(name string) []*Package { return f.files[merged(name)] }) {
		f.untold = append(f.untold, pair{summary: "no notify of a service", to: n.To, from: []int{n.From}, does: n.Touch.How.String(), path: n.Touch.Path, with: n.With, attr: "notify"})
	}
	f.order()
	return f.problems(), err
}

// finder is a search. What it knows of entries is by their vertex; those that are not managed, or become known only in the run, have nothing.
type finder struct {
	entries []*catalog.Entry
	graph   *graph.Graph
	touches [][]resources.Touch
	needs   [][]string // paths

	provides map[resources.Identity]int // who is to provide it
	packages map[string][]int           // who declares a package, by its name
	homes    map[string][]int           // whose home a folder is
	removes  map[string]int
	files    map[string][]*Package // whose the paths are that matter here

	pairs   []pair // that lack an order
	undoing []pair
	untold  []pair // that lack a notify
}

// pair is a conflict between to and one of from.
type pair struct {
	summary string
	to      int
	from    []int
	does    string // what to does to the path, as a verb
	path    string
	with    string // what the others have to do with it; "%s" is their address and place
	advice  string // "": the relation below
	attr    string // the relation that to lacks; "": require
}

func newFinder(c *catalog.Catalog) *finder {
	n := len(c.Entries())
	f := &finder{
		entries: c.Entries(), graph: c.Graph(), touches: make([][]resources.Touch, n), needs: make([][]string, n),
		provides: make(map[resources.Identity]int, n), packages: map[string][]int{}, homes: map[string][]int{},
		removes: map[string]int{}, files: map[string][]*Package{},
	}
	touches := c.Touches()
	for v, e := range f.entries {
		if e.Off || e.Resource == nil {
			continue
		}
		f.touches[v] = touches[v]
		for i := range f.touches[v] {
			f.index(v, &f.touches[v][i])
		}
		if r, ok := e.Resource.(resources.Identified); ok {
			f.identify(v, r)
		}
	}
	return f
}

// identify takes in what v provides and which paths it needs.
func (f *finder) identify(v int, r resources.Identified) {
	for _, id := range r.Provides() {
		switch {
		case id.Shared:
		case id.Kind == "package":
			f.packages[id.Name] = append(f.packages[id.Name], v)
		default:
			f.provides[id] = v
		}
	}
	for _, id := range r.Requires() {
		if id.Kind == "path" {
			f.needs[v] = append(f.needs[v], id.Name)
		}
	}
}

func (f *finder) index(v int, t *resources.Touch) {
	switch t.How {
	case resources.Houses:
		made := func(o resources.Touch) bool { return o.How == resources.Makes && o.Path == t.Path }
		if strings.HasPrefix(t.Path, "/home/") || t.Path != "/" && slices.ContainsFunc(f.touches[v], made) {
			f.homes[t.Path] = append(f.homes[t.Path], v)
		}
	case resources.Removes:
		f.removes[t.Path] = v
	}
}

// home looks whether what v touches is in the home of a user.
func (f *finder) home(v int, t *resources.Touch) {
	if t.How == resources.Houses {
		return
	}
	for folder := range above.Of(t.Path) {
		users, ok := f.homes[folder]
		if !ok {
			continue
		}
		with := "in the home of %s"
		if folder == t.Path {
			with = "the home of %s"
		}
		if !slices.Contains(users, v) {
			f.pairs = append(f.pairs, pair{summary: noOrder, to: v, from: users, does: t.How.String(), path: t.Path, with: with})
		}
		return
	}
}

// part looks whether v changes a part of a file that another resource manages as a whole.
func (f *finder) part(v int, t *resources.Touch) {
	w, ok := f.provides[resources.Identity{Kind: "path", Name: t.Path}]
	if t.How != resources.Edits || !ok || w == v {
		return
	}
	for i := range f.touches[w] {
		whole := &f.touches[w][i]
		switch {
		case whole.Path != t.Path:
		case whole.How == resources.Makes:
			f.pairs = append(f.pairs, pair{summary: noOrder, to: v, from: []int{w}, does: t.How.String(), path: t.Path, with: "which %s manages"})
		case whole.How == resources.Writes && !holds(whole.Text, t.Text):
			f.undo(pair{summary: "written whole and in part", to: v, from: []int{w}, does: "keeps a part of", path: t.Path,
				with:   "and %s writes the whole of it",
				advice: "In every run the one undoes the other. Leave the content to one of them: to the file, or to resources for its parts (with `replace = false` the file is only given its first content)."})
		}
	}
}

// holds says whether the content is known to have the line.
func holds(content, line *string) bool {
	if content == nil || line == nil {
		return false
	}
	return strings.Contains("\n"+strings.TrimSuffix(*content, "\n")+"\n", "\n"+*line+"\n")
}
