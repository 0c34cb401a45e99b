package decode_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/manifest/decode"
	"github.com/nodeapply/apply/resources"
)

type base struct {
	Common string `hcl:"common"`
}

// thing has an attribute of every kind.
type thing struct {
	base
	Name     string             `hcl:"name,title,public"`
	Text     string             `hcl:"text,required"`
	Maybe    *string            `hcl:"maybe"`
	Flag     bool               `hcl:"flag"`
	MaybeOn  *bool              `hcl:"maybe_on"`
	Int      int                `hcl:"int"`
	Unsigned *uint32            `hcl:"unsigned"`
	Float    float64            `hcl:"float"`
	List     []string           `hcl:"list"`
	Map      map[string]string  `hcl:"map"`
	Strings  resources.Strings  `hcl:"strings"`
	Scalar   resources.Scalar   `hcl:"scalar"`
	Duration resources.Duration `hcl:"duration"`
	Any      any                `hcl:"any"`
	Octal    *octal             `hcl:"octal"`
	Other    string
}

type octal uint32

func (o *octal) UnmarshalAttr(v any) error {
	if v != "0755" {
		return errors.New("want 0755")
	}
	*o = 0o755
	return nil
}

func (*thing) Check(context.Context, host.View) (resources.Diff, error) { return resources.Diff{}, nil }
func (*thing) Apply(context.Context, host.Host, resources.Diff) error   { return nil }

func newThing(title string) resources.Resource { return &thing{Name: title} }

func ptr[T any](v T) *T { return &v }

func value(t *testing.T, expr string) cty.Value {
	t.Helper()
	x, diags := hclsyntax.ParseExpression([]byte(expr), "x", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	v, diags := x.Value(nil)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return v
}

func TestSet(t *testing.T) {
	s, err := decode.NewSchema(resources.Type{Name: "thing", New: newThing})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		attr, expr string
		want       thing
		err        string
	}{
		{attr: "common", expr: `"x"`, want: thing{base: base{Common: "x"}}},
		{attr: "text", expr: `"x"`, want: thing{Text: "x"}},
		{attr: "text", expr: `12.50`, want: thing{Text: "12.5"}},
		{attr: "text", expr: `true`, want: thing{Text: "true"}},
		{attr: "text", expr: `["x"]`, err: "want a string, got a list"},
		{attr: "text", expr: `{}`, err: "want a string, got an object"},
		{attr: "maybe", expr: `""`, want: thing{Maybe: ptr("")}},
		{attr: "flag", expr: `"true"`, want: thing{Flag: true}},
		{attr: "flag", expr: `"yes"`, err: "want true or false, got a string"},
		{attr: "flag", expr: `1`, err: "want true or false, got a number"},
		{attr: "maybe_on", expr: `false`, want: thing{MaybeOn: ptr(false)}},
		{attr: "int", expr: `"12"`, want: thing{Int: 12}},
		{attr: "int", expr: `-9007199254740993`, want: thing{Int: -9007199254740993}},
		{attr: "int", expr: `1.5`, err: "want a whole number, got 1.5"},
		{attr: "int", expr: `1e30`, err: "want a whole number, got 1e+30"},
		{attr: "int", expr: `"x"`, err: "want a whole number, got a string"},
		{attr: "unsigned", expr: `7`, want: thing{Unsigned: ptr(uint32(7))}},
		{attr: "unsigned", expr: `1.5`, err: "want a whole number from 0 to 4294967295, got 1.5"},
		{attr: "unsigned", expr: `-1`, err: "want a whole number from 0 to 4294967295, got -1"},
		{attr: "unsigned", expr: `4294967296`, err: "want a whole number from 0 to 4294967295, got 4294967296"},
		{attr: "float", expr: `0.25`, want: thing{Float: 0.25}},
		{attr: "list", expr: `["a", 1]`, want: thing{List: []string{"a", "1"}}},
		{attr: "list", expr: `[]`, want: thing{List: []string{}}},
		{attr: "list", expr: `"a"`, err: "want a list, got a string"},
		{attr: "list", expr: `["a", null]`, err: "element 1 is null"},
		{attr: "list", expr: `["a", []]`, err: "element 1: want a string, got a list"},
		{attr: "map", expr: `{ a = 1 }`, want: thing{Map: map[string]string{"a": "1"}}},
		{attr: "map", expr: `{ a = null }`, err: `the value of "a" is null`},
		{attr: "map", expr: `{ a = [] }`, err: `the value of "a": want a string, got a list`},
		{attr: "map", expr: `1`, err: "want a map, got a number"},
		{attr: "strings", expr: `"a"`, want: thing{Strings: resources.Strings{"a"}}},
		{attr: "strings", expr: `["a", 2]`, want: thing{Strings: resources.Strings{"a", "2"}}},
		{attr: "scalar", expr: `false`, want: thing{Scalar: "false"}},
		{attr: "duration", expr: `"90s"`, want: thing{Duration: resources.Duration(90 * time.Second)}},
		{attr: "any", expr: `{ a = [1, "x", true, null] }`, want: thing{Any: map[string]any{"a": []any{1.0, "x", true, nil}}}},
		{attr: "any", expr: `{ a = [1, 9007199254740993] }`, err: "`a`: element 1: the number 9007199254740993 has more digits than are kept; write it as a string"},
		{attr: "any", expr: `-1e400`, err: "the number -1e+400 has more digits than are kept; write it as a string"},
		{attr: "any", expr: `1e22`, want: thing{Any: 1e22}},
		{attr: "strings", expr: `[9007199254740993]`, err: "element 0: the number 9007199254740993 has more digits than are kept; write it as a string"},
		{attr: "octal", expr: `"0755"`, want: thing{Octal: ptr(octal(0o755))}},
		{attr: "octal", expr: `755`, err: "want 0755"},
	} {
		t.Run(tc.attr+" = "+tc.expr, func(t *testing.T) {
			got := &thing{}
			err := s.Field(tc.attr).Set(got, value(t, tc.expr))
			if tc.err != "" {
				if err == nil || err.Error() != tc.err {
					t.Fatalf("want error %q, got %v", tc.err, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&tc.want, got, cmp.AllowUnexported(thing{})); diff != "" {
				t.Errorf("want -, got +:\n%s", diff)
			}
		})
	}
}

func TestGet(t *testing.T) {
	s, err := decode.NewSchema(resources.Type{Name: "thing", New: newThing, Late: []string{"out"}})
	if err != nil {
		t.Fatal(err)
	}
	full := &thing{Name: "n", Int: 3, Flag: true, List: []string{"a"}, Map: map[string]string{"k": "v"}, Duration: resources.Duration(time.Minute), Maybe: ptr("m"), Float: 0.5}
	for attr, want := range map[string]cty.Value{
		"name": cty.StringVal("n"), "int": cty.NumberIntVal(3), "flag": cty.True, "maybe": cty.StringVal("m"), "float": cty.NumberFloatVal(0.5),
		"list": cty.TupleVal([]cty.Value{cty.StringVal("a")}), "map": cty.ObjectVal(map[string]cty.Value{"k": cty.StringVal("v")}),
		"duration": cty.StringVal("1m0s"), "any": cty.NullVal(cty.DynamicPseudoType), "strings": cty.NullVal(cty.DynamicPseudoType),
	} {
		if got := s.Field(attr).Get(full); !got.RawEquals(want) {
			t.Errorf("%s: want %#v, got %#v", attr, want, got)
		}
	}
	if s.Field("Other") != nil || s.Field("out") != nil {
		t.Error("late values and attributes are mixed up")
	}
}

func TestSchemaMistakes(t *testing.T) {
	type noTag struct {
		*thing
		C chan int `hcl:"c"`
	}
	type badOption struct {
		*thing
		A string `hcl:"a,requird"`
	}
	for want, r := range map[string]resources.Resource{
		"type x: field C: an attribute cannot be of Go type chan int": &noTag{},
		`type x: field A: unknown option "requird" in its tag`:        &badOption{},
	} {
		_, err := decode.NewSchema(resources.Type{Name: "x", New: func(string) resources.Resource { return r }})
		if err == nil || err.Error() != want {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func TestValueAndBack(t *testing.T) {
	in := map[string]any{
		"nil": nil, "bool": true, "int": 3, "float": 2.5, "text": "x", "bytes": "\xff", "list": []any{1, "a", []any{}},
		"map": map[string]any{"a": nil}, "typed": map[string]string{"k": "v"}, "strings": []string{"a", "b"},
	}
	want := map[string]any{
		"nil": nil, "bool": true, "int": 3.0, "float": 2.5, "text": "x", "bytes": "\uFFFD", "list": []any{1.0, "a", []any{}},
		"map": map[string]any{"a": nil}, "typed": map[string]any{"k": "v"}, "strings": []any{"a", "b"},
	}
	v, err := decode.Value(in)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decode.Go(v)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(any(want), got); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
	if _, err := decode.Value(map[string]any{"a": []any{make(chan int)}}); err == nil || err.Error() != "a: [0]: the language has no value of Go type chan int" {
		t.Errorf("a channel: got %v", err)
	}
}

// TestNumbers holds that a number from outside equals the one that a manifest writes with the same digits.
func TestNumbers(t *testing.T) {
	for literal, in := range map[string]any{
		"0.1": 0.1, "-2.5e-7": -2.5e-7, "1e300": 1e300, "9223372036854775807": int64(math.MaxInt64), "98765432109876543210": json.Number("98765432109876543210"),
	} {
		got, err := decode.Value(in)
		if err != nil {
			t.Errorf("%v: %v", in, err)
		} else if !got.RawEquals(value(t, literal)) {
			t.Errorf("%v is not %s: %#v", in, literal, got)
		}
	}
}

// TestExact keeps every digit of a whole number, and what is no number apart.
func TestExact(t *testing.T) {
	for expr, want := range map[string]any{
		`9007199254740993`:           json.Number("9007199254740993"),
		`[-18446744073709551617, 3]`: []any{json.Number("-18446744073709551617"), 3.0},
		`1e400`:                      json.Number("1e+400"),
		`0.1`:                        0.1,
		`1e-400`:                     0.0,
		`{ a = 1/3 }`:                map[string]any{"a": 1.0 / 3},
	} {
		got, err := decode.Exact(value(t, expr))
		if err != nil {
			t.Errorf("%s: %v", expr, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: want -, got +:\n%s", expr, diff)
		}
	}
	if got, err := decode.Exact(cty.ListVal([]cty.Value{cty.NegativeInfinity})); err == nil || err.Error() != "element 0: the result is not a finite number" {
		t.Errorf("infinity: got %v, %v", got, err)
	}
}
