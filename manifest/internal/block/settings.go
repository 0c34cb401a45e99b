package block

import (
	"errors"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/manifest/decode"
	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/manifest/internal/cell"
	"github.com/nodeapply/apply/manifest/syntax"
)

// Settings are evaluated metaparameters.
type Settings struct {
	catalog.Options
	deps         cell.Deps
	late, failed bool
}

// Set takes one metaparameter in.
func (o *Settings) Set(r *cell.Run, a *syntax.Attr, res *cell.Result) {
	if !res.OK {
		o.failed = true
		return
	}
	o.deps = o.deps.Add(res.Deps)
	v := res.Val
	if decode.Sensitive(v) && a.Name != "when" {
		o.wrong(r, a, errors.New("a sensitive value cannot be used here: it would be visible to others"))
		return
	}
	v = decode.Bare(v)
	if !decode.Known(v) {
		o.late = true
		return
	}
	if v.IsNull() {
		return
	}
	if err := decode.Option(&o.Options, a.Name, v); err != nil {
		o.wrong(r, a, err)
	}
}

func (o *Settings) wrong(r *cell.Run, a *syntax.Attr, err error) {
	o.failed = true
	r.Errorf(a.Range().Ptr(), "Wrong value for `"+a.Name+"`", "%s.", diag.Sentence(err.Error()))
}

// Late says that one of them is known only in the run.
func (o *Settings) Late() bool { return o.late }
