package limits

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/json"

	"github.com/nodeapply/apply/manifest/limits/internal/scan"
)

// parse parses and evaluates src as the rest of the program would.
func parse(filename string, src []byte) hcl.Diagnostics {
	var file *hcl.File
	var diags hcl.Diagnostics
	if strings.HasSuffix(filename, ".json") {
		file, diags = json.Parse(src, filename)
	} else {
		file, diags = hclsyntax.ParseConfig(src, filename, hcl.InitialPos)
	}
	if diags.HasErrors() {
		return diags
	}
	attrs, _ := file.Body.JustAttributes()
	for _, a := range attrs {
		a.Expr.Variables()
		a.Expr.Value(&hcl.EvalContext{})
	}
	return nil
}

// FuzzCheck holds that what passes Check is parsed and evaluated on a bounded stack in bounded time, also when it is repeated to
// fill a large file.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{
		"a = 1\n", "a {\n  b = [1, {c = f(x)[2].*.d}]\n}\n", "a = \"${b ? \"x$${\" : -c}%{if d}e%{else}f%{endif}\"\n",
		"a = <<E\n${<<-F\n x %{for a, b in c}\n  F\n}\nE\n", "a = {for k, v in m : k => v... if !v}\n", "# x\n/* y */ // z\n",
		"a{\nx}\n", "a{\nb{x}\n}\n", "a=\"${\"${(}\"}${)}\"\n", "<<E\n$$${\nE\n", "\"\\\n${a}\"", "<<E\n$%{a}\r\n E\n", "~}", "{\"a\": [\"\\u0024{b}\", 1e5]}",
		"{\"\u0600\" x \"", "a.0.1[*].b", "<<é\né\n", "/* a", "a = 1 /*/ 2 */\n", "!-!-a", "a ?\nb :\nc\n", "b { x y {\n} }\n",
	} {
		f.Add([]byte(seed), uint8(1))
		f.Add([]byte(seed), uint8(255))
	}
	debug.SetMaxStack(128 << 20)
	f.Fuzz(func(t *testing.T, unit []byte, times uint8) {
		if len(unit) == 0 {
			return
		}
		src := unit
		if times == 255 {
			src = bytes.Repeat(unit, 1+(64<<10)/len(unit))
		}
		for _, filename := range []string{"a.hcl", "a.json"} {
			if Check(filename, src).HasErrors() {
				continue
			}
			start := time.Now()
			parse(filename, src)
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("%s took %v", filename, took)
			}
		}
	})
}

// TestStack parses, in a process with a small stack, the most nested files that pass, and as a control one that does not pass.
func TestStack(t *testing.T) {
	const control = "control"
	if name := os.Getenv("LIMITS_STACK"); name != "" {
		debug.SetMaxStack(256 << 20)
		src := deepest()[name]
		if name == control {
			src = "a = " + strings.Repeat("(", 200_000)
		}
		if refused := Check("a.hcl", []byte(src)).HasErrors(); refused != (name == control) {
			t.Fatalf("refused: %v", refused)
		}
		parse("a.hcl", []byte(src))
		return
	}
	parseIt := func(name string) ([]byte, error) {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestStack$", "-test.timeout=60s")
		cmd.Env = append(os.Environ(), "LIMITS_STACK="+name)
		return cmd.CombinedOutput()
	}
	for name := range deepest() {
		t.Run(name, func(t *testing.T) {
			if out, err := parseIt(name); err != nil {
				t.Errorf("%v: %.300s", err, out)
			}
		})
	}
	t.Run(control, func(t *testing.T) {
		if out, err := parseIt(control); err == nil || !bytes.Contains(out, []byte("stack overflow")) {
			t.Errorf("no stack overflow without the check: %v: %.300s", err, out)
		}
	})
}

func deepest() map[string]string {
	ops := func(s string) string { return strings.Repeat(s, scan.MaxOperators) }
	return map[string]string{
		"negations":  "a = " + ops("!") + "b\n",
		"minus":      "a = " + ops("-") + "1\n",
		"sums":       "a = " + ops("1+") + "1\n",
		"conditions": "a = " + ops("b?c:") + "d\n",
		"middle":     "a = " + strings.Repeat("b?", scan.MaxOperators) + "c" + strings.Repeat(":d", scan.MaxOperators) + "\n",
		"splats":     "a = b" + ops("[*]") + "\n",
		"indexes":    "a = b" + ops("[c]") + "\n",
		"steps":      "a = b" + ops(".c") + "\n",
		"both":       "a = b" + ops("[c]") + "+" + strings.Repeat("!", scan.MaxOperators-1) + "c\n",
		"one-liners": strings.Repeat("a{\nb{x}\n}\n", 20_000),
		"leaks":      strings.Repeat("a{\nx}\n", 100),
		"depth":      "a = " + nest("[", "", "]", scan.MaxDepth) + "\n",
		"templates":  "a = " + nest("\"${", "b", "}\"", scan.MaxDepth) + "\n",
	}
}

func ExampleCheck() {
	src := []byte("a = " + strings.Repeat("[", 100_000))
	fmt.Println(Check("main.hcl", src))
	// Output: main.hcl:1,205-206: Over the limit; Brackets, interpolations and directives may stand inside each other 200 deep; this is one more.
}

func BenchmarkCheck(b *testing.B) {
	line := strings.Repeat("x", 63) + "\n"
	for name, unit := range map[string]string{
		"quoted":  "file \"/etc/conf.d/some-name\" {\n  content = \"" + strings.Repeat("Lorem ipsum ", 85) + "\"\n  mode    = \"0644\"\n}\n\n",
		"heredoc": "file \"/etc/conf.d/some-name\" {\n  content = <<-EOT\n" + strings.Repeat(line, 16) + "  EOT\n  mode    = \"0644\"\n}\n\n",
		"code":    "file \"/etc/conf.d/some-name\" {\n  for_each = { for k, v in var.x : k => v if v != \"\" }\n  mode    = \"0644\"\n}\n\n",
	} {
		src := []byte(strings.Repeat(unit, (MaxFile-1)/len(unit)))
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(src)))
			b.ReportAllocs()
			for b.Loop() {
				if diags := Check("a.hcl", src); diags != nil {
					b.Fatal(diags)
				}
			}
		})
	}
}
