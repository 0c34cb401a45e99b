package catalog

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
)

// thing is a resource that provides and requires what a test says.
type thing struct {
	Name     string `hcl:"name,title"`
	Mode     string `hcl:"mode"`
	Ensure   string `hcl:"ensure"`
	provides []resources.Identity
	requires []resources.Identity
}

func (*thing) Check(context.Context, host.View) (resources.Diff, error) { return resources.Diff{}, nil }
func (*thing) Apply(context.Context, host.Host, resources.Diff) error   { return nil }
func (t *thing) Provides() []resources.Identity                         { return t.provides }
func (t *thing) Requires() []resources.Identity                         { return t.requires }
func (t *thing) Absent() bool                                           { return t.Ensure == "absent" }
func ids(kind string, names ...string) (out []resources.Identity) {
	for _, n := range names {
		out = append(out, resources.Identity{Kind: kind, Name: n})
	}
	return out
}

// declare declares t["name"], written "m:name" in a module m and "name[0]" as an instance.
func declare(line int, name string, r *thing) *Entry {
	return &Entry{Addr: addr(name), Resource: r, Pos: Pos{File: "main.hcl", Line: int32(line)}}
}

func addr(name string) resources.Address {
	a := resources.Address{Type: "t"}
	if m, rest, ok := strings.Cut(name, ":"); ok {
		a.Module, name = "module."+m, rest
	}
	if title, inst, ok := strings.Cut(name, "["); ok {
		name, a.Instance = title, "["+inst
	}
	a.Title = name
	if name == "*" {
		a.Type, a.Title = "", ""
	}
	return a
}

// relation reads "a>b" (order) and "a~b" (notify); the target is what is referred to.
func relation(s string) Relation {
	i := strings.IndexAny(s, ">~")
	r := Relation{From: addr(s[:i]), To: addr(s[i+1:]), Target: true, Pos: Pos{File: "main.hcl", Line: 99}}
	if s[i] == '~' {
		r.Kind = Notify
	}
	return r
}

// edges lists which entries must come before which, barriers walked through.
func edges(c *Catalog) string {
	var out []string
	n := len(c.Entries())
	var walk func(from, v int, notify bool)
	walk = func(from, v int, notify bool) {
		for _, e := range c.Graph().Succ(v) {
			if e.To >= n {
				walk(from, e.To, e.Notify)
				continue
			}
			sign := ">"
			if e.Notify {
				sign = "~"
			}
			out = append(out, fmt.Sprintf("%s%s%s", short(c, from), sign, short(c, e.To)))
		}
	}
	for v := range n {
		walk(v, v, false)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func short(c *Catalog, v int) string {
	a := c.Entries()[v].Addr
	return strings.TrimPrefix(a.Module, "module.") + strings.TrimPrefix(a.Title, "t.") + a.Instance
}

func build(entries []*Entry, relations string) (*Catalog, []Problem) {
	var rs []Relation
	for _, r := range strings.Fields(relations) {
		rs = append(rs, relation(r))
	}
	return New(entries, rs, func(a resources.Address) bool { return a.Title == "empty" })
}

func TestEdges(t *testing.T) {
	path := func(p string) *thing {
		return &thing{Name: p, provides: ids("path", p), requires: []resources.Identity{{Kind: "path", Name: p, Nearest: true}}}
	}
	gone := func(p string) *thing {
		t := path(p)
		t.Ensure = "absent"
		return t
	}
	shared := func(n string) *thing {
		return &thing{Name: n, provides: []resources.Identity{{Kind: "repos", Name: "apt", Shared: true}}}
	}
	unmounted := func(n string) *thing {
		return &thing{Ensure: "absent", provides: ids("mount", n), requires: []resources.Identity{{Kind: "path", Name: n, Nearest: true}, {Kind: "mount", Name: n, Nearest: true}}}
	}
	needsRepos := func(n string) *thing { return &thing{Name: n, requires: ids("repos", "apt")} }
	for _, tc := range []struct {
		name      string
		entries   []*Entry
		relations string
		want      string
	}{
		{"explicit", []*Entry{declare(1, "a", &thing{}), declare(2, "b", &thing{}), declare(3, "c", &thing{})}, "c>a a~b", "a~b c>a"},
		{"the same relation twice is one edge", []*Entry{declare(1, "a", &thing{}), declare(2, "b", &thing{})}, "a>b a>b", "a>b"},
		{"all instances", []*Entry{declare(1, "a[0]", &thing{}), declare(2, "a[1]", &thing{}), declare(3, "b", &thing{})}, "a>b", "a[0]>b a[1]>b"},
		{"one instance", []*Entry{declare(1, "a[0]", &thing{}), declare(2, "a[1]", &thing{}), declare(3, "b", &thing{})}, "a[1]>b", "a[1]>b"},
		{"module to module", []*Entry{declare(1, "m:a", &thing{}), declare(2, "m:b", &thing{}), declare(3, "n:c", &thing{}), declare(4, "n:d", &thing{})}, "m:*~n:*", "ma~nc ma~nd mb~nc mb~nd"},
		{"before an empty set", []*Entry{declare(1, "a", &thing{})}, "a>empty", ""},
		{"before what an empty set is before", []*Entry{declare(1, "a", &thing{}), declare(2, "b", &thing{}), declare(3, "c", &thing{})}, "empty~b a~empty", "a>b"},
		{"over two empty sets", []*Entry{declare(1, "a", &thing{}), declare(2, "b", &thing{})}, "a>empty empty>m:empty m:empty>b", "a>b"},
		{"nearest managed ancestor", []*Entry{declare(1, "x", path("/a/b/c/d")), declare(2, "y", path("/a")), declare(3, "z", path("/a/b"))}, "", "y>z z>x"},
		{"the folder that is required is a mount point", []*Entry{declare(1, "dir", path("/data")),
			declare(2, "f", &thing{provides: ids("path", "/data/f"), requires: []resources.Identity{{Kind: "path", Name: "/data", Nearest: true}}}),
			declare(3, "m", &thing{provides: ids("mount", "/data"), requires: []resources.Identity{{Kind: "path", Name: "/data", Nearest: true}}})}, "", "dir>m m>f"},
		{"a mount point comes before the folder it covers", []*Entry{declare(1, "dir", path("/data")), declare(2, "f", path("/data/f")),
			declare(3, "m", &thing{provides: ids("mount", "/data"), requires: ids("path", "/data")})}, "", "dir>m m>f"},
		{"what is to go goes after what is in it", []*Entry{declare(1, "x", gone("/a/b/c")), declare(2, "y", gone("/a")), declare(3, "z", path("/a/d")), declare(4, "stays", path("/"))}, "",
			"stays>y x>y y>z"},
		{"unless it is told not to", []*Entry{declare(1, "x", gone("/a/b")), declare(2, "y", gone("/a"))}, "y>x", "y>x"},
		{"mounts go from the inside out, before the folder between", []*Entry{declare(1, "x", unmounted("/a")), declare(2, "dir", path("/a/b")), declare(3, "y", unmounted("/a/b"))}, "", "x>dir y>dir y>x"},
		{"which closes no cycle where that is told to be first", []*Entry{declare(1, "x", unmounted("/a")), declare(2, "dir", path("/a/b")), declare(3, "y", unmounted("/a/b"))}, "dir>y", "dir>y x>dir"},
		{"all that is below a folder", []*Entry{declare(1, "x", &thing{provides: ids("path", "/a/dst"), requires: []resources.Identity{{Kind: "path", Name: "/a", Nearest: true, Below: true}}}),
			declare(2, "y", path("/a/b")), declare(3, "z", path("/ab")), declare(4, "w", path("/a/c/d"))}, "", "w>x y>x"},
		{"but not against an explicit edge", []*Entry{declare(1, "x", &thing{requires: []resources.Identity{{Kind: "path", Name: "/a", Below: true}}}), declare(2, "y", path("/a/b"))}, "x>y", "x>y"},
		{"an explicit edge turns an automatic one round", []*Entry{declare(1, "x", path("/a/b")), declare(2, "y", path("/a"))}, "x>y", "x>y"},
		{"a barrier turns an automatic edge round", []*Entry{declare(1, "m:x", path("/a/b")), declare(2, "m:w", &thing{}), declare(3, "y", path("/a"))}, "m:*>y", "mw>y mx>y"},
		{"shared identities come before all who need them", []*Entry{declare(1, "p", needsRepos("p")), declare(2, "r", shared("r")), declare(3, "s", shared("s")), declare(4, "q", needsRepos("q"))}, "",
			"r>p r>q s>p s>q"},
		{"but not against an explicit edge", []*Entry{declare(1, "p", needsRepos("p")), declare(2, "r", shared("r")), declare(3, "s", shared("s"))}, "p>r", "p>r s>p"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, problems := build(tc.entries, tc.relations)
			if problems != nil {
				t.Fatal(problems)
			}
			if diff := cmp.Diff(tc.want, edges(c)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestProblems(t *testing.T) {
	owner := func(mode string) *thing { return &thing{Name: "x", Mode: mode, provides: ids("path", "/x")} }
	for _, tc := range []struct {
		name      string
		entries   []*Entry
		relations string
		want      []string // summary and detail
	}{
		{"undeclared, with a near one", []*Entry{declare(1, "nginx", &thing{})}, "nginx>ngnix",
			[]string{"main.hcl:99 reference to undeclared resource: no t.ngnix is declared; did you mean `t.nginx`?"}},
		{"undeclared, nothing near", []*Entry{declare(1, "nginx", &thing{})}, "nginx>postfix_main",
			[]string{"main.hcl:99 reference to undeclared resource: no t.postfix_main is declared."}},
		{"an instance of what has none", []*Entry{declare(1, "nginx", &thing{})}, `nginx>nginx["a_key"]`,
			[]string{`main.hcl:99 reference to undeclared resource: no t.nginx["a_key"] is declared: t.nginx has neither for_each nor count.`}},
		{"another instance", []*Entry{declare(1, "x[0]", &thing{}), declare(2, "x[1]", &thing{}), declare(3, "c", &thing{})}, `c>x["of_a_key"]`,
			[]string{`main.hcl:99 reference to undeclared resource: no t.x["of_a_key"] is declared: of t.x there is [0], [1].`}},
		{"another of many instances", []*Entry{declare(1, "x[0]", &thing{}), declare(2, "x[1]", &thing{}), declare(3, "x[2]", &thing{}), declare(4, "x[3]", &thing{}), declare(5, "x[4]", &thing{}), declare(6, "x[5]", &thing{})}, `x[0]>x[7]`,
			[]string{"main.hcl:99 reference to undeclared resource: no t.x[7] is declared: of t.x there is [0], [1], [2], [3], [4], 1 more; did you mean `t.x[0]`?"}},
		{"against what is to go after what is in it", []*Entry{
			declare(1, "x", &thing{Ensure: "absent", requires: []resources.Identity{{Kind: "path", Name: "/a", Nearest: true}}}), declare(2, "y", &thing{Ensure: "absent", provides: ids("path", "/a")}), declare(3, "c", &thing{})}, "y>c c>x",
			[]string{"main.hcl:1 dependency cycle: t.x -> t.y -> t.c -> t.x: each would have to come before the next; remove one of these relations. Declared: t.y before t.c at main.hcl:99; t.c before t.x at main.hcl:99. By themselves: t.y is removed after t.x."}},
		{"two cycles", []*Entry{declare(1, "a", &thing{}), declare(2, "b", &thing{}), declare(3, "c", &thing{}), declare(4, "d", &thing{})}, "a>b b>a c>d d>c",
			[]string{
				"main.hcl:1 dependency cycle: t.a -> t.b -> t.a: each would have to come before the next; remove one of these relations. Declared: t.a before t.b at main.hcl:99; t.b before t.a at main.hcl:99.",
				"main.hcl:3 dependency cycle: t.c -> t.d -> t.c: each would have to come before the next; remove one of these relations. Declared: t.c before t.d at main.hcl:99; t.d before t.c at main.hcl:99.",
			}},
		{"over an empty set", []*Entry{declare(1, "a", &thing{})}, "a>empty empty>a", []string{
			"main.hcl:1 dependency cycle: t.a -> t.empty -> t.a: each would have to come before the next; remove one of these relations. Declared: t.a before t.empty at main.hcl:99; t.empty before t.a at main.hcl:99.",
		}},
		{"of empty sets alone", nil, "empty>m:empty m:empty>empty", []string{
			"main.hcl:99 dependency cycle: t.empty -> module.m.t.empty -> t.empty: each would have to come before the next; remove one of these relations. Declared: t.empty before module.m.t.empty at main.hcl:99; module.m.t.empty before t.empty at main.hcl:99.",
		}},
		{"itself", []*Entry{declare(1, "a", &thing{}), declare(2, "m:b", &thing{}), declare(3, "m:c", &thing{})}, "a>a m:*>m:*", []string{
			"main.hcl:99 dependency cycle: t.a would have to come before itself; remove this relation.",
			"main.hcl:99 dependency cycle: module.m would have to come before itself; remove this relation.",
		}},
		{"a cycle of needs", []*Entry{
			declare(1, "a", &thing{provides: ids("group", "a"), requires: ids("user", "b")}), declare(2, "b", &thing{provides: ids("user", "b"), requires: ids("group", "a")}),
		}, "", []string{"main.hcl:1 dependency cycle: t.a -> t.b -> t.a: each would have to come before the next; remove one of these relations. By themselves: t.a needs the user b; t.b needs the group a."}},
		{"a cycle of a need and a relation", []*Entry{
			declare(1, "a", &thing{provides: ids("path", "/a")}), declare(2, "b", &thing{requires: []resources.Identity{{Kind: "path", Name: "/a", Nearest: true}}}), declare(3, "c", &thing{}),
		}, "b>c c>a", []string{"main.hcl:1 dependency cycle: t.a -> t.b -> t.c -> t.a: each would have to come before the next; remove one of these relations. " +
			"Declared: t.b before t.c at main.hcl:99; t.c before t.a at main.hcl:99. By themselves: t.b needs /a."}},
		{"what is below a folder that it needs", []*Entry{
			declare(1, "a", &thing{provides: ids("path", "/src/a")}), declare(2, "b", &thing{requires: []resources.Identity{{Kind: "path", Name: "/src", Below: true}}}), declare(3, "c", &thing{}),
		}, "b>c c>a", []string{"main.hcl:1 dependency cycle: t.a -> t.b -> t.c -> t.a: each would have to come before the next; remove one of these relations. " +
			"Declared: t.b before t.c at main.hcl:99; t.c before t.a at main.hcl:99. By themselves: t.b needs the path /src."}},
		{"needs what is removed", []*Entry{
			declare(1, "a", &thing{Ensure: "absent", provides: ids("group", "a"), requires: ids("user", "a")}), declare(2, "b", &thing{provides: ids("user", "a"), requires: ids("group", "a")}),
		}, "", []string{"main.hcl:1 needs what is removed: t.b at main.hcl:2 needs the group a, which t.a at main.hcl:1 removes. Only one of them can be what the node should have: change one of the two."}},
		{"a cycle with what is removed after it", []*Entry{
			declare(1, "a", &thing{Ensure: "absent", provides: ids("group", "a"), requires: ids("user", "a")}), declare(2, "b", &thing{provides: ids("user", "a")}),
		}, "a>b", nil},
		{"equal duplicates merge", []*Entry{declare(1, "a", owner("1")), declare(2, "b", owner("1")), declare(3, "c", &thing{})}, "b>c", nil},
		{"one that names a thing twice", []*Entry{declare(1, "a", &thing{provides: append(ids("path", "/x"), ids("path", "/x")...)})}, "", nil},
		{"different duplicates", []*Entry{declare(1, "a", owner("1")), declare(2, "b", owner("2"))}, "",
			[]string{"main.hcl:2 conflicting declarations: t.a at main.hcl:1 and t.b at main.hcl:2 manage the same thing in different ways: they differ in mode; keep one of them."}},
		{"the same address twice", []*Entry{declare(1, "a", owner("1")), declare(7, "a", owner("2"))}, "",
			[]string{"main.hcl:7 duplicate resource t.a: t.a is declared at main.hcl:1 already, and they differ in mode; keep one of them, or give one another title."}},
		{"the same address twice, other guards", []*Entry{declare(1, "a", owner("1")), guarded(7, "a", owner("1"))}, "",
			[]string{"main.hcl:7 duplicate resource t.a: t.a is declared at main.hcl:1 already, and they differ in unless, noop; keep one of them, or give one another title."}},
		{"the same thing twice, other guards", []*Entry{declare(1, "a", owner("1")), guarded(7, "b", owner("1"))}, "",
			[]string{"main.hcl:7 conflicting declarations: t.a at main.hcl:1 and t.b at main.hcl:7 manage the same thing in different ways: they differ in unless, noop; keep one of them."}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, problems := build(tc.entries, tc.relations)
			var got []string
			for _, p := range problems {
				got = append(got, fmt.Sprintf("%s %s: %s", p.Pos, p.Summary, p.Detail))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func guarded(line int, name string, r *thing) *Entry {
	e := declare(line, name, r)
	e.Unless, e.Noop = []string{"true"}, true
	return e
}

func late(e *Entry) *Entry {
	e.Deferred, e.Resource = &Deferred{Blank: e.Resource}, nil
	return e
}

// said gives an entry places: those attributes are in the manifest, the others have their defaults.
func said(e *Entry, attrs ...string) *Entry {
	e.AttrPos = func(attr string) Pos {
		pos := e.Pos
		if slices.Contains(attrs, attr) {
			pos.Column = 3
		}
		return pos
	}
	return e
}

func TestMergedAddressStandsForTheFirst(t *testing.T) {
	r := func() *thing { return &thing{Name: "x", provides: ids("path", "/x")} }
	c, problems := build([]*Entry{declare(1, "a", r()), declare(2, "b", r()), declare(3, "c", &thing{}), declare(4, "d", &thing{})}, "b>c d>b")
	if problems != nil {
		t.Fatal(problems)
	}
	if diff := cmp.Diff("a>c d>a", edges(c)); diff != "" {
		t.Error(diff)
	}
}

// A block that waits for values of the run has its place in the order by what of it is known before.
func TestLateBlocksHaveAutomaticEdges(t *testing.T) {
	below := late(declare(1, "below", &thing{provides: ids("path", "/x/y"), requires: []resources.Identity{{Kind: "path", Name: "/x", Nearest: true}}}))
	needs := declare(2, "needs", &thing{requires: ids("path", "/x/y")})
	c, problems := build([]*Entry{below, needs, declare(3, "x", &thing{provides: ids("path", "/x")})}, "")
	if problems != nil {
		t.Fatal(problems)
	}
	if diff := cmp.Diff("below>needs x>below", edges(c)); diff != "" {
		t.Error(diff)
	}
	s := &surveyor{}
	c.Survey(s, resources.Declared{})
	if diff := cmp.Diff([]string{"/x", "/x/y"}, s.declared().Paths); diff != "" {
		t.Errorf("what a purge spares (-want +got):\n%s", diff)
	}
}

// What a late block manages is known by its title, unless the block gives it another name that is known in the run.
func TestLateBlocksAreKnownByTheirTitles(t *testing.T) {
	folder := func(attrs ...string) *Entry {
		return late(said(declare(1, "folder", &thing{Name: "folder", provides: ids("path", "/x")}), attrs...))
	}
	file := func() *Entry {
		return declare(2, "file", &thing{requires: []resources.Identity{{Kind: "path", Name: "/x/y", Nearest: true}}})
	}
	for _, tc := range []struct {
		name    string
		entries []*Entry
		want    string
	}{
		{"by the title", []*Entry{folder("mode"), file()}, "folder>file"},
		{"by what the run says", []*Entry{folder("mode", "name"), file()}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, problems := build(tc.entries, "")
			if problems != nil {
				t.Fatal(problems)
			}
			if diff := cmp.Diff(tc.want, edges(c)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRelationsBetweenSetsAreLinear(t *testing.T) {
	const n = 20_000
	var entries []*Entry
	for i := range n {
		entries = append(entries, declare(i+1, fmt.Sprintf("m:a%d", i), &thing{}), declare(i+1, fmt.Sprintf("n:b%d", i), &thing{}))
	}
	c, problems := build(entries, "m:*>n:*")
	if problems != nil {
		t.Fatal(problems)
	}
	edges := 0
	for v := range c.Graph().Len() {
		edges += len(c.Graph().Succ(v))
	}
	if want := 2*n + 1; edges != want {
		t.Errorf("want %d edges, got %d", want, edges)
	}
}
