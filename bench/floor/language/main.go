// Command language parses the manifests of a folder with hashicorp/hcl and evaluates each attribute once, without any bound and without
// making anything of it. The argument is the folder.
package main

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"github.com/nodeapply/apply/bench/floor"
)

func main() {
	_, args := floor.Flags()
	floor.Run(func() error {
		names, err := filepath.Glob(filepath.Join(args[0], "*.hcl"))
		if err != nil || len(names) == 0 {
			return errors.Join(err, errors.New("no manifests"))
		}
		ctx := &hcl.EvalContext{
			Functions: map[string]function.Function{"flatten": stdlib.FlattenFunc, "range": stdlib.RangeFunc, "tostring": stdlib.MakeToFunc(cty.String)},
			Variables: map[string]cty.Value{},
		}
		for _, name := range names {
			if err := file(name, ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

func file(name string, ctx *hcl.EvalContext) error {
	src, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	f, diags := hclsyntax.ParseConfig(src, name, hcl.InitialPos)
	if diags.HasErrors() {
		return diags
	}
	for _, b := range f.Body.(*hclsyntax.Body).Blocks {
		if err := block(b, ctx); err != nil {
			return err
		}
	}
	return nil
}

// relations are attributes whose values are references, which are not evaluated.
var relations = map[string]bool{"require": true, "before": true, "for_each": true}

func block(b *hclsyntax.Block, ctx *hcl.EvalContext) error {
	if b.Type == "locals" {
		local := map[string]cty.Value{}
		for name, a := range b.Body.Attributes {
			v, diags := a.Expr.Value(ctx)
			if diags.HasErrors() {
				return diags
			}
			local[name] = v
		}
		ctx.Variables["local"] = cty.ObjectVal(local)
		return nil
	}
	each, repeated := b.Body.Attributes["for_each"]
	if !repeated {
		return body(b.Body, ctx)
	}
	set, diags := each.Expr.Value(ctx)
	if diags.HasErrors() {
		return diags
	}
	for k, v := range set.Elements() {
		key, err := convert.Convert(k, cty.String)
		if err != nil {
			return err
		}
		child := ctx.NewChild()
		child.Variables = map[string]cty.Value{"each": cty.ObjectVal(map[string]cty.Value{"key": key, "value": v})}
		if err := body(b.Body, child); err != nil {
			return err
		}
	}
	return nil
}

func body(b *hclsyntax.Body, ctx *hcl.EvalContext) error {
	for name, a := range b.Attributes {
		if relations[name] {
			continue
		}
		if _, diags := a.Expr.Value(ctx); diags.HasErrors() {
			return diags
		}
	}
	return nil
}
