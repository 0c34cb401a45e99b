// Package duplicates finds declarations of one thing: those that agree become one entry, those that contradict each other are mistakes.
package duplicates

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/nodeapply/apply/catalog/entry"
	"github.com/nodeapply/apply/catalog/internal/attributes"
	"github.com/nodeapply/apply/catalog/internal/needs"
	"github.com/nodeapply/apply/resources"
)

// Merged is what is left of entries when those that declare the same thing in a compatible way are one.
type Merged struct {
	Entries  []*entry.Entry
	Alias    map[resources.Address]resources.Address // of those that are gone: with what they are one
	Owners   map[resources.Identity]int              // who alone declares what, by its place in Entries
	Problems []entry.Problem
}

// Merge merges entries, which are in declaration order: the first of those that are one stays.
func Merge(entries []*entry.Entry) *Merged {
	m := &Merged{
		Entries: make([]*entry.Entry, 0, len(entries)), Alias: map[resources.Address]resources.Address{},
		Owners: make(map[resources.Identity]int, len(entries)),
	}
	byAddr := make(map[resources.Address]*entry.Entry, len(entries))
	for _, e := range entries {
		if first := byAddr[e.Addr]; first != nil {
			m.found(sameAddress(first, e))
			continue
		}
		ids := provides(e)
		if first := m.owner(ids); first != nil && !perhaps(e) && !perhaps(first) {
			one, p := combine(first, e)
			m.found(p)
			if one {
				m.Alias[e.Addr] = first.Addr
				continue
			}
		}
		v := len(m.Entries)
		byAddr[e.Addr] = e
		m.Entries = append(m.Entries, e)
		for _, id := range ids {
			if w, ok := m.Owners[id]; !ok || m.Entries[w].Deferred != nil && e.Deferred == nil {
				m.Owners[id] = v
			}
		}
	}
	return m
}

func (m *Merged) found(p *entry.Problem) {
	if p != nil {
		m.Problems = append(m.Problems, *p)
	}
}

// owner is who declares one of ids already, nil if nobody does.
func (m *Merged) owner(ids []resources.Identity) *entry.Entry {
	for _, id := range ids {
		if w, ok := m.Owners[id]; ok {
			return m.Entries[w]
		}
	}
	return nil
}

// Clashes says which of the entries that a deferred one has become declare what another of them, or the owner that was known before (nil if there is
// none), declares differently.
func Clashes(bound []*entry.Entry, owner func(resources.Identity) *entry.Entry) []entry.Problem {
	var problems []entry.Problem
	among := map[resources.Identity]*entry.Entry{}
	for _, e := range bound {
		ids := provides(e)
		for _, id := range ids {
			first := cmp.Or(among[id], owner(id))
			if first == nil {
				continue
			}
			if p, _ := clash(first, e); p != nil {
				problems = append(problems, *p)
				break
			}
		}
		for _, id := range ids {
			among[id] = cmp.Or(among[id], e)
		}
	}
	return problems
}

// provides lists what only e may manage.
func provides(e *entry.Entry) []resources.Identity {
	if e.Off {
		return nil
	}
	ids := needs.Alone(e.Known())
	if len(ids) > 0 && e.Deferred != nil && !declaration(e).Named() {
		return nil
	}
	return ids
}

// perhaps says that only the run tells whether e is managed at all.
func perhaps(e *entry.Entry) bool {
	return e.Deferred != nil && (e.Deferred.Repeated || declaration(e).Says("when"))
}

func declaration(e *entry.Entry) attributes.Declaration {
	return attributes.Declaration{
		Resource: e.Known(), Title: e.Addr.Title, Late: e.Deferred != nil,
		Written: func(attr string) bool { return e.AttrPos == nil || e.AttrPos(attr) != e.Pos },
	}
}

// sameAddress handles a second block with the address of an earlier one: those that do not contradict each other are one, others a mistake.
func sameAddress(first, second *entry.Entry) *entry.Problem {
	if first.Mistaken || second.Mistaken {
		return nil
	}
	diff := contradictions(first, second)
	var err error
	if len(diff) == 0 && first.Deferred == nil && second.Deferred == nil {
		if err = adopt(first, second); err == nil {
			return nil
		}
	}
	p := &entry.Problem{
		Pos: second.Pos, Also: []entry.Pos{first.Pos},
		Summary: "duplicate resource " + second.Addr.String(),
		Detail:  fmt.Sprintf("%s is declared at %s already", first.Addr, first.Pos),
	}
	if len(diff) > 0 {
		p.Detail += ", and they differ in " + strings.Join(diff, ", ")
	}
	if err != nil {
		p.Detail += ", and together they are a mistake: " + err.Error()
	}
	p.Detail += "; keep one of them, or give one another title."
	return p
}

// combine merges second into first, which manages the same thing. One is false if second stays an entry of its own: where the two
// share only a part of what they manage (a package in two lists) and agree on all else, or where only the run tells all of it.
func combine(first, second *entry.Entry) (one bool, p *entry.Problem) {
	p, part := clash(first, second)
	switch {
	case p != nil:
		return true, p
	case part, first.Deferred != nil, second.Deferred != nil:
		return false, nil
	}
	if err := adopt(first, second); err != nil {
		return true, conflict(first, second, err.Error())
	}
	return true, nil
}

// clash is the mistake of two entries that say different things of what both manage, nil if they do not. Part says that they share only a part of that,
// and agree on all else.
func clash(first, second *entry.Entry) (p *entry.Problem, part bool) {
	if reflect.TypeOf(first.Known()) != reflect.TypeOf(second.Known()) {
		return conflict(first, second, ""), false
	}
	diff := contradictions(first, second)
	if len(diff) == 0 || partly(second, diff) {
		return nil, len(diff) > 0
	}
	why := "they differ in " + strings.Join(diff, ", ")
	if slices.Contains(diff, attributes.Title(second.Known())) {
		for _, id := range common(first, second) {
			why += fmt.Sprintf(", and both have the %s %s", id.Kind, id.Name)
		}
	}
	return conflict(first, second, why), false
}

// common lists what both alone are to manage.
func common(first, second *entry.Entry) []resources.Identity {
	ids := provides(first)
	return slices.DeleteFunc(provides(second), func(id resources.Identity) bool { return !slices.Contains(ids, id) })
}

// partly says that the two, of which this is the second, are lists of things (packages) of which some are in both, and that all else is the same.
func partly(second *entry.Entry, diff []string) bool {
	return len(diff) == 1 && diff[0] == attributes.Title(second.Known()) && attributes.Lists(second.Known())
}

func conflict(first, second *entry.Entry, why string) *entry.Problem {
	p := &entry.Problem{
		Pos: second.Pos, Also: []entry.Pos{first.Pos},
		Summary: "conflicting declarations",
		Detail:  fmt.Sprintf("%s at %s and %s at %s manage the same thing in different ways", first.Addr, first.Pos, second.Addr, second.Pos),
	}
	if why != "" {
		p.Detail += ": " + why
	}
	p.Detail += "; keep one of them."
	return p
}

// contradictions names what two declarations of one thing say differently. What only one of them says is none, nor is one path in two spellings.
func contradictions(first, second *entry.Entry) []string {
	return append(attributes.Contradictions(declaration(first), declaration(second)), differentOptions(&first.Options, &second.Options)...)
}

// differentOptions names the metaparameters that are different, but for those that add up.
func differentOptions(x, y *entry.Options) []string {
	var out []string
	for _, o := range []struct {
		name string
		same bool
	}{
		{"when", x.Off == y.Off},
		{"unless", slices.Equal(x.Unless, y.Unless)},
		{"onlyif", slices.Equal(x.OnlyIf, y.OnlyIf)},
		{"timeout", x.Timeout == y.Timeout || x.Timeout*y.Timeout == 0},
		{"tries", x.Tries == y.Tries || x.Tries*y.Tries == 0},
		{"try_sleep", x.TrySleep == y.TrySleep || x.TrySleep*y.TrySleep == 0},
		{"noop", x.Noop == y.Noop},
	} {
		if !o.same {
			out = append(out, o.name)
		}
	}
	return out
}

// adopt gives first what only second says, with its place in the manifest. What each of them may say alone can be a mistake together: then first
// stays what it is.
func adopt(first, second *entry.Entry) error {
	merged, from := attributes.Together(declaration(first), declaration(second))
	if v, ok := merged.(resources.Validator); ok && len(from) > 0 {
		if err := v.Validate(); err != nil {
			return err
		}
	}
	first.Resource = merged
	addOptions(&first.Options, &second.Options)
	if len(from) == 0 || first.AttrPos == nil || second.AttrPos == nil {
		return nil
	}
	one, other := first.AttrPos, second.AttrPos
	first.AttrPos = func(attr string) entry.Pos {
		if from[attr] {
			return other(attr)
		}
		return one(attr)
	}
	return nil
}

// addOptions adds the metaparameters of another declaration: tags and secrets add up, and so does what one alone says of attempts.
func addOptions(o, other *entry.Options) {
	o.Timeout, o.Tries, o.TrySleep = cmp.Or(o.Timeout, other.Timeout), cmp.Or(o.Tries, other.Tries), cmp.Or(o.TrySleep, other.TrySleep)
	o.Tags = slices.Concat(o.Tags, other.Tags)
	o.Sensitive = slices.Concat(o.Sensitive, other.Sensitive)
}
