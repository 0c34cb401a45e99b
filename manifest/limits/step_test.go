package limits

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

func bounded(t *testing.T, src string, step func()) hclsyntax.Expression {
	t.Helper()
	x, diags := hclsyntax.ParseExpression([]byte(src), "main.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	Bound(x, step)
	return x
}

// refuses says that the evaluation of src ends with that mistake, "" for none.
func refuses(t *testing.T, src string, ctx *hcl.EvalContext, want string) {
	t.Helper()
	got := ""
	if _, diags := bounded(t, src, nil).Value(ctx); diags.HasErrors() {
		got = diags.Error()
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestBoundEnds gives an evaluation of minutes up: it ends by itself.
func TestBoundEnds(t *testing.T) {
	nested := strings.Repeat("[for a in l : ", 7) + "a" + strings.Repeat("]", 7)
	for name, src := range map[string]string{
		"values":     nested,
		"conditions": "[for a in l : a if " + nested + " != 1]",
		"template":   `"%{for a in l}%{for a in l}%{for a in l}%{for a in l}%{for a in l}%{endfor}%{endfor}%{endfor}%{endfor}%{endfor}"`,
	} {
		t.Run(name, func(t *testing.T) {
			l := cty.TupleVal(slicesOf(cty.NumberIntVal(1), 100))
			ended := make(chan struct{})
			err := run(t.Context(), bounds{time: 50 * time.Millisecond, memory: 1 << 30}, func(ctx context.Context, _ *spot) {
				defer close(ended)
				bounded(t, src, func() { step(ctx) }).Value(&hcl.EvalContext{Variables: map[string]cty.Value{"l": l}})
			})
			var exceeded *exceededError
			if !errors.As(err, &exceeded) {
				t.Errorf("want it given up, got %v", err)
			}
			<-ended
		})
	}
}

func slicesOf(v cty.Value, n int) []cty.Value {
	out := make([]cty.Value, n)
	for i := range out {
		out[i] = v
	}
	return out
}

func TestBoundTemplates(t *testing.T) {
	half := cty.StringVal(strings.Repeat("x", MaxString/2))
	ctx := &hcl.EvalContext{Variables: map[string]cty.Value{"half": half, "few": cty.TupleVal(slicesOf(half, 2)), "many": cty.TupleVal(slicesOf(half, 3))}}
	const over = "Over the limit; With this the text is longer than the limit of 16 MiB."
	for src, want := range map[string]string{
		`"${half}${half}"`:                           "",
		`"${half}${half}${half}${half}"`:             "main.hcl:1,18-22: " + over,
		`[for s in many : "${s}${s}"]`:               "",
		`[for s in [half] : "${s}${s}${s}"]`:         "main.hcl:1,31-32: " + over,
		`"%{for s in few}${s}%{endfor}"`:             "",
		`"%{for s in many}${s}%{endfor}"`:            "main.hcl:1,2-31: " + over,
		`[for a in ["${half}${half}"] : "${a}${a}"]`: "main.hcl:1,39-40: " + over,
	} {
		t.Run(src, func(t *testing.T) { refuses(t, src, ctx, want) })
	}
}

// TestBoundKeepsVariables: what looks into an expression sees it as it was.
func TestBoundKeepsVariables(t *testing.T) {
	var got []string
	for _, v := range bounded(t, `[for a in l : b if c]`, func() {}).Variables() {
		got = append(got, v.RootName())
	}
	if diff := cmp.Diff([]string{"l", "b", "c"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestBoundDivision(t *testing.T) {
	ctx := &hcl.EvalContext{Variables: map[string]cty.Value{"zero": cty.StringVal("0"), "hidden": cty.Zero.Mark("secret"), "later": cty.UnknownVal(cty.Number)}}
	const wrong = "Division by zero; What is divided by is zero here."
	for src, want := range map[string]string{
		`6 / 3`:                  "",
		`1 / 0`:                  "main.hcl:1,5-6: " + wrong,
		`[for x in [1] : x/0.0]`: "main.hcl:1,19-22: " + wrong,
		`5 % zero`:               "main.hcl:1,5-9: " + wrong,
		`1 / hidden`:             "main.hcl:1,5-11: " + wrong,
		`1 / later`:              "",
		`1 * 0`:                  "",
	} {
		t.Run(src, func(t *testing.T) { refuses(t, src, ctx, want) })
	}
}
