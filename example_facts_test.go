package apply_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/nodeapply/apply"
	"github.com/nodeapply/apply/facts"
	"github.com/nodeapply/apply/manifest"
	"github.com/nodeapply/apply/resources/file"
	"github.com/nodeapply/apply/resources/pkg"
)

// A module is tested without a node: it is compiled for facts that the test makes up, and its catalog is looked at. Nothing is read of this machine.
func Example_facts() {
	dir, err := os.MkdirTemp("", "apply")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	source := `
variable "port" { type = number }
package "web" { name = fact.os.family == "RedHat" ? "httpd" : "apache2" }
file "ports" {
  path    = "/etc/ports.conf"
  content = "Listen ${var.port}\n"
  require = package.web
}
`
	if err := os.WriteFile(filepath.Join(dir, "main.hcl"), []byte(source), 0o600); err != nil {
		panic(err)
	}
	for _, family := range []string{"Debian", "RedHat"} {
		m, err := apply.Load(context.Background(), dir, apply.Options{
			Facts: facts.Map{"os": map[string]any{"family": family}},
			Vars:  []manifest.VarSource{{Name: "port", Value: "8080", Origin: "the test"}},
		})
		if err != nil {
			panic(err)
		}
		c := m.Catalog()
		for _, e := range c.Entries() {
			switch r := e.Resource.(type) { // nil where only a run gives the values
			case *file.File:
				fmt.Printf("%s: %q\n", e.Addr, *r.Content)
			case *pkg.Package:
				fmt.Println(e.Addr, r.Name)
			}
		}
		for _, r := range c.Relations() {
			fmt.Println(r.From, r.Kind, r.To)
		}
	}
	// Output:
	// package.web [apache2]
	// file.ports: "Listen 8080\n"
	// package.web before file.ports
	// package.web [httpd]
	// file.ports: "Listen 8080\n"
	// package.web before file.ports
}
