package monkey

import (
	"maps"
	"slices"
)

// shrink looks for the smallest part of a scene that still fails in the same way.
func shrink(program, dir string, s *scene, claim string, hold func(*trial)) *scene {
	tries := 150
	fails := func(s *scene) bool {
		for range 2 { // what hangs on the moment may not fail each time
			if tries--; tries < 0 {
				return false
			}
			if f := try(program, dir, s, hold); f != nil && f.claim == claim {
				return true
			}
		}
		return false
	}
	for size := max(1, len(s.items)/2); size > 0; size /= 2 {
		for at := 0; at < len(s.items); {
			if less := s.without(s.items[at:min(at+size, len(s.items))]); fails(less) {
				s = less
			} else {
				at += size
			}
		}
	}
	for at := range s.items {
		for {
			less, ok := s.simpler(at, func(l *scene) bool { return fails(l) })
			if !ok {
				break
			}
			s = less
		}
	}
	for name, c := range s.calls {
		for n := 0; n < len(c.attrs); {
			less := s.without(nil)
			less.calls = maps.Clone(s.calls)
			less.calls[name] = &call{attrs: slices.Delete(slices.Clone(c.attrs), n, n+1), rels: c.rels, word: c.word, many: c.many}
			if fails(less) {
				s, c = less, less.calls[name]
			} else {
				n++
			}
		}
	}
	return s
}

// without is the scene without some resources, and without what cannot be without them.
func (s *scene) without(gone []*item) *scene {
	drop := map[*item]bool{}
	for _, i := range gone {
		drop[i] = true
	}
	less := &scene{seed: s.seed, things: s.things, calls: s.calls, etc: s.etc, accounts: s.accounts}
	for _, i := range s.items {
		lost := func(a attr) bool { return slices.ContainsFunc(a.of, func(of *item) bool { return drop[of] }) }
		if slices.ContainsFunc(i.attrs, func(a attr) bool { return !a.extra && lost(a) }) {
			drop[i] = true
		}
	}
	copies := map[*item]*item{}
	for _, i := range s.items {
		if drop[i] {
			continue
		}
		c := *i
		copies[i] = &c
		c.rels = map[string][]*item{}
		for name, to := range i.rels {
			for _, r := range to {
				if !drop[r] {
					c.rels[name] = append(c.rels[name], r)
				}
			}
		}
		less.items = append(less.items, &c)
	}
	for _, c := range less.items {
		of := c.whole
		c.whole = map[string][]string{}
		for name, modules := range of {
			c.whole[name] = slices.DeleteFunc(slices.Clone(modules), func(m string) bool { return !less.has(func(i *item) bool { return i.module == m }) })
		}
	}
	// Relations go to the copies, which may be simplified later.
	for _, c := range less.items {
		for _, to := range c.rels {
			for n := range to {
				to[n] = copies[to[n]]
				if to[n] == nil {
					panic("a relation to nothing")
				}
			}
		}
		c.attrs = slices.DeleteFunc(slices.Clone(c.attrs), func(a attr) bool { return slices.ContainsFunc(a.of, func(of *item) bool { return drop[of] }) })
		for n := range c.attrs {
			c.attrs[n].of = slices.Clone(c.attrs[n].of)
			for k := range c.attrs[n].of {
				c.attrs[n].of[k] = copies[c.attrs[n].of[k]]
			}
		}
	}
	return less
}

// simpler takes one attribute, relation, or thing that was there before from a resource, if the scene still fails then.
func (s *scene) simpler(at int, fails func(*scene) bool) (*scene, bool) {
	i := s.items[at]
	for n, a := range i.attrs {
		if !a.extra {
			continue
		}
		less := s.without(nil)
		less.items[at].attrs = slices.Delete(less.items[at].attrs, n, n+1)
		if fails(less) {
			return less, true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(i.rels)) {
		less := s.without(nil)
		delete(less.items[at].rels, name)
		if fails(less) {
			return less, true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(i.whole)) {
		less := s.without(nil)
		delete(less.items[at].whole, name)
		if len(i.whole[name]) > 0 && fails(less) {
			return less, true
		}
	}
	for n := range i.start {
		less := s.without(nil)
		less.items[at].start = slices.Delete(slices.Clone(i.start), n, n+1)
		if fails(less) {
			return less, true
		}
	}
	return s, false
}
