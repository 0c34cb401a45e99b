package memory

import (
	"encoding/json"
	"path"
	"strings"

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
	now := mem.things()
	var out []report.Orphan
	blocks := declared.Blocks{Types: mem.m.Types}
	for _, r := range old {
		var removal []declared.Attr
		if len(r.Removal) > 0 && json.Unmarshal(r.Removal, &removal) != nil {
			continue
		}
		o := report.Orphan{Address: r.Address}
		gone := false
		for _, name := range r.Names {
			if now.have(r.Address, name, removal) {
				continue
			}
			gone = true
			if len(removal) > 0 {
				o.Removal += blocks.Block(r.Address.Type, name, removal)
			}
		}
		if gone {
			out = append(out, o)
		}
	}
	return out
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
		r, ok := e.Resource.(resources.Toucher)
		if !ok || e.Off || e.Noop {
			continue
		}
		for _, t := range r.Touches() {
			if t.How == resources.Empties || t.How == resources.Removes {
				now.purged = append(now.purged, t)
			}
		}
	}
	return now
}

// have says whether what an earlier manifest declared at an address is declared still, or removed with its folder.
func (now things) have(a resources.Address, name string, removal []declared.Attr) bool {
	which := declared.Which(a.Type, removal)
	switch {
	case a.Type == "file" && now.purges(name):
		return true
	case len(removal) == 0: // not known which it was
		return now.all[thing{a.Type, name, ""}]
	}
	return now.all[thing{a.Type, name, "at " + a.String()}] || now.all[thing{a.Type, name, "is " + which}] || now.all[thing{a.Type, "", "is " + which}]
}

// purges says whether a folder is declared from which the path is purged, or with which it goes.
func (now things) purges(name string) bool {
	for _, t := range now.purged {
		if strings.HasPrefix(path.Clean(name), strings.TrimSuffix(t.Path, "/")+"/") && (t.Covers == nil || t.Covers(path.Clean(name))) {
			return true
		}
	}
	return false
}
