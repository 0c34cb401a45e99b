package apply_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/nodeapply/apply"
	"github.com/nodeapply/apply/engine"
	"github.com/nodeapply/apply/manifest"
)

// A manifest is planned, applied, and found to be in force.
func Example() {
	dir, err := os.MkdirTemp("", "apply")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	main := filepath.Join(dir, "main.hcl")
	source := `
variable "dir" { type = string }
file "motd" {
  path    = "${var.dir}/motd"
  content = "hello\n"
}
`
	if err := os.WriteFile(main, []byte(source), 0o600); err != nil {
		panic(err)
	}
	ctx := context.Background()
	vars := []manifest.VarSource{{Name: "dir", Value: dir, Origin: "the example"}}
	for range 2 {
		// A Manifest is of one run: it is loaded anew for the next.
		m, err := apply.Load(ctx, main, apply.Options{Vars: vars})
		if err != nil {
			panic(err) // a diag.List: every mistake, with its place
		}
		plan, err := m.Plan(ctx, engine.Options{})
		if err != nil {
			panic(err)
		}
		rep, err := m.Converge(ctx, engine.Options{Parallel: 2})
		if err != nil {
			panic(err)
		}
		fmt.Println("planned:", plan.Outcome(), "- came:", rep.Outcome(), "-", rep.Fidelity(), "as planned")
	}
	// Output:
	// planned: pending - came: changed - 1/1 as planned
	// planned: unchanged - came: unchanged - 1/1 as planned
}

// Mistakes come all at once, each with its place and what to do.
func ExampleLoad() {
	dir, err := os.MkdirTemp("", "apply")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	main := filepath.Join(dir, "main.hcl")
	if err := os.WriteFile(main, []byte("file \"/x\" {\n  ensur = \"absent\"\n  mode = 644\n}\n"), 0o600); err != nil {
		panic(err)
	}
	if err := os.Chdir(dir); err != nil {
		panic(err)
	}
	_, err = apply.Load(context.Background(), "main.hcl", apply.Options{})
	fmt.Println(err)
	// Output:
	// main.hcl:2: Unknown attribute; A resource of type `file` has no attribute `ensur`; did you mean `ensure`?
	// main.hcl:3: Wrong value for `mode`; Want a string such as "0644" or "u+x,g-w", not a number.
}
