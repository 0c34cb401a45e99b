package block

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/manifest/internal/instances"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/nearest"
)

// named is an instance that a relation names: ["a"], and where.
type named struct {
	key string
	at  resources.Pos
}

// Name says that a relation names an instance of the block. Where only the run knows what instances there are, that there is none such is found then.
func (b *Block) Name(key string, at resources.Pos) {
	if !b.rep.Known {
		b.named = append(b.named, named{key, at})
	}
}

// unmade are entries, which fail, for the instances that relations name and that the run did not make.
func (b *Block) unmade(made []*instances.Instance) []*catalog.Entry {
	var out []*catalog.Entry
	var keys []string
	for _, inst := range made {
		keys = append(keys, inst.Suffix())
	}
	for i, n := range b.named {
		if slices.Contains(keys, n.key) || slices.ContainsFunc(b.named[:i], func(before named) bool { return before.key == n.key }) {
			continue
		}
		e := b.blank(nil)
		e.Addr.Instance, e.Pos, e.AttrPos = n.key, n.at, func(string) resources.Pos { return n.at }
		e.Resource = resources.Missing{Err: fmt.Errorf("there is no such instance; there %s%s", listed(keys), near(n.key, keys))}
		out = append(out, e)
	}
	return out
}

// near suggests the key that is most like one, if one is.
func near(key string, keys []string) string {
	if !strings.HasPrefix(key, `["`) { // one number is as near as another
		return ""
	}
	if like := nearest.Of(key, keys); like != "" {
		return "; did you mean `" + like + "`?"
	}
	return ""
}

// listed is "are [0], [1]", of many the first ones.
func listed(keys []string) string {
	const most = 10
	switch n := len(keys); {
	case n == 0:
		return "are none"
	case n == 1:
		return "is " + keys[0]
	case n > most:
		return fmt.Sprintf("are %s and %d more", strings.Join(keys[:most], ", "), n-most)
	}
	return "are " + strings.Join(keys, ", ")
}
