// Package metaparams evaluates metaparameters: when, noop, tags and what else says how a resource is managed, and not what it is.
package metaparams

import (
	"errors"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/manifest/decode"
	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/manifest/internal/cell"
	"github.com/nodeapply/apply/manifest/syntax"
)

// Values are what metaparameters say, those of a block after those of the calls around it.
type Values struct {
	catalog.Options
	Deps   cell.Deps // the resources whose values they use
	Late   bool      // one of them is known only in the run
	Failed bool      // a mistake was reported
}

// Set takes one metaparameter in.
func (v *Values) Set(r *cell.Run, a *syntax.Attr, res *cell.Result) {
	if !res.OK {
		v.Failed = true
		return
	}
	v.Deps = v.Deps.Add(res.Deps)
	val := res.Val
	if decode.Sensitive(val) && a.Name != "when" {
		v.wrong(r, a, errors.New("a sensitive value cannot be used here: it would be visible to others; `nonsensitive(...)` says that it is no secret"))
		return
	}
	val = decode.Bare(val)
	if !decode.Known(val) {
		v.Late = true
		return
	}
	if val.IsNull() {
		return
	}
	if err := decode.Option(&v.Options, a.Name, val); err != nil {
		v.wrong(r, a, err)
	}
}

func (v *Values) wrong(r *cell.Run, a *syntax.Attr, err error) {
	v.Failed = true
	r.Errorf(a.Range().Ptr(), "Wrong value for `"+a.Name+"`", "%s.", diag.Sentence(err.Error()))
}
