package declared

import (
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/resources"
)

// Difference is what one catalog declares other than another, in order of declaration.
type Difference struct {
	Added   []Declared `json:"added,omitempty"`
	Removed []Declared `json:"removed,omitempty"`
	Changed []Changed  `json:"changed,omitempty"`
	// Edges are relations that manifests declare; those that follow from attributes change with these.
	EdgesAdded   []Edge `json:"edges_added,omitempty"`
	EdgesRemoved []Edge `json:"edges_removed,omitempty"`
}

// Declared is a resource that only one catalog has.
type Declared struct {
	Address    resources.Address `json:"address"`
	Pos        string            `json:"pos"` // FILE:LINE
	Attributes []Value           `json:"attributes,omitempty"`
}

// Value is an attribute of a resource that only one catalog has. Sensitive ones are replaced.
type Value struct {
	Attribute string `json:"attribute"`
	Value     string `json:"value"`
}

// Changed is a resource that both catalogs have.
type Changed struct {
	Address resources.Address `json:"address"`
	Before  string            `json:"before"` // FILE:LINE of the block in each
	After   string            `json:"after"`
	Changes []AttrChange      `json:"changes"`
}

// AttrChange is an attribute that is declared differently; a text is empty where it is not declared. Sensitive ones are replaced.
type AttrChange struct {
	Attribute string `json:"attribute"`
	Before    string `json:"before"`
	After     string `json:"after"`
	BeforePos string `json:"before_pos"` // FILE:LINE
	AfterPos  string `json:"after_pos"`
	Diff      string `json:"diff,omitempty"` // unified, where a text has several lines
}

// Edge is a relation.
type Edge struct {
	From   resources.Address `json:"from"`
	To     resources.Address `json:"to"`
	Notify bool              `json:"notify,omitempty"`
	Pos    string            `json:"pos"` // FILE:LINE of the reference
}

// Empty says that there is no difference.
func (d *Difference) Empty() bool {
	return len(d.Added)+len(d.Removed)+len(d.Changed)+len(d.EdgesAdded)+len(d.EdgesRemoved) == 0
}

const hidden = "(sensitive value)"

// Side is a catalog with the reader that reads it.
type Side struct {
	*catalog.Catalog
	Reader *Reader
}

// Compare says in what the catalogs differ.
func Compare(before, after Side) *Difference {
	d := &Difference{}
	old, present := before.byAddress(), after.byAddress()
	for _, e := range before.Entries() {
		if present[e.Addr] == nil {
			d.Removed = append(d.Removed, before.declared(e))
		}
	}
	for _, e := range after.Entries() {
		was := old[e.Addr]
		if was == nil {
			d.Added = append(d.Added, after.declared(e))
			continue
		}
		c := Changed{Address: e.Addr, Before: was.Pos.String(), After: e.Pos.String(), Changes: changes(before.Reader, after.Reader, was, e)}
		if len(c.Changes) > 0 {
			d.Changed = append(d.Changed, c)
		}
	}
	d.EdgesRemoved, d.EdgesAdded = before.edgesWithout(after), after.edgesWithout(before)
	return d
}

func (s Side) byAddress() map[resources.Address]*catalog.Entry {
	m := make(map[resources.Address]*catalog.Entry, len(s.Entries()))
	for _, e := range s.Entries() {
		m[e.Addr] = e
	}
	return m
}

func (s Side) declared(e *catalog.Entry) Declared {
	out := Declared{Address: e.Addr, Pos: e.Pos.String()}
	for _, a := range s.Reader.Attrs(e) {
		if e.AttrPos(a.Name) == e.Pos {
			continue // the type's default
		}
		if slices.Contains(e.Sensitive, a.Name) {
			a.Text = hidden
		}
		out.Attributes = append(out.Attributes, Value{a.Name, a.Text})
	}
	return out
}

// changes compares two declarations of one resource.
func changes(before, after *Reader, was, is *catalog.Entry) []AttrChange {
	old := map[string]string{}
	for _, a := range before.Attrs(was) {
		old[a.Name] = a.Text
	}
	var out []AttrChange
	add := func(name, from, to string) {
		c := AttrChange{Attribute: name, Before: from, After: to, BeforePos: was.AttrPos(name).String(), AfterPos: is.AttrPos(name).String()}
		switch {
		case slices.Contains(was.Sensitive, name) || slices.Contains(is.Sensitive, name):
			c.Before, c.After = hidden, hidden
		case strings.Contains(strings.TrimSuffix(from, "\n"), "\n") || strings.Contains(strings.TrimSuffix(to, "\n"), "\n"):
			_, c.Diff, _ = strings.Cut(string(diff.Diff(c.BeforePos, []byte(from), c.AfterPos, []byte(to))), "\n") // without its command line
		}
		out = append(out, c)
	}
	for _, a := range after.Attrs(is) {
		from, had := old[a.Name]
		delete(old, a.Name)
		if !had || from != a.Text {
			add(a.Name, from, a.Text)
		}
	}
	for _, a := range before.Attrs(was) {
		if from, gone := old[a.Name]; gone {
			add(a.Name, from, "")
		}
	}
	return out
}

type edgeKey struct {
	from, to resources.Address
	notify   bool
}

func keyOf(r *catalog.Relation) edgeKey {
	return edgeKey{r.From, r.To, r.Kind == catalog.Notify}
}

// edgesWithout lists the relations that other has not.
func (s Side) edgesWithout(other Side) []Edge {
	has := map[edgeKey]bool{}
	for i := range other.Relations() {
		has[keyOf(&other.Relations()[i])] = true
	}
	var out []Edge
	for i := range s.Relations() {
		r := &s.Relations()[i]
		if k := keyOf(r); !has[k] {
			has[k] = true
			out = append(out, Edge{r.From, r.To, k.notify, r.Pos.String()})
		}
	}
	return out
}
