package scope

import (
	"github.com/nodeapply/apply/manifest/internal/cell"
	"github.com/nodeapply/apply/manifest/internal/instances"
	"github.com/nodeapply/apply/manifest/syntax"
)

// Repetition says how often a block is instantiated.
type Repetition struct {
	List  []*instances.Instance
	Known bool // false: only the run can tell
	Deps  cell.Deps
}

// Repeat evaluates for_each or count of a block; ok is false if it is wrong.
func (s *Scope) Repeat(r *cell.Run, b *syntax.Block) (rep Repetition, ok bool) {
	a, count := b.Attr("for_each"), b.Attr("count")
	of := instances.ForEach
	switch {
	case a == nil && count == nil:
		return Repetition{List: []*instances.Instance{nil}, Known: true}, true
	case a != nil && count != nil:
		r.Errorf(count.At, "Contradiction", "A block has `for_each` or `count`, not both.")
		return Repetition{}, false
	case count != nil:
		a, of = count, instances.Count
	}
	res := s.Eval(r, &a.Expr, nil)
	if !res.OK {
		return Repetition{}, false
	}
	list, known, problem := of(res.Val)
	if problem != "" {
		r.Errorf(a.Range().Ptr(), "Wrong value for `"+a.Name+"`", "%s", problem)
		return Repetition{}, false
	}
	return Repetition{list, known, res.Deps}, true
}
