package memory

import (
	"encoding/json"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/catalog/declared"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// Orphans lists what the last manifest from this source brought and this one does not declare.
func (mem *Memory) Orphans() []report.Orphan {
	if mem.before == nil || mem.same() {
		return nil
	}
	old, err := mem.before.resources()
	if err != nil {
		mem.m.Warn(err.Error() + "; nothing is known of orphans and drift")
		return nil
	}
	now, kept := mem.things(), mem.kept()
	var out []report.Orphan
	elsewhere := sync.OnceValue(mem.elsewhere)
	blocks := declared.Blocks{Types: mem.m.Types}
	for _, r := range old {
		var removal []declared.Attr
		if len(r.Removal) > 0 && json.Unmarshal(r.Removal, &removal) != nil {
			continue
		}
		if slices.ContainsFunc(r.Parts, func(name string) bool { return !kept[name] && covers(now.purged, name) }) {
			continue // it goes with the file
		}
		o := report.Orphan{Address: r.Address}
		gone, by := false, ""
		for _, name := range r.Names {
			if now.have(r.Address, name, removal) {
				continue
			}
			if source := elsewhere().source(r.Address, name, removal); source != "" {
				by = source
				continue
			}
			gone = true
			if len(removal) > 0 {
				o.Removal += blocks.Block(r.Address.Type, name, removal)
			}
		}
		if !gone {
			o.ManagedBy = by
		}
		if gone || by != "" {
			out = append(out, o)
		}
	}
	return out
}

// others are what the last manifests from other sources brought: things by source.
type others map[string]things

func (mem *Memory) elsewhere() others {
	out := others{}
	for _, m := range mem.others() {
		rs, err := m.resources()
		if err != nil {
			continue // told by the next run from there
		}
		all := map[thing]bool{}
		for _, r := range rs {
			var removal []declared.Attr
			if len(r.Removal) > 0 && json.Unmarshal(r.Removal, &removal) != nil {
				continue
			}
			for _, name := range r.Names {
				all[thing{r.Address.Type, name, ""}] = true
				all[thing{r.Address.Type, name, "is " + declared.Which(r.Address.Type, removal)}] = true
			}
		}
		out[m.source] = things{all: all}
	}
	return out
}

// source is the first of those that have it, "" if none has.
func (o others) source(a resources.Address, name string, removal []declared.Attr) string {
	for _, source := range slices.Sorted(maps.Keys(o)) {
		if o[source].have(a, name, removal) {
			return source
		}
	}
	return ""
}

// thing is one thing of the node: of a type, by its name, and what else says which it is, its address, or anything ("").
type thing struct{ kind, name, which string }

// things are what is declared now.
type things struct {
	all    map[thing]bool
	purged []resources.Touch // folders, of what is in them
}

func (mem *Memory) things() things {
	now := things{all: map[thing]bool{}}
	for _, e := range mem.m.Catalog.Entries() {
		kind, which := e.Addr.Type, mem.reader.Which(e)
		for _, name := range mem.reader.Names(e) {
			now.all[thing{kind, name, ""}] = true
			now.all[thing{kind, name, "at " + e.Addr.String()}] = true
			now.all[thing{kind, name, "is " + which}] = true
		}
		if !mem.reader.Named(e) {
			now.all[thing{kind, "", "is " + which}] = true // whatever it is called
		}
		if !e.Off && !e.Noop {
			now.purged = append(now.purged, purgedBy(e)...)
		}
	}
	return now
}

// have says whether what an earlier manifest declared at an address is declared still, or removed with its folder.
func (now things) have(a resources.Address, name string, removal []declared.Attr) bool {
	which := declared.Which(a.Type, removal)
	switch {
	case a.Type == "file" && covers(now.purged, name):
		return true
	case len(removal) == 0: // not known which it was
		return now.all[thing{a.Type, name, ""}]
	}
	return now.all[thing{a.Type, name, "at " + a.String()}] || now.all[thing{a.Type, name, "is " + which}] || now.all[thing{a.Type, "", "is " + which}]
}

// purgedBy are the folders that an entry empties or removes.
func purgedBy(e *catalog.Entry) (all []resources.Touch) {
	r, ok := e.Resource.(resources.Toucher)
	if !ok {
		return nil
	}
	for _, t := range r.Touches() {
		if t.How == resources.Empties || t.How == resources.Removes {
			all = append(all, t)
		}
	}
	return all
}

// goingParts lists by entry the files that it has a part of and that may go with a folder that another entry empties, or with a user's home.
func (mem *Memory) goingParts() [][]string {
	var purged []resources.Touch
	for _, e := range mem.m.Catalog.Entries() {
		purged = append(purged, purgedBy(e)...)
	}
	touches := mem.m.Catalog.Touches()
	out := make([][]string, len(touches))
	for v, e := range mem.m.Catalog.Entries() {
		r, ok := e.Resource.(resources.Toucher)
		if !ok {
			continue
		}
		for i, t := range r.Touches() {
			at := touches[v][i].Path // not as it says: in a home
			if t.How == resources.Edits && (at != t.Path || covers(purged, at)) {
				out[v] = append(out[v], at)
			}
		}
	}
	return out
}

// kept are the paths that are managed now, whole or in part.
func (mem *Memory) kept() map[string]bool {
	kept, touches := map[string]bool{}, mem.m.Catalog.Touches()
	for v, e := range mem.m.Catalog.Entries() {
		for _, name := range catalog.Paths(e) {
			kept[name] = true
		}
		for _, t := range touches[v] {
			if t.How == resources.Edits {
				kept[t.Path] = true
			}
		}
	}
	return kept
}

// covers says whether a path is purged from one of the folders, or goes with it.
func covers(purged []resources.Touch, name string) bool {
	name = path.Clean(name)
	return slices.ContainsFunc(purged, func(t resources.Touch) bool {
		return strings.HasPrefix(name, strings.TrimSuffix(t.Path, "/")+"/") && (t.Covers == nil || t.Covers(name))
	})
}
