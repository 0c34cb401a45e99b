package funcs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"golang.org/x/sys/unix"
)

func TestErrors(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"nested.tmpl": `${templatefile("a.tmpl", {})}`, "a.tmpl": "${b}", "binary": "\xff", "deep.tmpl": "${" + strings.Repeat("(", 1000)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Truncate(filepath.Join(dir, "binary"), 1<<40); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "outside")); err != nil {
		t.Fatal(err)
	}
	items := make([]cty.Value, 2000)
	for i := range items {
		items[i] = cty.NumberIntVal(int64(i))
	}
	secret := cty.StringVal("hunter2").Mark(Sensitive)
	ctx := &hcl.EvalContext{
		Functions: Functions(Options{BaseDir: dir, Within: dir}),
		Variables: map[string]cty.Value{
			"large": mib(15), "dots": cty.StringVal(strings.Repeat(".", 2<<20)), "lines": cty.StringVal(strings.Repeat("\n", 2<<20)),
			"shared": shared(), "items": cty.TupleVal(items), "secret": secret, "wrapped": cty.ObjectVal(map[string]cty.Value{"a": secret}),
			"nested": cty.StringVal(strings.Repeat("[", 100_000)), "dir": cty.StringVal(dir),
		},
	}
	tests := []struct{ src, want string }{
		{`range(2000000)`, "limit"},
		{`range(0, 1, 0.0000001)`, "limit"},
		{`range(0, 1, 0)`, "must not be zero"},
		{`range(0, 1, -1)`, "leads away"},
		{`range()`, "one to three"},
		{`setproduct(items, items)`, "limit"},
		{`format("%1000000000d", 1)`, "limit"},
		{`format("%99999999999999999999d", 1)`, "limit"},
		{`format("%.1000000000f", 1)`, "limit"},
		{`format("%[1]s%[1]s%[1]s", large)`, "limit"},
		{`format(join("", [for i in items : "%[1]s"]), large)`, "limit"}, // 30 GB
		{`format("%1000000000[1]d", 1)`, "limit"},
		{`format("%s%s%s", large, large, large)`, "limit"},
		{`format("%v", shared)`, "limit"},
		{`formatlist("%1000000s", items)`, "limit"},
		{`formatlist("%s %s", large, items)`, "limit"},
		{`transpose({ a = "x" })`, `element "a": list of string required`},
		{`join(large, ["a", "b", "c"])`, "limit"},
		{`join("", [large, large])`, "limit"},
		{`replace(dots, ".", "0123456789")`, "limit"},
		{`replace(dots, "/./", "0123456789")`, "limit"},
		{`replace("x${large}", "/.*/", "$0$0$0")`, "limit"},
		{`replace("a", "/(/", "")`, "missing closing"},
		{`split("", dots)`, "limit"},
		{`regexall("", dots)`, "limit"},
		{`regexall("(a{1000}){1000}", "")`, "repeat"},
		{`indent(1000000000, "\n")`, "limit"},
		{`indent(100, lines)`, "limit"},
		{`indent(-1, "")`, "negative"},
		{`base64encode(large)`, "limit"},
		{`jsonencode(shared)`, "limit"},
		{`yamlencode(shared)`, "limit"},
		{`flatten(shared)`, "limit"},
		{`csvdecode(lines)`, "limit"},
		{`jsondecode(nested)`, "limit"},
		{`jsondecode("[1e999999999]")`, "limit"},
		{`tonumber("1e999999999")`, "limit"},
		{`tonumber(dots)`, "limit"},
		{`parseint(dots, 10)`, "limit"},
		{`bcrypt("a", 31)`, "limit"},
		{`bcrypt("${dots}")`, "72 bytes"},
		{`log(0, 10)`, "not a finite number"},
		{`pow(10, 1000)`, "not a finite number"},
		{`log(-1, 10)`, "not a number"},
		{`file("pipe")`, "not a regular file"},
		{`file("binary")`, "limit"},
		{`filesha256("binary")`, "limit"},
		{`file(".")`, "is a folder"},
		{`file("absent")`, "there is no file " + dir + "/absent"},
		{`file("../x")`, "leads out"},
		{`file("${dir}/../x")`, "leads out"},
		{`fileexists("${dir}/../x")`, "leads out"},
		{`file("outside")`, "escapes"},
		{`fileset("..", "*")`, "leads out"},
		{`fileset(".", "../*")`, "must not lead out"},
		{`fileset(".", "[")`, "not a valid pattern"},
		{`fileexists("pipe")`, "not a regular file"},
		{`templatefile("pipe", {})`, "not a regular file"},
		{`templatefile("nested.tmpl", {})`, "inside a template"},
		{`templatefile("a.tmpl", {})`, "not among its variables: \"b\" at a.tmpl:1,3"},
		{`templatefile("deep.tmpl", {})`, "limit"},
		{`templatestring("$${templatestring(\"a\", {})}", {})`, "inside a template"},
		{`templatestring("$${x}", {x = []})`, "does not give a string"},
		{`templatestring("", [])`, "map or object"},
		{`templatestring("", {"1" = 2})`, "cannot be the name"},
		{`decrypt("a.tmpl")`, "no identity"},
		{`base64decode("/w==")`, "not UTF-8"},
		{`length(1)`, "has no length"},
		{`index(["a"], "b")`, "is not in the list"},
		{`lookup({}, "b")`, "no element \"b\""},
		{`lookup({}, "b", 1, 2)`, "two or three"},
		{`one([1, 2])`, "no or one element"},
		{`sum([])`, "has no sum"},
		{`sum(["a"])`, "must be numbers"},
		{`coalesce(null, "")`, "null or empty"},
		{`cidrhost("10.0.0.0/24", 256)`, "only 256 addresses"},
		{`cidrhost("10.0.0.0/24", -257)`, "only 256 addresses"},
		{`cidrhost("10.0.0.0", 1)`, "not a network"},
		{`cidrhost("10.0.0.0/8", 0.5)`, "whole number"},
		{`cidrhost("10.0.0.0/8", 1e4000)`, "no larger than an address"},
		{`cidrsubnet("10.0.0.0/24", 9, 0)`, "cannot be extended"},
		{`cidrsubnet("10.0.0.0/24", 1, 2)`, "number of 1 bits"},
		{`cidrsubnets("10.0.0.0/24", 1, 1, 1)`, "no room left"},
		{`cidrnetmask("::/0")`, "IPv4"},
		{`cidrcontains("::/0", "10.0.0.1")`, "IPv4"},
		{`timecmp("now", "now")`, "not a timestamp"},
		{`pathexpand("~root/x")`, "another user"},
		{`textencodebase64("a", "cp-none")`, "not a known encoding"},
		{`textencodebase64("☃", "ISO-8859-1")`, "characters that this encoding has not"},
		{`textdecodebase64("!", "UTF-16LE")`, "illegal base64"},
		{`textdecodebase64("/w==", "UTF-8")`, "not of this encoding"},
		{`textencodebase64(large, "UTF-16LE")`, "limit"},
		{`uuidv5("tel", "x")`, "not a namespace"},
		{`uuidv5("6ba7b810-9dad-11d1-80b4-00c04fd430cX", "x")`, "not a namespace"},
		{`uuidv5("6ba7b8109dad-11d1-80b4--00c04fd430c8", "x")`, "not a namespace"},
		{`coalesce()`, "at least one"},
		{`coalesce({}, "hello")`, "same type"},
		{`chunklist([], -1)`, "positive"},
		{`element([], 0)`, "empty list"},
		{`formatlist("%s %s", ["a"], ["b", "c"])`, "length"},
		{`format("%s")`, "not enough arguments"},
		{`format("%y", 1)`, "unsupported"},
		{`format("%s", null)`, "null"},
		{`format("a", 1)`, "too many arguments"},
		{`formatdate("Y", "2018-01-02T23:12:01Z")`, "YY"},
		{`one(toset(["hello", "goodbye"]))`, "this one has 2"},
		{`parseint("12", 2)`, "base 2"},
		{`regex("[a-z]+", "53453453.34534523454")`, "did not match"},
		{`slice(["a"], 1, 3)`, "end index"},
		{`tobool("no")`, "bool"},
		{`tobool(1)`, "bool"},
		{`tonumber("no")`, "number"},
		{`yamldecode("{a: &foo [1, *foo, 3]}")`, "inside its own definition"},
		{`yamldecode("{a: !not-supported foo}")`, "unsupported tag"},
		{`yamldecode("a: 1\n---\nb: 2\n")`, "extra content"},
		{`zipmap(["a"], [])`, "number of keys"},

		{`tonumber(secret)`, "keep it hidden"},
		{`uuidv5(secret, "x")`, "keep it hidden"},
		{`textdecodebase64(secret, "UTF-8")`, "keep it hidden"},
		{`textencodebase64("x", secret)`, "keep it hidden"},
		{`parseint(secret, 10)`, "keep it hidden"},
		{`regex(secret, "x")`, "keep it hidden"},
		{`file(secret)`, "keep it hidden"},
		{`timecmp(secret, secret)`, "keep it hidden"},
		{`jsondecode("{${secret}")`, "keep it hidden"},
		{`cidrhost(secret, 1)`, "keep it hidden"},
		{`templatestring("$${tonumber(a)}", wrapped)`, "keep it hidden"},
		{`format("%d", wrapped)`, "keep it hidden"},
		{`indent(1000000000, secret)`, "limit"},
		{`bcrypt(secret, 31)`, "limit"},
		{`templatestring("${nested}$${", wrapped)`, "keep it hidden"},
	}
	for _, tt := range tests {
		t.Run(tt.src, func(t *testing.T) {
			start := cpuTime(t)
			_, diags := parseExpr(t, tt.src).Value(ctx)
			switch text := diags.Error(); {
			case !diags.HasErrors():
				t.Error("no error")
			case !strings.Contains(text, tt.want) || len(text) > 1000:
				t.Errorf("want %q, got %.1000q", tt.want, text)
			case strings.Contains(text, "hunter2") || strings.Contains(text, "goroutine"):
				t.Errorf("tells too much: %q", text)
			}
			if took := cpuTime(t) - start; took > time.Minute { // with the race detector; without it, a second or two
				t.Errorf("took %v of a processor", took)
			}
		})
	}
}
