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
	return Functions(Options{BaseDir: dir, Root: dir, Identities: []string{"/nonexistent", "testdata/identity.txt"}})
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

// examples are calls and what they give, as expressions. Most are from Terraform's documentation.
var examples = [][2]string{
	{`abs(-12.4)`, `12.4`},
	{`abspath("x/../y")`, `"${here}/y"`},
	{`alltrue(["true", true])`, `true`},
	{`alltrue([true, false])`, `false`},
	{`alltrue([])`, `true`},
	{`anytrue(["false", true])`, `true`},
	{`anytrue([])`, `false`},
	{`base64decode("SGVsbG8gV29ybGQ=")`, `"Hello World"`},
	{`base64encode("Hello World")`, `"SGVsbG8gV29ybGQ="`},
	{`base64gzip("x")`, `"H4sIAAAAAAAA/6oABAAA//+DFtyMAQAAAA=="`},
	{`base64sha256("hello world")`, `"uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek="`},
	{`base64sha512("hello world")`, `"MJ7MSJwS1utMxA9QyQLytNDtd+5RGnx6m808qG1M2G+YndNbxf9JlnDaNCVbRbDP2DDoH2Bdz33FVC6TrpzXbw=="`},
	{`basename("foo/bar/baz.txt")`, `"baz.txt"`},
	{`bcrypt("hello world", 4)`, `"$2a$04$tw3MHAqcOTD4IOnlQ2n5V.MDtsYnvr5QZQZ1d0bPZ7lBg4ssOO7Hu"`},
	{`ceil(5.1)`, `6`},
	{`chomp("hello\r\n")`, `"hello"`},
	{`chunklist(["a", "b", "c", "d", "e"], 2)`, `[["a", "b"], ["c", "d"], ["e"]]`},
	{`cidrcontains("192.168.2.0/20", "192.168.2.1")`, `true`},
	{`cidrcontains("192.168.2.0/20", "192.168.126.0/24")`, `false`},
	{`cidrcontains("192.168.0.0/24", "192.168.0.0/16")`, `false`},
	{`cidrhost("10.12.112.0/20", 16)`, `"10.12.112.16"`},
	{`cidrhost("10.12.112.0/20", 268)`, `"10.12.113.12"`},
	{`cidrhost("10.12.112.0/20", -1)`, `"10.12.127.255"`},
	{`cidrhost("fd00:fd12:3456:7890:00a2::/72", 34)`, `"fd00:fd12:3456:7890::22"`},
	{`cidrnetmask("172.16.0.0/12")`, `"255.240.0.0"`},
	{`cidrsubnet("172.16.0.0/12", 4, 2)`, `"172.18.0.0/16"`},
	{`cidrsubnet("10.1.2.0/24", 4, 15)`, `"10.1.2.240/28"`},
	{`cidrsubnet("fd00:fd12:3456:7890::/56", 16, 162)`, `"fd00:fd12:3456:7800:a200::/72"`},
	{`cidrsubnets("10.1.0.0/16", 4, 4, 8, 4)`, `["10.1.0.0/20", "10.1.16.0/20", "10.1.32.0/24", "10.1.48.0/20"]`},
	{`cidrsubnets("fd00:fd12:3456:7890::/56", 16, 16, 16, 32)`, `["fd00:fd12:3456:7800::/72", "fd00:fd12:3456:7800:100::/72", "fd00:fd12:3456:7800:200::/72", "fd00:fd12:3456:7800:300::/88"]`},
	{`coalesce(null, "", "b")`, `"b"`},
	{`coalesce(1, 2)`, `1`},
	{`coalescelist([], ["c", "d"])`, `["c", "d"]`},
	{`compact(["a", "", "b", null, "c"])`, `["a", "b", "c"]`},
	{`concat(["a", ""], ["b", "c"])`, `["a", "", "b", "c"]`},
	{`contains(["a", "b", "c"], "a")`, `true`},
	{`csvdecode("a,b,c\n1,2,3\n4,5,6\n")`, `[{a = "1", b = "2", c = "3"}, {a = "4", b = "5", c = "6"}]`},
	{`dirname("foo/bar/baz.txt")`, `"foo/bar"`},
	{`distinct(["a", "b", "a", "c", "d", "b"])`, `["a", "b", "c", "d"]`},
	{`element(["a", "b", "c"], 3)`, `"a"`},
	{`endswith("hello world", "world")`, `true`},
	{`file("hello.txt")`, `"hello\n"`},
	{`filebase64("binary")`, `"/wA="`},
	{`filebase64sha256("hello.txt")`, `base64sha256("hello\n")`},
	{`filebase64sha512("hello.txt")`, `base64sha512("hello\n")`},
	{`fileexists("hello.txt")`, `true`},
	{`fileexists("absent")`, `false`},
	{`filemd5("hello.txt")`, `"b1946ac92492d2347c6235b4d2611184"`},
	{`filesha1("hello.txt")`, `sha1("hello\n")`},
	{`filesha256("hello.txt")`, `sha256("hello\n")`},
	{`filesha512("hello.txt")`, `sha512("hello\n")`},
	{`fileset("set", "*.txt")`, `["a.txt"]`},
	{`fileset("set", "**")`, `["a.txt", "c.conf", "sub/b.txt"]`},
	{`fileset("set", "{a,c}.*")`, `["a.txt", "c.conf"]`},
	{`flatten([["a", "b"], [], ["c"]])`, `["a", "b", "c"]`},
	{`flatten([[["a", "b"], []], ["c"]])`, `["a", "b", "c"]`},
	{`floor(4.9)`, `4`},
	{`format("Hello, %s!", "Ander")`, `"Hello, Ander!"`},
	{`format("There are %d lights, %05.1f, %#v", 4, 2.25, {a = [1]})`, `"There are 4 lights, 002.2, {\"a\":[1]}"`},
	{`formatdate("DD MMM YYYY hh:mm ZZZ", "2018-01-02T23:12:01Z")`, `"02 Jan 2018 23:12 UTC"`},
	{`formatlist("%s, %s!", "Salutations", ["Valentina", "Ander"])`, `["Salutations, Valentina!", "Salutations, Ander!"]`},
	{`indent(2, "[\n  foo,\n]\n")`, `"[\n    foo,\n  ]\n  "`},
	{`index(["a", "b", "c"], "b")`, `1`},
	{`issensitive("a")`, `false`},
	{`issensitive(sensitive("a"))`, `true`},
	{`issensitive(nonsensitive(sensitive("a")))`, `false`},
	{`join("-", ["foo", "bar", "baz"])`, `"foo-bar-baz"`},
	{`jsondecode("{\"hello\": [\"world\", 1e5]}")`, `{hello = ["world", 100000]}`},
	{`jsonencode({"hello" = "world"})`, `"{\"hello\":\"world\"}"`},
	{`keys({a = 1, c = 2, d = 3})`, `["a", "c", "d"]`},
	{`length([])`, `0`},
	{`length({"a" = "b"})`, `1`},
	{`length("👾🕹️")`, `2`},
	{`length(toset(["a", "a"]))`, `1`},
	{`log(16, 2)`, `4`},
	{`lookup({a = "ay", b = "bee"}, "a", "what?")`, `"ay"`},
	{`lookup({a = "ay", b = "bee"}, "c", "what?")`, `"what?"`},
	{`lookup(tomap({a = "ay"}), "a")`, `"ay"`},
	{`lookup(tomap({a = 1}), "b", "2")`, `2`},
	{`lower("HELLO")`, `"hello"`},
	{`matchkeys(["i-123", "i-abc", "i-def"], ["us-west", "us-east", "us-east"], ["us-east"])`, `["i-abc", "i-def"]`},
	{`matchkeys(["a"], ["b"], ["c"])`, `[]`},
	{`max(12, 54, 3)`, `54`},
	{`md5("hello world")`, `"5eb63bbbe01eeed093cb22bb8f5acdc3"`},
	{`merge({a = "b", c = "d"}, {e = "f", c = "z"})`, `{a = "b", c = "z", e = "f"}`},
	{`min(12, 54, 3)`, `3`},
	{`nonsensitive("a")`, `"a"`},
	{`one([])`, `null`},
	{`one(["a"])`, `"a"`},
	{`one(toset(["b"]))`, `"b"`},
	{`parseint("FF", 16)`, `255`},
	{`parseint("-1011111011101111", 2)`, `-48879`},
	{`pathexpand("~/.ssh/id_rsa")`, `"/home/someone/.ssh/id_rsa"`},
	{`pathexpand("/etc")`, `"/etc"`},
	{`pow(3, 2)`, `9`},
	{`range(3)`, `[0, 1, 2]`},
	{`range(1, 4)`, `[1, 2, 3]`},
	{`range(1, 8, 2)`, `[1, 3, 5, 7]`},
	{`range(4, 1)`, `[4, 3, 2]`},
	{`range(10, 5, -2)`, `[10, 8, 6]`},
	{`range(0, 0.9, 0.25)`, `[0, 0.25, 0.5, 0.75]`},
	{`range(0)`, `[]`},
	{`range(2, 2, 5)`, `[]`},
	{`regex("[a-z]+", "53453453.345345aaabbbccc23454")`, `"aaabbbccc"`},
	{`regex("(\\d\\d\\d\\d)-(\\d\\d)-(\\d\\d)", "2019-02-01")`, `["2019", "02", "01"]`},
	{`regex("^(?:(?P<scheme>[^:/?#]+):)?(?://(?P<authority>[^/?#]*))?", "https://terraform.io/docs/")`, `{authority = "terraform.io", scheme = "https"}`},
	{`regexall("[a-z]+", "1234abcd5678efgh9")`, `["abcd", "efgh"]`},
	{`regexall("[a-z]+", "123456789")`, `[]`},
	{`replace("1 + 2 + 3", "+", "-")`, `"1 - 2 - 3"`},
	{`replace("hello world", "/w.*d/", "everybody")`, `"hello everybody"`},
	{`replace("hello world", "/(h)(?P<e>e)/", "$2${"$"}{e}_$1$x")`, `"ee_hllo world"`},
	{`replace("ab", "", "-")`, `"-a-b-"`},
	{`replace("ab", "//", "-")`, `"-a-b-"`},
	{`replace("a/b", "/", "-")`, `"a-b"`},
	{`reverse([1, 2, 3])`, `[3, 2, 1]`},
	{`nonsensitive(sensitive(1))`, `1`},
	{`sensitive("a")`, `"a"`},
	{`setintersection(["a", "b"], ["b", "c"], ["b", "d"])`, `["b"]`},
	{`setproduct(["development", "staging"], ["app1", "app2"])`, `[["development", "app1"], ["development", "app2"], ["staging", "app1"], ["staging", "app2"]]`},
	{`setsubtract(["a", "b", "c"], ["a", "c"])`, `["b"]`},
	{`setunion(["a", "b"], ["b", "c"], ["d"])`, `["a", "b", "c", "d"]`},
	{`sha1("hello world")`, `"2aae6c35c94fcfb415dbe95f408b9ce91ee846ed"`},
	{`sha256("hello world")`, `"b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"`},
	{`sha512("hello world")`, `"309ecc489c12d6eb4cc40f50c902f2b4d0ed77ee511a7c7a9bcd3ca86d4cd86f989dd35bc5ff499670da34255b45b0cfd830e81f605dcf7dc5542e93ae9cd76f"`},
	{`signum(-13)`, `-1`},
	{`slice(["a", "b", "c", "d"], 1, 3)`, `["b", "c"]`},
	{`sort(["e", "d", "a", "x"])`, `["a", "d", "e", "x"]`},
	{`split(",", "foo,bar,baz")`, `["foo", "bar", "baz"]`},
	{`split(",", "")`, `[""]`},
	{`startswith("hello world", "hello")`, `true`},
	{`strcontains("hello world", "wor")`, `true`},
	{`strrev("a ☃")`, `"☃ a"`},
	{`substr("hello world", 1, 4)`, `"ello"`},
	{`substr("hello world", -5, -1)`, `"world"`},
	{`sum([10, 13, 6, 4.5])`, `33.5`},
	{`templatefile("hello.tmpl", {name = "you", list = ["a", 2]})`, `"Hello you!\n- a\n- 2\n"`},
	{`templatestring("%%{if b}$${upper(a)}%%{endif}", {a = "x", b = true})`, `"X"`},
	{`timeadd("2017-11-22T00:00:00Z", "10m")`, `"2017-11-22T00:10:00Z"`},
	{`timecmp("2017-11-22T00:00:00Z", "2017-11-22T01:00:00+01:00")`, `0`},
	{`timecmp("2017-11-22T00:00:00Z", "2017-11-22T00:00:01Z")`, `-1`},
	{`title("hello world")`, `"Hello World"`},
	{`tobool("true")`, `true`},
	{`tolist(["a", "b", 3])`, `["a", "b", "3"]`},
	{`tomap({a = "foo", b = true})`, `{a = "foo", b = "true"}`},
	{`tonumber("1.5")`, `1.5`},
	{`toset(["c", "b", "b"])`, `["b", "c"]`},
	{`tostring(1.5)`, `"1.5"`},
	{`tostring(0)`, `"0"`},
	{`tostring(7)`, `"7"`},
	{`tostring(-7)`, `"-7"`},
	{`tostring(1e3)`, `"1000"`},
	{`tostring(9223372036854775807)`, `"9223372036854775807"`},
	{`tostring(9223372036854775808)`, `"9223372036854775808"`},
	{`tostring(1e20)`, `"100000000000000000000"`},
	{`tostring(0.1)`, `"0.1"`},
	{`tostring(true)`, `"true"`},
	{`tostring("x")`, `"x"`},
	{`transpose({a = ["1", "2"], b = ["2", "3"]})`, `{"1" = ["a"], "2" = ["a", "b"], "3" = ["b"]}`},
	{`trim("?!hello?!", "!?")`, `"hello"`},
	{`trimprefix("helloworld", "hello")`, `"world"`},
	{`trimspace("  hello\n\n")`, `"hello"`},
	{`trimsuffix("helloworld", "world")`, `"hello"`},
	{`upper("hello")`, `"HELLO"`},
	{`urlencode("Hello World!")`, `"Hello+World%21"`},
	{`values({a = 3, c = 2, d = 1})`, `[3, 2, 1]`},
	{`yamldecode("a: [1, two]\nb: &x 010\n")`, `{a = [1, "two"], b = 10}`},
	{`yamlencode({a = [1, "b"]})`, `"\"a\":\n- 1\n- \"b\"\n"`},
	{`zipmap(["a", "b"], [1, 2])`, `{a = 1, b = 2}`},
	{`try(absent.x, "d")`, `"d"`},
	{`can(absent.x)`, `false`},
	{`can(1)`, `true`},
}

func TestFunctions(t *testing.T) {
	fns := testFunctions(t)
	here, _ := filepath.Abs("testdata")
	ctx := &hcl.EvalContext{Functions: fns, Variables: map[string]cty.Value{"here": cty.StringVal(here)}}
	shown := map[string]bool{"decrypt": true} // see TestDecrypt
	for _, ex := range examples {
		t.Run(ex[0], func(t *testing.T) {
			shown[parseExpr(t, ex[0]).(*hclsyntax.FunctionCallExpr).Name] = true
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
		startswith strcontains strrev substr sum templatefile templatestring timeadd timecmp title tobool tolist tomap tonumber toset
		tostring transpose trim trimprefix trimspace trimsuffix try upper urlencode values yamldecode yamlencode zipmap`)
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
		call := parseExpr(t, ex[0]).(*hclsyntax.FunctionCallExpr)
		if call.Name == "try" || call.Name == "can" || strings.HasPrefix(ex[0], "abspath") {
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
			if sure && !hasSensitive(got) {
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
