// Command memory says what a resource takes beside HCL's syntax tree, in bytes: it compiles the folder of manifests that is its argument, plans,
// and keeps what a run keeps until its end.
package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/nodeapply/apply"
	"github.com/nodeapply/apply/engine"
)

func main() {
	if err := measure(os.Args[1]); err != nil {
		println(err.Error())
		os.Exit(1)
	}
}

// use is what memory was in use, in bytes.
type use struct {
	Resources int   `json:"resources"`
	Tree      int64 `json:"tree"` // of HCL's syntax tree
	Whole     int64 `json:"whole"`
}

func measure(dir string) error {
	names, err := filepath.Glob(filepath.Join(dir, "*.hcl"))
	if err != nil {
		return err
	}
	var trees []*hcl.File
	var u use
	before := heap()
	for _, name := range names {
		src, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		f, diags := hclsyntax.ParseConfig(src, name, hcl.InitialPos)
		if diags.HasErrors() {
			return diags
		}
		trees = append(trees, f)
	}
	u.Tree = heap() - before
	runtime.KeepAlive(trees)
	trees = nil
	before = heap()
	m, err := apply.Load(context.Background(), dir, apply.Options{})
	if err != nil {
		return err
	}
	rep, err := m.Plan(context.Background(), engine.Options{Parallel: runtime.NumCPU()})
	if err != nil {
		return err
	}
	u.Whole, u.Resources = heap()-before, rep.Resources
	runtime.KeepAlive(m)
	runtime.KeepAlive(rep)
	return json.NewEncoder(os.Stdout).Encode(u)
}

func heap() int64 {
	runtime.GC()
	runtime.GC() // what finalizers and pools have let go too
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
