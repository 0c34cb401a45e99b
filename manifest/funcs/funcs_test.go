package funcs

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

func testFunctions(t *testing.T) map[string]function.Function {
	t.Helper()
	dir, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", "/home/someone")
	return Functions(Options{BaseDir: dir, Within: dir, Identities: []string{"/nonexistent", "testdata/identity.txt"}})
}

func parseExpr(t *testing.T, src string) hclsyntax.Expression {
	t.Helper()
	expr, diags := hclsyntax.ParseExpression([]byte(src), "test", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatalf("%s: %v", src, diags)
	}
	return expr
}

// encode writes a value as JSON, where lists, sets and tuples look alike.
func encode(t *testing.T, v cty.Value) string {
	t.Helper()
	v, _ = v.UnmarkDeep()
	s, err := stdlib.JSONEncode(v)
	if err != nil || !s.IsKnown() {
		t.Fatalf("%#v: %v", v, err)
	}
	return s.AsString()
}

func TestFunctions(t *testing.T) {
	fns := testFunctions(t)
	here, _ := filepath.Abs("testdata")
	ctx := &hcl.EvalContext{Functions: fns, Variables: map[string]cty.Value{"here": cty.StringVal(here)}}
	shown := map[string]bool{"decrypt": true} // see TestDecrypt
	for _, ex := range examples {
		t.Run(ex[0], func(t *testing.T) {
			_ = hclsyntax.VisitAll(parseExpr(t, ex[0]), func(n hclsyntax.Node) hcl.Diagnostics {
				if call, ok := n.(*hclsyntax.FunctionCallExpr); ok {
					shown[call.Name] = true
				}
				return nil
			})
			got, diags := parseExpr(t, ex[0]).Value(ctx)
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			want, diags := parseExpr(t, ex[1]).Value(ctx)
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			if diff := cmp.Diff(encode(t, want), encode(t, got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	for name := range fns {
		if !shown[name] {
			t.Errorf("%s has no example", name)
		}
	}
}

func TestNames(t *testing.T) {
	want := strings.Fields(`
		abs abspath alltrue anytrue base64decode base64encode base64gzip base64sha256 base64sha512 basename bcrypt can ceil chomp
		chunklist cidrcontains cidrhost cidrnetmask cidrsubnet cidrsubnets coalesce coalescelist compact concat contains csvdecode
		decrypt dirname distinct element endswith file filebase64 filebase64sha256 filebase64sha512 fileexists filemd5 fileset
		filesha1 filesha256 filesha512 flatten floor format formatdate formatlist indent index issensitive join jsondecode
		jsonencode keys length log lookup lower matchkeys max md5 merge min nonsensitive one parseint pathexpand pow range regex
		regexall replace reverse sensitive setintersection setproduct setsubtract setunion sha1 sha256 sha512 signum slice sort split
		startswith strcontains strrev substr sum templatefile templatestring textdecodebase64 textencodebase64 timeadd timecmp title tobool tolist tomap tonumber toset
		tostring transpose trim trimprefix trimspace trimsuffix try upper urlencode uuidv5 values yamldecode yamlencode zipmap`)
	got := slices.Sorted(maps.Keys(Functions(Options{})))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// each calls yield for each example of a plain function with the function, its name, and its arguments as HCL would pass them.
func each(t *testing.T, yield func(t *testing.T, name string, f function.Function, args []cty.Value)) {
	fns := testFunctions(t)
	ctx := &hcl.EvalContext{Functions: fns, Variables: map[string]cty.Value{}}
	for _, ex := range examples {
		call, ok := parseExpr(t, ex[0]).(*hclsyntax.FunctionCallExpr)
		if !ok || call.ExpandFinal || call.Name == "try" || call.Name == "can" || strings.HasPrefix(ex[0], "abspath") {
			continue
		}
		t.Run(ex[0], func(t *testing.T) {
			f := fns[call.Name]
			args := make([]cty.Value, len(call.Args))
			for i, arg := range call.Args {
				v, diags := arg.Value(ctx)
				if diags.HasErrors() {
					t.Fatal(diags)
				}
				p := f.VarParam()
				if i < len(f.Params()) {
					p = &f.Params()[i]
				}
				v, err := convert.Convert(v, p.Type)
				if err != nil {
					t.Fatal(err)
				}
				args[i] = v
			}
			yield(t, call.Name, f, args)
		})
	}
}

// variants of v with a mark on each of its parts in turn.
func marked(v cty.Value) (whole cty.Value, parts []cty.Value) {
	whole = v.Mark(Sensitive)
	v, _ = v.UnmarkDeep()
	_ = cty.Walk(v, func(at cty.Path, part cty.Value) (bool, error) {
		if len(at) == 0 {
			return true, nil
		}
		at = at.Copy()
		withMark, err := cty.Transform(v, func(p cty.Path, v cty.Value) (cty.Value, error) {
			if p.Equals(at) {
				return v.Mark(Sensitive), nil
			}
			return v, nil
		})
		if err == nil {
			parts = append(parts, withMark)
		}
		return true, nil
	})
	return whole, parts
}

// TestMarks holds that a mark on an argument, or on a part of one, is on the result.
func TestMarks(t *testing.T) {
	takesOff := map[string]bool{"nonsensitive": true, "issensitive": true}
	// These do not look at the elements, or leave the marked one out.
	partly := map[string]bool{
		"keys": true, "length": true, "lookup": true, "element": true, "slice": true, "merge": true, "nonsensitive": true, "issensitive": true,
	}
	each(t, func(t *testing.T, name string, f function.Function, args []cty.Value) {
		check := func(i int, v cty.Value, sure bool) {
			with := slices.Clone(args)
			with[i] = v
			got, err := f.Call(with)
			if err != nil {
				t.Errorf("argument %d, %#v: %v", i, v, err)
				return
			}
			if nothing := !got.IsMarked() && got.CanIterateElements() && got.LengthInt() == 0; sure && !nothing && !hasSensitive(got) {
				t.Errorf("argument %d, %#v: the mark got lost: %#v", i, v, got)
			}
		}
		for i, arg := range args {
			whole, parts := marked(arg)
			check(i, whole, !takesOff[name] && (name != "lookup" || i < 2)) // the default that is not taken
			for _, part := range parts {
				check(i, part, !partly[name])
			}
		}
	})
}

// TestMarksInOneElement pins down what is not marked by a marked element.
func TestMarksInOneElement(t *testing.T) {
	secret := cty.StringVal("s").Mark(Sensitive)
	m := cty.ObjectVal(map[string]cty.Value{"a": secret, "b": cty.StringVal("b")})
	ctx := &hcl.EvalContext{Functions: testFunctions(t), Variables: map[string]cty.Value{"m": m, "l": cty.TupleVal([]cty.Value{secret, cty.StringVal("b")})}}
	for src, want := range map[string]bool{
		`keys(m)`: false, `length(m)`: false, `length(l)`: false, `lookup(m, "a")`: true, `lookup(m, "b")`: false, `element(l, 0)`: true, `element(l, 1)`: false,
		`slice(l, 0, 1)`: true, `slice(l, 1, 2)`: false, `merge(m, {a = 1})`: false, `merge({a = 1}, m)`: true, `jsonencode(m)`: true, `values(m)[0]`: true, `values(m)[1]`: false,
		`templatestring("$${b}", m)`: true, `templatestring("x", m)`: true, `issensitive(m)`: false, `try(m.a, 1)`: true, `can(m.a)`: false, `format("%v", l)`: true,
		`[for x in l : upper(x)][0]`: true, `nonsensitive(m.a)`: false, `nonsensitive(l)[0]`: true,
	} {
		got, diags := parseExpr(t, src).Value(ctx)
		if diags.HasErrors() {
			t.Errorf("%s: %v", src, diags)
		} else if hasSensitive(got) != want {
			t.Errorf("%s: marked is %v, want %v", src, !want, want)
		}
	}
}

// TestUnknown holds that arguments that are known late give a result of the right type, and that unknown, null and
// other odd arguments give at most an error.
func TestUnknown(t *testing.T) {
	each(t, func(t *testing.T, _ string, f function.Function, args []cty.Value) {
		known, err := f.Call(args)
		if err != nil {
			t.Fatal(err)
		}
		for i := range args {
			with := slices.Clone(args)
			plain, _ := args[i].Unmark()
			call := func(v cty.Value) (cty.Value, error, bool) {
				p := f.VarParam()
				if i < len(f.Params()) {
					p = &f.Params()[i]
				}
				if v, err = convert.Convert(v, p.Type); err != nil {
					return cty.NilVal, nil, false // HCL does not call it either
				}
				with[i] = v
				got, err := f.Call(with)
				return got, err, true
			}
			for _, v := range []cty.Value{cty.UnknownVal(plain.Type()), cty.DynamicVal, cty.UnknownVal(plain.Type()).Mark(Sensitive)} {
				got, err, called := call(v)
				if !called || err != nil {
					t.Errorf("argument %d, %#v: called: %v, %v", i, v, called, err)
				} else if got.Type() != cty.DynamicPseudoType && convert.GetConversionUnsafe(got.Type(), known.Type()) == nil && !got.Type().Equals(known.Type()) {
					t.Errorf("argument %d, %#v: %#v is not a %#v", i, v, got, known.Type())
				}
			}
			for _, v := range []cty.Value{
				cty.NullVal(plain.Type()), cty.NullVal(cty.DynamicPseudoType), cty.StringVal(""), cty.StringVal("\x00/"), cty.EmptyTupleVal, cty.EmptyObjectVal,
				cty.NumberIntVal(-1), cty.NumberFloatVal(1e300), cty.NumberFloatVal(0.5), cty.PositiveInfinity, cty.True, cty.TupleVal([]cty.Value{cty.NullVal(cty.String)}),
				cty.ListVal([]cty.Value{cty.NullVal(cty.String)}), cty.ListValEmpty(cty.String), cty.SetVal([]cty.Value{cty.UnknownVal(cty.String)}),
				cty.MapVal(map[string]cty.Value{"": cty.UnknownVal(cty.String)}), cty.ObjectVal(map[string]cty.Value{"a": cty.DynamicVal}),
			} {
				if _, err, _ := call(v); err != nil && (strings.Contains(err.Error(), "goroutine") || strings.Contains(err.Error(), "cannot be computed")) {
					t.Errorf("argument %d, %#v: %v", i, v, err)
				}
			}
		}
	})
}
