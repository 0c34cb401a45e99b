package catalog

import (
	"path"
	"strings"

	"github.com/nodeapply/apply/resources"
)

// Touches lists by vertex what the entries do to which paths, of deferred ones as far as it is known. In place of ~USER stands the user's home: the declared
// one, else where homes usually are.
func (c *Catalog) Touches() [][]resources.Touch {
	all := make([][]resources.Touch, len(c.entries))
	homes := map[string]string{"root": "/root"}
	for v, e := range c.entries {
		r, ok := e.Known().(resources.Toucher)
		if !ok {
			continue
		}
		all[v] = r.Touches()
		for _, t := range all[v] {
			if user, ok := r.(resources.Identified); ok && t.How == resources.Houses {
				for _, id := range user.Provides() {
					homes[id.Name] = t.Path
				}
			}
		}
	}
	for _, ts := range all {
		for i := range ts {
			ts[i].Path = atHome(ts[i].Path, homes)
		}
	}
	return all
}

func atHome(name string, homes map[string]string) string {
	rest, ok := strings.CutPrefix(name, "~")
	if !ok {
		return name
	}
	user, rest, _ := strings.Cut(rest, "/")
	home, ok := homes[user]
	if !ok {
		home = "/home/" + user
	}
	return path.Join(home, rest)
}
