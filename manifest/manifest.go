// Package manifest compiles manifests, written in HCL, to the catalog of one node. It is the only package that knows the language.
//
// Compilation touches nothing: it reads manifests, asks for the facts that they name, and finds every mistake at once. What only the run can
// give (the output of a command, what other nodes say) is left to deferred entries, which come back here when they are visited.
package manifest

import (
	"context"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/resources"
)

// Facts are what is known of the node. Lookup is called from several goroutines.
type Facts interface {
	// Lookup returns one top-level fact; ok is false if there is none of that name. An error says why it could not be had.
	Lookup(ctx context.Context, name string) (value any, ok bool, err error)
	// Names lists the facts that there are, for suggestions.
	Names() []string
}

// ModuleFacts are what Facts may also be: each module has facts of its own besides those of the node.
type ModuleFacts interface {
	// LookupIn is Lookup for the module whose files are in the folder dir.
	LookupIn(ctx context.Context, dir, name string) (value any, ok bool, err error)
}

// Options are what a compilation depends on besides the files.
type Options struct {
	Types []resources.Type
	// Vars are values for the root module's variables; later ones win.
	Vars []VarSource
	// Facts may be nil: then there are none.
	Facts Facts
	// Modules finds the folder of a module whose source is neither "./" nor "../": built-in ones and those from git. From is the calling module's folder.
	Modules func(ctx context.Context, source, from string) (dir string, err error)
}

// Result is what was compiled.
type Result struct {
	Catalog *catalog.Catalog
	Outputs []Output
	// Secrets are the sensitive values that were met, as plain text.
	Secrets []string
}

// Compile reads the file or folder at path. The result is nil if there are mistakes.
func Compile(ctx context.Context, path string, o Options) (*Result, diag.List) {
	c, err := newCompiler(ctx, o)
	if err != nil {
		return nil, diag.List{{Severity: diag.Error, Summary: "Broken resource type", Detail: err.Error()}}
	}
	result := c.compile(path)
	list := diag.From(c.diags, c.reader, c.secrets.redact)
	if list.HasErrors() {
		return nil, list
	}
	return result, list
}
