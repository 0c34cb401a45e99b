package manifest

import (
	"github.com/nodeapply/apply/manifest/internal/instances"
	"github.com/nodeapply/apply/manifest/syntax"
)

// repetition says how often a block is instantiated.
type repetition struct {
	list  []*instances.Instance
	known bool // false: only the run can tell
	deps  deps
}

// repeat evaluates for_each or count of a block; ok is false if it is wrong.
func (s *scope) repeat(r *run, b *syntax.Block) (repetition, bool) {
	a, count := b.Attr("for_each"), b.Attr("count")
	of := instances.ForEach
	switch {
	case a == nil && count == nil:
		return repetition{list: []*instances.Instance{nil}, known: true}, true
	case a != nil && count != nil:
		r.errorf(count.At, "Contradiction", "A block has `for_each` or `count`, not both.")
		return repetition{}, false
	case count != nil:
		a, of = count, instances.Count
	}
	res := s.eval(r, &a.Expr, nil)
	if !res.ok {
		return repetition{}, false
	}
	list, known, problem := of(res.val)
	if problem != "" {
		r.errorf(a.Range().Ptr(), "Wrong value for `"+a.Name+"`", "%s", problem)
		return repetition{}, false
	}
	return repetition{list, known, res.deps}, true
}
