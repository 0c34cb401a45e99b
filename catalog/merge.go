package catalog

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/nodeapply/apply/catalog/internal/attributes"
	"github.com/nodeapply/apply/catalog/internal/needs"
	"github.com/nodeapply/apply/resources"
)

// merge drops entries that declare the same thing as an earlier one in a compatible way, and reports those that contradict it. It fills
// owners and alias.
func (b *builder) merge(entries []*Entry) []*Entry {
	b.alias = map[resources.Address]resources.Address{}
	b.owners = make(map[resources.Identity]int, len(entries))
	byAddr := make(map[resources.Address]int, len(entries))
	out := make([]*Entry, 0, len(entries))
	for _, e := range entries {
		if w, ok := byAddr[e.Addr]; ok {
			b.sameAddress(out[w], e)
			continue
		}
		ids := provides(e)
		if w, ok := b.owner(ids); ok && !perhaps(e) && !perhaps(out[w]) {
			if b.combine(out[w], e, len(ids)) {
				b.alias[e.Addr] = out[w].Addr
				continue
			}
		}
		v := len(out)
		byAddr[e.Addr] = v
		out = append(out, e)
		for _, id := range ids {
			if w, ok := b.owners[id]; !ok || out[w].Deferred != nil && e.Deferred == nil {
				b.owners[id] = v
			}
		}
	}
	return out
}

// provides lists what only e may manage.
func provides(e *Entry) []resources.Identity {
	if e.Off {
		return nil
	}
	ids := needs.Alone(e.known())
	if len(ids) > 0 && e.Deferred != nil && !e.declaration().Named() {
		return nil
	}
	return ids
}

func (b *builder) owner(ids []resources.Identity) (int, bool) {
	for _, id := range ids {
		if w, ok := b.owners[id]; ok {
			return w, true
		}
	}
	return 0, false
}

// sameAddress handles a second block with the address of an earlier one: those that do not contradict each other are one, others a mistake.
func (b *builder) sameAddress(first, second *Entry) {
	if first.Mistaken || second.Mistaken {
		return
	}
	diff := contradictions(first, second)
	var err error
	if len(diff) == 0 && first.Deferred == nil && second.Deferred == nil {
		if err = adopt(first, second); err == nil {
			return
		}
	}
	p := Problem{
		Pos: second.Pos, Also: []resources.Pos{first.Pos},
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
	b.problems = append(b.problems, p)
}

// take adds to an entry what another that declares the same thing says: tags and secrets add up, and so does what one alone says of attempts.
func (e *Entry) take(other *Entry) {
	e.Timeout, e.Tries, e.TrySleep = cmp.Or(e.Timeout, other.Timeout), cmp.Or(e.Tries, other.Tries), cmp.Or(e.TrySleep, other.TrySleep)
	e.Tags = slices.Concat(e.Tags, other.Tags)
	e.Sensitive = slices.Concat(e.Sensitive, other.Sensitive)
}

// differentOptions names the metaparameters that two entries have differently, but for those that add up.
func differentOptions(first, second *Entry) []string {
	x, y := &first.Options, &second.Options
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

// known is what the manifest declares, as far as it can be told before the run.
func (e *Entry) known() resources.Resource {
	if e.Deferred != nil {
		return e.Deferred.Blank
	}
	return e.Resource
}

// perhaps says that only the run tells whether e is managed at all.
func perhaps(e *Entry) bool {
	return e.Deferred != nil && (e.Deferred.Repeated || e.declaration().Says("when"))
}

// combine merges second into first, which manages the same thing. It returns false if second stays an entry of its own: where the two
// share only a part of what they manage (a package in two lists) and agree on all else, or where only the run tells all of it.
func (b *builder) combine(first, second *Entry, shared int) bool {
	clashes, part := b.clash(first, second, shared)
	switch {
	case clashes:
		return true
	case part, first.Deferred != nil, second.Deferred != nil:
		return false
	}
	if err := adopt(first, second); err != nil {
		b.conflict(first, second, err.Error())
	}
	return true
}

// clash reports two entries that say different things of what both manage. Part says that they share only a part of that, and agree on all else.
func (b *builder) clash(first, second *Entry, shared int) (clashes, part bool) {
	if reflect.TypeOf(first.known()) != reflect.TypeOf(second.known()) {
		b.conflict(first, second, "")
		return true, false
	}
	diff := contradictions(first, second)
	if len(diff) == 0 || partly(first, second, shared, diff) {
		return false, len(diff) > 0
	}
	b.conflict(first, second, "they differ in "+strings.Join(diff, ", "))
	return true, false
}

// partly says that of two lists of things (packages) some are in both, and that all else is the same.
func partly(first, second *Entry, shared int, diff []string) bool {
	return (shared > 1 || len(provides(first)) > 1) && len(diff) == 1 && diff[0] == attributes.Title(second.known())
}

// contradictions names what two declarations of one thing say differently. What only one of them says is none, nor is one path in two spellings.
func contradictions(first, second *Entry) []string {
	return append(attributes.Contradictions(first.declaration(), second.declaration()), differentOptions(first, second)...)
}

func (e *Entry) declaration() attributes.Declaration {
	return attributes.Declaration{
		Resource: e.known(), Title: e.Addr.Title, Late: e.Deferred != nil,
		Written: func(attr string) bool { return e.AttrPos == nil || e.AttrPos(attr) != e.Pos },
	}
}

// adopt gives first what only second says, with its place in the manifest. What each of them may say alone can be a mistake together: then first
// stays what it is.
func adopt(first, second *Entry) error {
	merged, from := attributes.Together(first.declaration(), second.declaration())
	if v, ok := merged.(resources.Validator); ok && len(from) > 0 {
		if err := v.Validate(); err != nil {
			return err
		}
	}
	first.Resource = merged
	first.take(second)
	if len(from) == 0 || first.AttrPos == nil || second.AttrPos == nil {
		return nil
	}
	one, other := first.AttrPos, second.AttrPos
	first.AttrPos = func(attr string) resources.Pos {
		if from[attr] {
			return other(attr)
		}
		return one(attr)
	}
	return nil
}

func (b *builder) conflict(first, second *Entry, why string) {
	p := Problem{
		Pos: second.Pos, Also: []resources.Pos{first.Pos},
		Summary: "conflicting declarations",
		Detail:  fmt.Sprintf("%s at %s and %s at %s manage the same thing in different ways", first.Addr, first.Pos, second.Addr, second.Pos),
	}
	if why != "" {
		p.Detail += ": " + why
	}
	p.Detail += "; keep one of them."
	b.problems = append(b.problems, p)
}
