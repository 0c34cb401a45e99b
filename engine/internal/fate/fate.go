// Package fate keeps what has become of each vertex of a walk, and says what that means for those after it: what is lost with it, and who is notified of what.
//
// A deferred entry that is repeated is one vertex, and what it becomes are instances. Relations that name one of these go by a vertex of their own, which
// the catalog tells of (see [catalog.Catalog.Instance]): they share the fate of that instance alone.
package fate

import (
	"cmp"
	"encoding/binary"
	"slices"
	"sync"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/graph"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// Fate is what has become of one vertex, or of one instance. The visit writes it while it is under way; before and after, the walk's owner does.
type Fate struct {
	Results  []*report.Result
	Changed  bool    // or refreshed, or would be: notifies go out
	Failed   bool    // or skipped
	Cause    int32   // the lowest failed vertex before it, as index+1; 0 for none
	Root     string  // the address of the resource that failed
	Notified []int32 // by which vertices: entries, and barriers
	Wide     bool    // the change has effects that nobody names
	Stuck    bool    // an abandoned attempt still uses the resource
	Bound    bool    // of a deferred entry: it is known what it became

	instances map[string]*Fate // of one that is repeated, by their keys: what concerns them alone
	place     int              // of an instance: which of them it is, from 1 on
}

// Became is the fate of an instance that the entry has become; place is its number in the order of declaration, from 1 on. What notifies all of them
// notifies it.
func (f *Fate) Became(key string, place int) *Fate {
	one := f.instance(key)
	one.place = place
	one.Notified = append(one.Notified, f.Notified...)
	return one
}

func (f *Fate) instance(key string) *Fate {
	one := f.instances[key]
	if one == nil {
		if f.instances == nil {
			f.instances = map[string]*Fate{}
		}
		one = &Fate{}
		f.instances[key] = one
	}
	return one
}

// left is how one instance has ended. Until it is known which instances there are, that is how the whole entry has, or that something before this instance has
// failed. Of an instance that there turns out not to be, nothing has become.
func (f *Fate) left(key string) *Fate {
	one := f.instances[key]
	switch {
	case f.Bound && one != nil:
		return one
	case f.Bound:
		return &Fate{}
	case one != nil && one.Cause != 0 && !f.Failed:
		return &Fate{Failed: true, Cause: one.Cause, Root: one.Root}
	}
	return f
}

// ComesAfter takes in the failure of what is before.
func (f *Fate) ComesAfter(before *Fate) {
	if before.Failed && (f.Cause == 0 || before.Cause < f.Cause) {
		f.Cause, f.Root = before.Cause, before.Root
	}
}

// Fates are those of all vertices of a catalog's graph.
type Fates struct {
	cat *catalog.Catalog
	of  []Fate

	mu    sync.Mutex
	known map[string]Notifiers // by the vertices that they came from: all that are behind one barrier share them
}

// Notifiers are what notifies a resource, as addresses and as these are written. They are shared: nobody may change them.
type Notifiers struct {
	Addrs []resources.Address
	Texts []string
}

// New returns the fates of vertices of which nothing has become yet.
func New(c *catalog.Catalog) *Fates {
	return &Fates{cat: c, of: make([]Fate, c.Graph().Len()), known: map[string]Notifiers{}}
}

// Of is the fate of a vertex.
func (f *Fates) Of(v int) *Fate { return &f.of[v] }

// Barrier settles a vertex that is no entry: it passes on what came to it.
func (f *Fates) Barrier(v int) {
	b := f.Of(v)
	b.Failed, b.Changed = b.Cause != 0, len(b.Notified) > 0
}

// Pass hands on what a vertex means for one after it, and returns what that is of the vertex.
func (f *Fates) Pass(v int, e graph.Edge) *Fate {
	from, to := f.between(v, e.To)
	to.ComesAfter(from)
	if !e.Notify || !from.Changed {
		return from
	}
	if of, _, one := f.cat.Instance(v); one && of == e.To {
		to.Notified = append(to.Notified, from.Notified...)
	} else {
		to.Notified = append(to.Notified, int32(v))
	}
	return from
}

// between returns what a vertex and a successor mean for each other: where one stands for an instance of the other, what that instance is.
func (f *Fates) between(v, to int) (from, next *Fate) {
	from, next = f.Of(v), f.Of(to)
	if of, a, ok := f.cat.Instance(to); ok && of == v {
		return from.left(a.Instance), next
	}
	if of, a, ok := f.cat.Instance(v); ok && of == to {
		return from, next.instance(a.Instance)
	}
	return from, next
}

// Notifiers lists as declared, whatever ended first, what has changed at the vertices that notified one: a vertex may come by several relations, and of some one
// instance only is named. It may be called by several visits at a time, and works once for all that the same vertices notified.
func (f *Fates) Notifiers(notified []int32) Notifiers {
	if len(notified) == 0 {
		return Notifiers{} // as most have it, without waiting for each other
	}
	notified = slices.Compact(slices.Sorted(slices.Values(notified)))
	var key []byte
	for _, n := range notified {
		key = binary.LittleEndian.AppendUint32(key, uint32(n))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	out, ok := f.known[string(key)]
	if !ok {
		out.Addrs = f.notifiers(f.through(notified, map[int32]bool{}, nil))
		for _, a := range out.Addrs {
			out.Texts = append(out.Texts, a.String())
		}
		out = Notifiers{slices.Clip(out.Addrs), slices.Clip(out.Texts)}
		f.known[string(key)] = out
	}
	return out
}

// through appends to found the entries, and barriers that stand for one instance, from which a notify came through barriers.
func (f *Fates) through(notified []int32, seen map[int32]bool, found []int32) []int32 {
	for _, n := range notified {
		if seen[n] {
			continue
		}
		seen[n] = true
		if _, _, one := f.cat.Instance(int(n)); one || int(n) < len(f.cat.Entries()) {
			found = append(found, n)
		} else {
			found = f.through(f.Of(int(n)).Notified, seen, found)
		}
	}
	return found
}

func (f *Fates) notifiers(from []int32) []resources.Address {
	slices.SortFunc(from, func(a, b int32) int {
		of, instance := f.declared(a)
		of2, instance2 := f.declared(b)
		return cmp.Or(cmp.Compare(of, of2), cmp.Compare(instance, instance2), cmp.Compare(a, b))
	})
	var out []resources.Address
	whole := int32(-1)
	for _, n := range from {
		of, a, one := f.cat.Instance(int(n))
		switch {
		case !one:
			out, whole = append(out, f.changed(int(n))...), n
		case int32(of) != whole: // else it is among them
			out = append(out, a)
		}
	}
	return out
}

// declared is where a vertex stands in the order of declaration: at which entry, and as which of what this has become, from 1 on.
func (f *Fates) declared(n int32) (of, instance int) {
	of, a, ok := f.cat.Instance(int(n))
	if !ok {
		return int(n), 0
	}
	if one := f.of[of].instances[a.Instance]; one != nil {
		return of, one.place
	}
	return of, 1
}

// changed lists what of an entry has changed: itself, or of one that was deferred what it became.
func (f *Fates) changed(v int) []resources.Address {
	all := f.Of(v)
	if !all.Bound {
		return []resources.Address{f.cat.Entries()[v].Addr}
	}
	var out []resources.Address
	for _, res := range all.Results {
		if one := all.instances[res.Address.Instance]; one != nil && one.Changed {
			out = append(out, res.Address)
		}
	}
	return out
}

// Owes lists the resources that are notified when what is called a at a vertex changes.
func Owes(c *catalog.Catalog, v int, a resources.Address) []resources.Address {
	entries := c.Entries()
	var out []resources.Address
	seen := map[int]bool{}
	var follow func(at int)
	follow = func(at int) {
		for _, e := range c.Graph().Succ(at) {
			if !e.Notify || seen[e.To] {
				continue
			}
			seen[e.To] = true
			of, instance, one := c.Instance(e.To)
			switch {
			case e.To < len(entries):
				out = append(out, entries[e.To].Addr)
			case one && of != v:
				out = append(out, instance)
			case !one || instance == a:
				follow(e.To)
			}
		}
	}
	follow(v)
	return out
}
