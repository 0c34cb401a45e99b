package native_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/json"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/nodeapply/apply/manifest/syntax/internal/native"
)

func TestExpression(t *testing.T) {
	ctx := &hcl.EvalContext{Variables: map[string]cty.Value{"x": cty.StringVal("X"), "n": cty.NumberIntVal(2)}}
	for name, tc := range map[string]struct {
		text string
		want string // the value in JSON, else what is wrong and where
	}{
		"a number":                  {`1.50`, `1.5`},
		"a truth value":             {`true`, `true`},
		"null":                      {`null`, `null`},
		"a string":                  {`"a\nb"`, `"a\nb"`},
		"one with values":           {`"a ${x} b"`, `"a X b"`},
		"an expression":             {`"${n + 1}"`, `3`},
		"a mark at the beginning":   {`"\ufeffa"`, "\"\ufeffa\""},
		"a list":                    {`[1, "${x}", ["a"]]`, `[1,"X",["a"]]`},
		"an object":                 {`{"a": "${n}", "${x}": {}}`, `{"X":{},"a":2}`},
		"no expression":             {`"a ${"`, `main.json:1,6-6: Missing expression`},
		"no expression in a list":   {`["a ${"]`, `main.json:1,7-7: Missing expression`},
		"no expression in a key":    {`{"a ${": 1}`, `main.json:1,7-7: Missing expression`},
		"no expression in an value": {`{"a": "${"}`, `main.json:1,10-10: Missing expression`},
		"a key twice":               {`{"a": 1, "a": 2}`, `main.json:1,10-13: Duplicate object attribute`},
	} {
		t.Run(name, func(t *testing.T) {
			value, diags := json.ParseExpression([]byte(tc.text), "main.json")
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			x, diags := native.Expression(value)
			got := ""
			if diags.HasErrors() {
				got = diags[0].Subject.String() + ": " + diags[0].Summary
			} else {
				v, diags := x.Value(ctx)
				text, err := ctyjson.Marshal(v, v.Type())
				if diags.HasErrors() || err != nil {
					t.Fatal(diags, err)
				}
				got = string(text)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("want -, got +:\n%s", diff)
			}
			if x != nil && x.Range() != value.Range() {
				t.Errorf("want it at %s, got %s", value.Range(), x.Range())
			}
		})
	}
}

func TestNativeIsItself(t *testing.T) {
	want := &hclsyntax.LiteralValueExpr{Val: cty.True}
	if got, diags := native.Expression(want); got != hclsyntax.Expression(want) || diags != nil {
		t.Errorf("want %v, got %v, %v", want, got, diags)
	}
}
