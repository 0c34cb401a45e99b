package reference_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/nodeapply/apply/manifest/reference"
	"github.com/nodeapply/apply/resources"
)

type kinds struct{}

func (kinds) Known(name string) bool { return name == "file" || name == "fact" }
func (kinds) Names() []string        { return []string{"file", "fact"} }

// text writes targets as a manifest does.
func text(targets []reference.Target) string {
	var out []string
	for _, t := range targets {
		var steps []string
		key := func(k cty.Value) string {
			if k == cty.NilVal {
				return ""
			}
			return reference.InstanceKey(k)
		}
		for _, m := range t.Modules {
			steps = append(steps, "module."+m.Name+key(m.Key))
		}
		if t.Type != "" {
			steps = append(steps, resources.Address{Type: t.Type, Title: t.Title, Instance: key(t.Key)}.String())
		}
		out = append(out, strings.Join(steps, "."))
	}
	return strings.Join(out, " ")
}

func TestTargets(t *testing.T) {
	for _, tc := range []struct{ attr, in, want, mistake string }{
		{in: `file.a`, want: `file.a`},
		{in: `[file["/a"], file.b["k"], file.c[2], fact.d]`, want: `file["/a"] file.b["k"] file.c[2] fact.d`},
		{in: `[module.m, module.m["k"].module.n[0].file.a]`, want: `module.m module.m["k"].module.n[0].file.a`},
		{in: `[]`},
		{in: `var.x`, mistake: "`var.x` is a value. Want a reference"},
		{in: `[each.value["a"]]`, mistake: "`each.value[\"a\"]` is a value. Want a reference"},
		{in: `fil.a`, mistake: "There is no resource type `fil`; did you mean `file`?"},
		{in: `module.m.out`, mistake: "There is no resource type `out`"},
		{in: `file.a.path`, mistake: "names a resource or an instance of it, not one of its values"},
		{in: `file`, mistake: "`file` needs a title"},
		{in: `module`, mistake: "`module` needs a name"},
		{in: `"file.a"`, mistake: "`module.glusterfs`. Without quotes this is one: `file.a`."},
		{in: `"file[\"a\"]"`, mistake: "Without quotes this is one: `file[\"a\"]`."},
		{in: `file.a[*]`, mistake: "All instances are `file.a`."},
		{in: `file.*`, mistake: "`module.glusterfs`. A type names no resources"},
		{in: `"l"`, attr: "limit", mistake: "Want a reference to a resource of type limit"},
		{in: `null`, mistake: "Want a reference"},
		{in: `[for x in [1] : file.a]`, mistake: "Want a reference"},
	} {
		t.Run(tc.in, func(t *testing.T) {
			x, diags := hclsyntax.ParseExpression([]byte(tc.in), "main.hcl", hcl.InitialPos)
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			got, diags := reference.Targets(tc.attr, x, kinds{})
			if diff := cmp.Diff(tc.want, text(got)); diff != "" {
				t.Errorf("want -, got +:\n%s", diff)
			}
			if (tc.mistake != "") != diags.HasErrors() || tc.mistake != "" && !strings.Contains(diags[0].Detail, tc.mistake) {
				t.Errorf("want %q, got %v", tc.mistake, diags)
			}
		})
	}
}
