package manifest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/nodeapply/apply/manifest"
)

// blocks are n written-out files, as many to a manifest as its bound allows.
func blocks(n int, body func(i int) string) map[string]string {
	files := map[string]string{}
	var b strings.Builder
	flush := func() {
		files[fmt.Sprintf("m%03d.hcl", len(files))] = b.String()
		b.Reset()
	}
	for i := range n {
		fmt.Fprintf(&b, "file \"/srv/tree/dir%d/file%d\" {\n%s}\n\n", i/100, i, body(i))
		if b.Len() > 1_000_000 {
			flush()
		}
	}
	flush()
	return files
}

func inline(i int) string {
	return fmt.Sprintf("  ensure  = \"file\"\n  mode    = \"0644\"\n  content = \"%s\"\n", strings.Repeat(fmt.Sprintf("line %d of the content. ", i%97), 44)[:1000])
}

func sourced(i int) string {
	return fmt.Sprintf("  ensure = \"file\"\n  mode   = \"0644\"\n  source = \"/usr/share/doc/files/file%d\"\n", i)
}

func computed(i int) string {
	return fmt.Sprintf("  ensure  = \"file\"\n  mode    = var.mode\n  content = \"%d ${local.greeting} on ${fact.hostname}\"\n", i)
}

const declarations = "variable \"mode\" {\n  default = \"0644\"\n}\nlocals {\n  greeting = \"hello ${var.mode}\"\n}\n"

func write(tb testing.TB, files map[string]string) string {
	tb.Helper()
	dir := tb.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}

// BenchmarkCompile measures compilation beside the floor: the parser, and each expression evaluated once, and nothing else.
func BenchmarkCompile(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		cases := map[string]map[string]string{
			"inline":   blocks(n, inline),
			"source":   blocks(n, sourced),
			"computed": blocks(n, computed),
			"for_each": {"m.hcl": fmt.Sprintf("file \"f\" {\n  for_each = { for i in flatten([for a in range(100) : [for b in range(%d / 100) : a * (%d / 100) + b]]) : tostring(i) => i }\n  path     = \"/srv/tree/file${each.key}\"\n  ensure   = \"file\"\n  mode     = \"0644\"\n  content  = \"line ${each.value}\\n\"\n}\n", n, n)},
		}
		for _, name := range []string{"inline", "source", "computed", "for_each"} {
			files := cases[name]
			if name == "computed" {
				files["a.hcl"] = declarations
			}
			dir := write(b, files)
			b.Run(fmt.Sprintf("%s/%d/compile", name, n), func(b *testing.B) { benchCompile(b, dir, n) })
			b.Run(fmt.Sprintf("%s/%d/floor", name, n), func(b *testing.B) { benchFloor(b, dir, n) })
		}
	}
}

func benchCompile(b *testing.B, dir string, n int) {
	b.ReportAllocs()
	start := cpuTime()
	o := manifest.Options{Types: fakeTypes(), Facts: fakeFacts{"hostname": "node01"}}
	for b.Loop() {
		res, diags := manifest.Compile(b.Context(), dir, o)
		if len(diags) > 0 {
			b.Fatal(diags)
		}
		if got := len(res.Catalog.Entries()); got != n {
			b.Fatalf("want %d entries, got %d", n, got)
		}
	}
	reportCPU(b, start, n)
}

// benchFloor parses one file after the other and evaluates every attribute in one context that is there already.
func benchFloor(b *testing.B, dir string, n int) {
	b.ReportAllocs()
	names, err := filepath.Glob(filepath.Join(dir, "*.hcl"))
	if err != nil {
		b.Fatal(err)
	}
	ctx := &hcl.EvalContext{Functions: manifest.FunctionsForTest(dir), Variables: map[string]cty.Value{
		"var":   cty.ObjectVal(map[string]cty.Value{"mode": cty.StringVal("0644")}),
		"local": cty.ObjectVal(map[string]cty.Value{"greeting": cty.StringVal("hello 0644")}),
		"fact":  cty.ObjectVal(map[string]cty.Value{"hostname": cty.StringVal("node01")}),
	}}
	start := cpuTime()
	for b.Loop() {
		for _, name := range names {
			src, err := os.ReadFile(name)
			if err != nil {
				b.Fatal(err)
			}
			f, diags := hclsyntax.ParseConfig(src, name, hcl.InitialPos)
			if diags.HasErrors() {
				b.Fatal(diags)
			}
			for _, block := range f.Body.(*hclsyntax.Body).Blocks {
				floorBlock(b, block, ctx)
			}
		}
	}
	reportCPU(b, start, n)
}

// cpuTime is what this process has computed so far. On a machine that others use too it says more than the clock.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func reportCPU(b *testing.B, start time.Duration, n int) {
	b.ReportMetric(float64(cpuTime()-start)/float64(b.N)/float64(n), "cpu-ns/resource")
}

func floorBlock(b *testing.B, block *hclsyntax.Block, ctx *hcl.EvalContext) {
	each, repeated := block.Body.Attributes["for_each"]
	if !repeated {
		for _, a := range block.Body.Attributes {
			if _, diags := a.Expr.Value(ctx); diags.HasErrors() {
				b.Fatal(diags)
			}
		}
		return
	}
	set, diags := each.Expr.Value(ctx)
	if diags.HasErrors() {
		b.Fatal(diags)
	}
	for k, v := range set.Elements() {
		child := ctx.NewChild()
		child.Variables = map[string]cty.Value{"each": cty.ObjectVal(map[string]cty.Value{"key": k, "value": v})}
		for name, a := range block.Body.Attributes {
			if name == "for_each" {
				continue
			}
			if _, diags := a.Expr.Value(child); diags.HasErrors() {
				b.Fatal(diags)
			}
		}
	}
}

// BenchmarkEmpty is what a compilation costs before there is anything to compile.
func BenchmarkEmpty(b *testing.B) {
	dir := write(b, map[string]string{"main.hcl": "file \"/a\" {}\n"})
	benchCompile(b, dir, 1)
}

// BenchmarkMemory reports what an entry takes beyond the syntax tree.
func BenchmarkMemory(b *testing.B) {
	const n = 100_000
	for name, files := range map[string]map[string]string{"blocks": blocks(n, sourced), "for_each": {"m.hcl": fmt.Sprintf(
		"file \"f\" {\n  count = %d\n  path = \"/srv/${count.index}\"\n  ensure = \"file\"\n  mode = \"0644\"\n  content = \"c\"\n}\n", n)}} {
		dir := write(b, files)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				before := heap()
				trees := parseAll(b, dir)
				tree := heap() - before
				runtime.KeepAlive(trees)
				trees = nil
				before = heap()
				res, diags := manifest.Compile(b.Context(), dir, manifest.Options{Types: fakeTypes()})
				if len(diags) > 0 {
					b.Fatal(diags)
				}
				all := heap() - before
				runtime.KeepAlive(res)
				b.ReportMetric((float64(all)-float64(tree))/n, "B/resource")
			}
		})
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func parseAll(b *testing.B, dir string) []*hcl.File {
	b.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.hcl"))
	if err != nil {
		b.Fatal(err)
	}
	var out []*hcl.File
	for _, name := range names {
		src, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		f, diags := hclsyntax.ParseConfig(src, name, hcl.InitialPos)
		if diags.HasErrors() {
			b.Fatal(diags)
		}
		out = append(out, f)
	}
	return out
}
