package instances

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/resources/nearest"
)

// Named are the instances that relations name of a block that only the run repeats.
type Named struct{ list []Missing }

// Missing is one that the run did not make.
type Missing struct {
	Key string      // as in an address: ["a"]
	At  catalog.Pos // where it is named
	Err error       // says which there are
}

// Add takes in that one is named.
func (n *Named) Add(key string, at catalog.Pos) { n.list = append(n.list, Missing{Key: key, At: at}) }

// Missing lists those that were not made, each once, where it is named first.
func (n *Named) Missing(made []*Instance) []Missing {
	if len(n.list) == 0 {
		return nil
	}
	keys := make([]string, len(made))
	for i, inst := range made {
		keys[i] = inst.Suffix()
	}
	var out []Missing
	for _, m := range n.list {
		if slices.Contains(keys, m.Key) || slices.ContainsFunc(out, func(before Missing) bool { return before.Key == m.Key }) {
			continue
		}
		m.Err = fmt.Errorf("there is no such instance; there %s%s", listed(keys), near(m.Key, keys))
		out = append(out, m)
	}
	return out
}

// near suggests the key that is most like one, if one is.
func near(key string, keys []string) string {
	if !strings.HasPrefix(key, `["`) { // one number is as near as another
		return ""
	}
	return nearest.Hint(key, keys)
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
