package origins_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/manifest/files"
	"github.com/nodeapply/apply/manifest/internal/origins"
	"github.com/nodeapply/apply/manifest/syntax"
)

// kinds knows two resource types.
type kinds struct{}

func (kinds) Known(name string) bool { return name == "file" || name == "exec" }
func (kinds) Names() []string        { return []string{"exec", "file"} }

func read(t *testing.T, text string) *syntax.Module {
	t.Helper()
	name := filepath.Join(t.TempDir(), "main.hcl")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r := syntax.Reader{Files: &files.Reader{}, Kinds: kinds{}, Step: func() {}}
	m, diags := r.Read(t.Context(), name, name)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return m
}

const root = `
variable "site" {}
locals {
  name = "${var.site}-${fact.hostname}"
}
exec "id" { command = ["id"] }
module "m" {
  source = "./m"
  port   = 80
  title  = "${local.name}${exec.id.stdout}"
}
`

const called = `
variable "port" { default = 1 }
variable "title" { default = "" }
variable "unsaid" { default = fact.kernel }
locals {
  both  = "${local.first}${local.first}"
  first = var.title
}
`

func TestOf(t *testing.T) {
	top := &origins.Module{Decl: read(t, root)}
	for _, tc := range []struct{ name, expr, want string }{
		{"nothing", `"x"`, ""},
		{"a fact", "fact.kernel", "fact.kernel"},
		{"of the instance itself", `each.key`, ""},
		{"where it stands", "path.module", ""},
		{"an input", "var.title", "exec.id.stdout fact.hostname var.site"},
		{"an input that is written out", "var.port", ""},
		{"an input that is not given", "var.unsaid", ""},
		{"through locals", `"${local.both}${fact.kernel}"`, "exec.id.stdout fact.hostname fact.kernel var.site"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			decl := read(t, called+"file \"/x\" {\n  for_each = []\n  content = "+tc.expr+"\n}\n")
			m := &origins.Module{Decl: decl, Call: top.Decl.Body[1], Caller: top}
			got := m.Of(decl.Resource("file", "/x").Attr("content").Refs)
			if diff := cmp.Diff(tc.want, strings.Join(got, " ")); diff != "" {
				t.Error(diff)
			}
		})
	}
	if diff := cmp.Diff([]string{"fact.hostname", "var.site"}, top.Of(top.Decl.Locals["name"].Refs)); diff != "" {
		t.Errorf("of the root: %s", diff)
	}
}
