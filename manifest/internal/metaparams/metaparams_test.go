package metaparams

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/manifest/funcs"
	"github.com/nodeapply/apply/manifest/internal/cell"
	"github.com/nodeapply/apply/manifest/syntax"
)

// given is one metaparameter with its value.
type given struct {
	name  string
	value cty.Value
}

// What is nearer to the resource wins, but for guards and tags, which add up; a mistake is told where it stands.
func TestSet(t *testing.T) {
	str := cty.StringVal
	for name, tt := range map[string]struct {
		given  []given
		want   Values
		detail string // of the mistake
	}{
		"nothing":                {nil, Values{}, ""},
		"null is not said":       {[]given{{"tries", cty.NumberIntVal(3)}, {"tries", cty.NullVal(cty.Number)}}, Values{Options: catalog.Options{Tries: 3}}, ""},
		"the nearer one":         {[]given{{"timeout", str("1m")}, {"timeout", str("5s")}}, Values{Options: catalog.Options{Timeout: 5 * time.Second}}, ""},
		"tags add up":            {[]given{{"tags", cty.TupleVal([]cty.Value{str("a")})}, {"tags", cty.TupleVal([]cty.Value{str("b")})}}, Values{Options: catalog.Options{Tags: []string{"a", "b"}}}, ""},
		"off around is off":      {[]given{{"when", cty.False}, {"when", cty.True}}, Values{Options: catalog.Options{Off: true}}, ""},
		"known in the run":       {[]given{{"when", cty.UnknownVal(cty.Bool)}, {"noop", cty.True}}, Values{Options: catalog.Options{Noop: true}, Late: true}, ""},
		"a secret decides":       {[]given{{"when", cty.False.Mark(funcs.Sensitive)}}, Values{Options: catalog.Options{Off: true}}, ""},
		"a secret is not shown":  {[]given{{"onlyif", str("hunter2").Mark(funcs.Sensitive)}}, Values{Failed: true}, "A sensitive value cannot be used here: it would be visible to others; `nonsensitive(...)` says that it is no secret."},
		"none of its values":     {[]given{{"tries", str("many")}}, Values{Failed: true}, "Want a whole number from 1 on."},
		"no guard":               {[]given{{"unless", cty.EmptyTupleVal}}, Values{}, ""},
		"an empty guard":         {[]given{{"unless", cty.TupleVal([]cty.Value{str("true"), str(" ")})}}, Values{Options: catalog.Options{Unless: []string{"true", " "}}, Failed: true}, "An empty line asks nothing; null, or an empty list, is no guard."},
		"its value was mistaken": {[]given{{"tries", cty.NilVal}}, Values{Failed: true}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var got Values
			r := &cell.Run{}
			for _, g := range tt.given {
				at := hcl.Range{Filename: "main.hcl", Start: hcl.Pos{Line: 7, Column: 3}}
				a := &syntax.Attr{Name: g.name, At: &at, Expr: syntax.Expr{Expression: &hclsyntax.LiteralValueExpr{SrcRange: at}}}
				res := cell.Failed()
				if g.value != cty.NilVal {
					res = cell.Result{Val: g.value, OK: true}
				}
				got.Set(r, a, &res)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			detail := ""
			for _, d := range r.Diags {
				detail += d.Detail
				if d.Subject.Start.Line != 7 {
					t.Errorf("at %s", d.Subject)
				}
			}
			if detail != tt.detail {
				t.Errorf("want %q, got %q", tt.detail, detail)
			}
		})
	}
}
