// Package manifest compiles manifests, written in HCL, to the catalog of one node. It is the only package that knows the language.
//
// Compilation touches nothing: it reads manifests, asks for the facts that they name, and finds every mistake at once. What only the run can
// give (the output of a command, what other nodes say) is left to deferred entries, which come back here when they are visited.
package manifest

import (
	"context"

	"github.com/hashicorp/hcl/v2"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/manifest/calls"
	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/manifest/files"
	"github.com/nodeapply/apply/manifest/internal/evaluator"
	"github.com/nodeapply/apply/manifest/internal/facts"
	"github.com/nodeapply/apply/manifest/limits"
	"github.com/nodeapply/apply/manifest/variables"
	"github.com/nodeapply/apply/resources"
)

// Facts are what is known of the node, such as a *facts.Set or a facts.Map: Lookup of one by its name, from several goroutines, and all their Names.
type Facts = facts.Source

// ModuleFacts are what Facts may also be: modules bring facts of their own.
type ModuleFacts interface {
	// AddModule is told the folder of each module before the first Lookup. Those of a later one win; the root module is the last.
	AddModule(dir string)
}

// Options are what a compilation depends on besides the files.
type Options struct {
	Types []resources.Type
	// Vars are values for the root module's variables; later ones win.
	Vars []VarSource
	// Facts may be nil: then there are none.
	Facts Facts
	// Modules finds the folder of a module whose source is neither "./" nor "../": built-in ones and those from git. From is the calling module's folder.
	Modules func(ctx context.Context, source, from string) (Folder, error)
	// Shown is how positions write the path that is compiled; default: as it is given.
	Shown string
	// Within, if not empty, is a folder that the root module's paths cannot leave: those of its modules, and of files that its functions read.
	Within string
	// Identities are the files with which decrypt() opens age files.
	Identities []string
	// OnSecret, if not nil, is told every sensitive text when it is met, while compiling and while binding, from any goroutine. It may be told
	// one twice.
	OnSecret func(text string)
}

// Output is a value that the root module hands out: its Name, Pos, Value and whether it is Sensitive; or, in the place of Value, Late, which gives it when the
// run has ended.
type Output = evaluator.Output

// Folder is where a module's files are: Dir, and how it is Shown and Within which folder it stays, see package calls.
type Folder = calls.Folder

// VarSource gives values to variables of the root module: Name and Value of one, with its Origin for messages, or a File of them; see variables.Source.
type VarSource = variables.Source

// Result is what was compiled.
type Result struct {
	Catalog *catalog.Catalog
	Outputs []Output

	list func(hcl.Diagnostics) diag.List
}

// Tell turns what was found in the catalog that is no mistake into warnings, with the lines that they are about.
func (r *Result) Tell(found []catalog.Problem) diag.List {
	ds := evaluator.FromProblems(found)
	for _, d := range ds {
		d.Severity = hcl.DiagWarning
	}
	return r.list(ds)
}

// Compile reads the file or folder at path. The result is nil if there are mistakes.
func Compile(ctx context.Context, path string, o Options) (*Result, diag.List) {
	c, err := newCompiler(ctx, o)
	if err != nil {
		return nil, broken(err)
	}
	result := &Result{list: c.list}
	if e := c.gather(path); e != nil {
		if err := c.watch.Run(ctx, func() { result.Outputs = e.Evaluate() }); err != nil { // it may still be going on: nothing of it can be looked at
			return nil, diag.From(hcl.Diagnostics{limits.Diagnose(err)}, &files.Reader{}, nil)
		}
		var diags hcl.Diagnostics
		result.Catalog, diags = e.Catalog()
		c.diags = append(c.diags, diags...)
	}
	list := c.list(c.diags)
	if list.HasErrors() {
		return nil, list
	}
	return result, list
}

// Link reads the file or folder at path and all modules that are called from there, directly or not. It evaluates nothing.
func Link(ctx context.Context, path string, o Options) diag.List {
	c, err := newCompiler(ctx, o)
	if err != nil {
		return broken(err)
	}
	c.gather(path)
	return c.list(c.diags)
}

// broken is a type that cannot be read, its author's mistake.
func broken(err error) diag.List {
	return diag.List{{Severity: diag.Error, Summary: "Broken resource type", Detail: err.Error()}}
}
