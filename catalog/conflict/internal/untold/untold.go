// Package untold finds what services that run have read, and whose changes nothing tells them.
package untold

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/catalog/conflict/internal/above"
	"github.com/nodeapply/apply/graph"
	"github.com/nodeapply/apply/resources"
)

// Unit is what unit files say of a unit.
type Unit struct {
	File             string   // "": there is none
	Program          string   // that it runs
	Names            []string // the paths that its processes are given
	Oneshot, Remains bool     // no process of it runs; it counts as running all the same
}

// Package is an installed package of the node.
type Package struct {
	Name, Arch string
	Source     string // the name of what it was built from, maybe together with others
	Essential  bool   // every node has it
}

// Units reads the files of a unit. Declared are the contents of unit files that the catalog writes, by path: they count as if they were there.
type Units func(name string, declared map[string]string) Unit

// daemon is a service that is declared to run.
type daemon struct {
	Unit
	by      int
	defined map[string]bool // paths that its unit files have, and folders, which end in a slash, in which all are
}

// Search is one for what the services of a catalog are not told of.
type Search struct {
	entries []*catalog.Entry
	graph   *graph.Graph
	touches [][]resources.Touch // by vertex
	daemons []*daemon
	owners  func(name string) []*Package
	found   []Notice // by vertex

	from   int          // the vertex of passed
	passed map[int]bool // see reached; nil: none was asked for
}

// Notice is that To touches what From, a service, reads, with no notify that reaches it.
type Notice struct {
	To, From int
	Touch    *resources.Touch
	With     string // what the service has to do with it; "%s" is its address and place
}

// New begins a search. Touches are what the entries touch, by vertex.
func New(c *catalog.Catalog, touches [][]resources.Touch, units Units) *Search {
	s := &Search{entries: c.Entries(), graph: c.Graph(), touches: touches}
	if units == nil {
		return s
	}
	declared := map[string]string{}
	for _, ts := range touches {
		for _, t := range ts {
			if t.How == resources.Writes && t.Text != nil && strings.Contains(t.Path, "/systemd/") {
				declared[t.Path] = *t.Text
			}
		}
	}
	for v, e := range s.entries {
		r, ok := e.Resource.(running)
		if ok && !e.Off && !e.Noop && r.Runs() {
			s.run(v, r, declared, units)
		}
	}
	return s
}

type running interface {
	resources.Runner
	resources.Identified
}

// run takes in a service that is declared to run.
func (s *Search) run(v int, r running, declared map[string]string, units Units) {
	d := &daemon{by: v, defined: map[string]bool{}}
	for _, id := range r.Provides() {
		if id.Kind == "unit" && path.Ext(id.Name) == ".service" { // others have no processes
			d.Unit = units(id.Name, declared)
			d.defined[d.File] = true
		}
	}
	if d.File == "" || d.Oneshot && !d.Remains {
		return
	}
	for _, id := range r.Requires() {
		switch {
		case id.Below:
			d.defined[id.Name+"/"] = true
		case path.Ext(id.Name) == ".service":
			d.defined[id.Name] = true
		}
	}
	s.daemons = append(s.daemons, d)
}

// Units lists where the unit files of the services may be.
func (s *Search) Units() (names []string) {
	for _, d := range s.daemons {
		names = append(names, slices.Collect(maps.Keys(d.defined))...)
	}
	return names
}

// Find finds, given whose a path is.
func (s *Search) Find(owners func(name string) []*Package) []Notice {
	s.owners = owners
	byPath, byOwner := map[string][]*daemon{}, map[string][]*daemon{}
	add := func(to map[string][]*daemon, key string, d *daemon) {
		if !slices.Contains(to[key], d) {
			to[key] = append(to[key], d)
		}
	}
	for _, d := range s.daemons {
		for name := range d.defined {
			add(byPath, name, d)
		}
		for _, name := range d.Names {
			for folder := range above.Of(name) {
				add(byPath, folder, d)
			}
		}
		for name := range d.defined { // a unit of the node's own may stand in the place of the package's
			if owners := owners(name); len(owners) == 1 && !d.Oneshot && !owners[0].watchful() {
				add(byOwner, owners[0].family(), d)
			}
		}
	}
	for v := range s.entries {
		for i := range s.touches[v] {
			if t := &s.touches[v][i]; (t.How == resources.Writes || t.How == resources.Edits) && !s.entries[v].Noop {
				s.named(v, t, byPath)
				s.configured(v, t, byOwner)
			}
		}
	}
	return s.found
}

// named looks whether the units of services name the path, or are defined by it.
func (s *Search) named(v int, t *resources.Touch, daemons map[string][]*daemon) {
	for _, d := range daemons[path.Dir(t.Path)+"/"] {
		s.tell(v, d, t, "which defines %s")
	}
	for folder := range above.Of(t.Path) {
		for _, d := range daemons[folder] {
			is := folder == t.Path
			switch {
			case is && d.defined[folder]: // also in the place of another, with content that is not known
				s.tell(v, d, t, "which defines %s")
			case is && slices.Contains(d.Names, folder):
				s.tell(v, d, t, "which the unit of %s names")
			case strings.HasPrefix(folder, "/etc/") && !s.common(folder) && (is || slices.Contains(d.Names, folder)): // one is in the other
				s.tell(v, d, t, "and the unit of %s names what it reads there")
			}
		}
	}
}

// common says that a folder is not one package's.
func (s *Search) common(folder string) bool {
	owners := s.owners(folder)
	return slices.ContainsFunc(owners, func(o *Package) bool { return o.Source != owners[0].Source })
}

// watchful says whether the services of a package look themselves whether their files have changed, or are systemd's, of which each has some.
func (p *Package) watchful() bool {
	return slices.Contains([]string{"cron", "cronie", "dbus", "polkit", "policykit-1", "systemd"}, p.Source)
}

// configured looks whether the path, below /etc, is a file of the package of a service, or in a folder of it that has its name. A file in /etc/default or
// /etc/logrotate.d is not for the service, whoever has brought it.
func (s *Search) configured(v int, t *resources.Touch, daemons map[string][]*daemon) {
	below, ok := strings.CutPrefix(t.Path, "/etc/")
	if !ok {
		return
	}
	top, _, _ := strings.Cut(below, "/")
	for folder := range above.Of(t.Path) {
		owners := s.owners(folder)
		if len(owners) == 0 {
			continue
		}
		var readers []*daemon
		var own *Package
		for _, o := range owners {
			if all := daemons[o.family()]; len(all) > 0 && folder != "/etc" && o.named(top) {
				readers, own = all, o
			}
		}
		if slices.ContainsFunc(readers, func(d *daemon) bool { return s.reached(v)[d.by] }) {
			return // of the services of one package, it is that one's
		}
		for _, d := range readers {
			first, _, _ := strings.Cut(strings.TrimPrefix(t.Path, folder+"/"), "/")
			if foreign := slices.ContainsFunc(owners, func(o *Package) bool { return o.Source == own.Source && o.family() != own.family() }); foreign &&
				!strings.HasPrefix(path.Base(first), path.Base(d.Program)) {
				continue // a client's, or nobody knows
			}
			with := "a file of " + own.Name + ", whose service is %s"
			if folder != t.Path {
				with = "in the folder " + folder + " of " + own.Name + ", whose service is %s"
			}
			s.tell(v, d, t, with)
		}
		return
	}
}

// family is what packages of one source have in common that are parts of one thing, as nginx and nginx-common.
func (p *Package) family() string {
	name := p.Name
	for _, part := range []string{"-common", "-core", "-filesystem", "-config", "-data"} {
		name = strings.TrimSuffix(name, part)
	}
	return p.Source + " " + name
}

// named says whether a name in /etc is the package's: nginx, rsyslog.d and ssh are those of nginx, rsyslog and openssh.
func (p *Package) named(top string) bool {
	top, _, _ = strings.Cut(top, ".")
	return strings.Contains(p.Source, top) || strings.HasPrefix(top, p.Source)
}

// tell keeps that v does not tell d of a change, unless it does.
func (s *Search) tell(v int, d *daemon, t *resources.Touch, with string) {
	for i := len(s.found); i > 0 && s.found[i-1].To == v; i-- {
		if s.found[i-1].From == d.by {
			return
		}
	}
	told := s.reached(v)
	if told[d.by] {
		return
	}
	for w := range told {
		if w < len(s.entries) && s.entries[w].Addr.Type == "exec" {
			return // it may do what is needed
		}
	}
	s.found = append(s.found, Notice{v, d.by, t, with})
}

// reached are the vertices to which a change of v is passed on. They are kept until another v is asked for.
func (s *Search) reached(v int) map[int]bool {
	if s.passed != nil && s.from == v {
		return s.passed
	}
	seen, todo := map[int]bool{}, []int{v}
	for len(todo) > 0 {
		from := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, e := range s.graph.Succ(from) {
			if e.Notify && !seen[e.To] {
				seen[e.To] = true
				todo = append(todo, e.To)
			}
		}
	}
	s.from, s.passed = v, seen
	return seen
}
