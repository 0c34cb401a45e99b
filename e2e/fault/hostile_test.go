//go:build linux && amd64

package fault

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// resident is what an evaluation may make the process take: the bound of 1 GiB, a quarter of it in what is not collected yet, and the program.
const resident = 1400 << 20

// doubled is a manifest of which each local is twice the one before, by step, in which @ stands for that.
func doubled(times int, first, step string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "locals {\n  a0 = %s\n", first)
	for i := range times {
		fmt.Fprintf(&b, "  a%d = %s\n", i+1, strings.ReplaceAll(step, "@", fmt.Sprintf("local.a%d", i)))
	}
	return b.String() + "}\n"
}

// text16 is a local of 16 MB, which a manifest can use many times.
const text16 = "locals {\n  s = format(\"%1000000s\", \"x\")\n  text = join(\"\", [for i in range(16) : local.s])\n}\n"

// kept evaluates an expression very often and keeps all that it gives.
func kept(locals, expression string) string {
	return "locals {\n" + locals + "\n}\noutput \"x\" {\n  value = [for i in range(1000000) : " + expression + "]\n}\n"
}

// nestedTemplates doubles a text inside of one expression.
func nestedTemplates(times int) string {
	var b strings.Builder
	name := "local.text"
	for i := range times {
		fmt.Fprintf(&b, "[for a%d in [\"${%s}${%s}\"] : ", i, name, name)
		name = fmt.Sprintf("a%d", i)
	}
	return text16 + "output \"x\" {\n  value = " + b.String() + name + strings.Repeat("]", times) + "\n}\n"
}

// aliases is YAML of 10^n elements.
func aliases(n int) string {
	b := `a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n`
	for i := range n {
		b += fmt.Sprintf(`a%d: &a%[1]d [%s]\n`, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i), 10), ","))
	}
	return "output \"x\" {\n  value = yamldecode(\"" + b + "\")\n}\n"
}

// hostile are manifests that take much: a name, the text. The first few are tried where not everything is.
var hostile = [][2]string{
	{"text doubled by a template", doubled(40, `"0123456789abcdef"`, `"${@}${@}"`)},
	{"text doubled inside of an expression", nestedTemplates(30)},
	{"wide template", text16 + "output \"x\" {\n  value = \"" + strings.Repeat("${local.text}", 4000) + "\"\n}\n"},
	{"file for each of a million", "locals {\n  s = format(\"%1000000s\", \"x\")\n}\nfile \"x\" {\n  count = 1000000\n  path = \"/tmp/${count.index}\"\n  content = \"${count.index}${local.s}\"\n}\n"},
	{"aliases in YAML", aliases(8)},
	{"template's own loop", text16 + "output \"x\" {\n  value = \"%{for i in range(100000)}${local.text}%{endfor}\"\n}\n"},
	{"nested for", kept("  a = range(1000)", "[for b in local.a : [for c in local.a : \"${i}${b}${c}\"]]")},
	{"nested objects", kept("  a = range(1000)", "{for b in local.a : b => {for c in local.a : c => {b = b, c = c}}}")},
	{"text doubled by format", doubled(40, `"0123456789abcdef"`, `format("%s%s", @, @)`)},
	{"text doubled by join", doubled(40, `"0123456789abcdef"`, `join("", [@, @])`)},
	{"text doubled by replace", doubled(40, `"xxxxxxxxxxxxxxxx"`, `replace(@, "x", "xx")`)},
	{"range", kept("", "range(1000000)")},
	{"setproduct", kept("  a = range(1000)", "setproduct(local.a, local.a)")},
	{"regexall", kept("  s = format(\"%100000s\", \"x\")", "regexall(\"((((((((( )))))))))\", local.s)")},
	{"split", kept("  s = format(\"%1000000s\", \"x\")", "split(\" \", local.s)")},
	{"base64encode", kept("  s = format(\"%1000000s\", \"x\")", "base64encode(\"${i}${local.s}\")")},
	{"jsonencode of shared values", doubled(12, `"x"`, "[@, @, @, @]") + "output \"x\" {\n  value = [for i in range(1000) : jsonencode(local.a10)]\n}\n"},
	{"jsondecode", kept("  s = jsonencode([for i in range(100000) : {a = i}])", "jsondecode(local.s)")},
	{"cidrsubnets", kept("", "cidrsubnets(\"10.0.0.0/8\", [for j in range(1000) : 20]...)")},
	{"flatten", doubled(40, "[1]", "flatten([@, @])")},
	{"flatten of shared lists", doubled(18, `"x"`, "[@, @]") + "output \"x\" {\n  value = [for i in range(1000) : flatten(local.a16)]\n}\n"},
	{"concat", doubled(40, "[1, 2, 3]", "concat(@, @)")},
	{"merge", kept("  m = {for i in range(10000) : \"k${i}\" => i}", "merge(local.m, {i = i})")},
	{"splat", kept("  a = [for i in range(100000) : {a = {a = i}}]", "local.a[*].a")},
	{"numbers", kept("", "pow(2, 10000) * pow(3, 5000) * i")},
	{"source of a module", "module \"x\" {\n  source = " + strings.Repeat("[for a in ["+strings.Repeat("1,", 40)+"] : ", 7) + "a" + strings.Repeat("]", 7) + "\n}\n"},
	{"conversions of shared values", doubled(12, `"x"`, "tolist([@, @, @, @, @, @, @, @])")},
}

// TestHostileManifests plans manifests that would take all memory: none makes the process resident by much more than the bound.
func TestHostileManifests(t *testing.T) {
	dir := t.TempDir()
	tried := hostile
	if !whole {
		tried = hostile[:4]
	}
	var most int64
	refused := 0
	for _, h := range tried {
		main := filepath.Join(dir, strings.ReplaceAll(h[0], " ", "-")+".hcl")
		writeFile(t, main, h[1], 0o644)
		begin := time.Now()
		end := runProgram(t, limit, programs.apply, "--state-dir", filepath.Join(dir, "state"), "plan", main)
		t.Logf("%s: exit code %d, %s, %v", h[0], end.code, mib(end.peak), time.Since(begin).Round(100*time.Millisecond))
		most = max(most, end.peak)
		if end.code == 1 && strings.Contains(end.stderr, "limit") && strings.Contains(end.stderr, main) {
			refused++
		} else {
			t.Errorf("%s: exit code %d\n%.2000s", h[0], end.code, end.output())
		}
		if end.peak > resident {
			t.Errorf("%s: took %s, want at most %s", h[0], mib(end.peak), mib(resident))
		}
	}
	main := filepath.Join(dir, "control.hcl")
	writeFile(t, main, doubled(25, `"0123456789abcdef"`, `"${@}${@}"`), 0o644) // 512 MiB, where apply's is 16 TiB
	_, control := flooded(t, programs.control, "evaluate", dir, main)
	if control < resident {
		t.Errorf("the harness saw only %s of a control that has no bounds", mib(control))
	}
	record(t, "peak memory, hostile manifests", fmt.Sprintf("%d of %d refused, at most %s", refused, len(tried), mib(most)), "no bounds, text of 512 MiB: "+mib(control))
}
