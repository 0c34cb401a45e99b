package apply_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/nodeapply/apply"
	"github.com/nodeapply/apply/engine"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/local"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// Greeting is a resource type of one's own: its fields are the attributes.
type Greeting struct {
	Path string `hcl:"path,title"`
	Name string `hcl:"name,required"`
}

var _ resources.Validator = (*Greeting)(nil)

// Validate finds mistakes before the node is seen.
func (g *Greeting) Validate() error {
	var m resources.Mistakes
	if strings.ContainsAny(g.Name, "\n") {
		m.Addf("name", "want one line")
	}
	return m.Err()
}

// Check says all that differs.
func (g *Greeting) Check(_ context.Context, v host.View) (resources.Diff, error) {
	var d resources.Diff
	text, _, err := host.ReadRegular(v, g.Path)
	d.Compare("name", strings.TrimSuffix(strings.TrimPrefix(text, "hello "), "\n"), g.Name)
	return d, err
}

// Apply removes what Check found, and the engine checks again.
func (g *Greeting) Apply(ctx context.Context, h host.Host, _ resources.Diff) error {
	return h.WriteFile(ctx, g.Path, host.NewFile{Content: strings.NewReader("hello " + g.Name + "\n")})
}

// A type of one's own stands in a manifest beside those of apply. Here the node is a folder: an image, or a test's.
func Example_type() {
	dir, err := os.MkdirTemp("", "apply")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	main := filepath.Join(dir, "main.hcl")
	source := `
file "/srv" { ensure = "directory" }
greeting "/srv/hello" {
  name    = "world"
  require = file["/srv"]
}
`
	if err := os.WriteFile(main, []byte(source), 0o600); err != nil {
		panic(err)
	}
	node, err := local.New(local.Options{Root: dir})
	if err != nil {
		panic(err)
	}
	defer node.Close()
	greeting := resources.Type{Name: "greeting", New: func(title string) resources.Resource { return &Greeting{Path: title} }}

	ctx := context.Background()
	m, err := apply.Load(ctx, main, apply.Options{Host: node, Types: []resources.Type{greeting}})
	if err != nil {
		panic(err)
	}
	rep, err := m.Converge(ctx, engine.Options{})
	if err != nil {
		panic(err)
	}
	for _, r := range rep.Results {
		fmt.Println(r.Address, r.Outcome)
		if r.Outcome == report.Failed {
			fmt.Println(r.Error.Summary)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "srv", "hello"))
	fmt.Printf("%s%v\n", text, err)
	// Output:
	// file["/srv"] changed
	// greeting["/srv/hello"] changed
	// hello world
	// <nil>
}
