package manifest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
)

// inert does nothing to a node: what is tested here ends at the catalog.
type inert struct{}

func (inert) Check(context.Context, host.View) (resources.Diff, error) { return resources.Diff{}, nil }
func (inert) Apply(context.Context, host.Host, resources.Diff) error   { return nil }

// The types that the manifests in these tests use. They have every kind of attribute that real types have.
type file struct {
	inert
	Path    string            `hcl:"path,title,public"`
	Ensure  string            `hcl:"ensure"`
	Content *string           `hcl:"content"`
	Mode    *mode             `hcl:"mode"`
	Owner   string            `hcl:"owner"`
	Backup  any               `hcl:"backup"`
	Ignore  []string          `hcl:"ignore"`
	Labels  map[string]string `hcl:"labels"`
	Limit   int               `hcl:"recurselimit"`
	Force   bool              `hcl:"force"`
	Source  resources.Strings `hcl:"source"`
}

func (f *file) Validate() error {
	var errs []error
	if !strings.HasPrefix(f.Path, "/") {
		errs = append(errs, &resources.AttrError{Attr: "path", Err: fmt.Errorf("want an absolute path, got %q", f.Path)})
	}
	if f.Ensure != "" && !slices.Contains([]string{"file", "directory", "link", "absent"}, f.Ensure) {
		errs = append(errs, &resources.AttrError{Attr: "ensure", Err: fmt.Errorf("want file, directory, link or absent, got %q", f.Ensure)})
	}
	return errors.Join(errs...)
}

func (f *file) Provides() []resources.Identity {
	return []resources.Identity{{Kind: "path", Name: f.Path}}
}
func (f *file) Requires() []resources.Identity { return nil }

// mode takes no numbers.
type mode string

func (m *mode) UnmarshalAttr(v any) error {
	s, ok := v.(string)
	if !ok {
		return errors.New("want a string such as \"0644\"")
	}
	*m = mode(s)
	return nil
}

type command struct {
	inert
	Command     resources.Strings `hcl:"command,title,required,public"`
	Environment map[string]string `hcl:"environment"`
	Stdin       string            `hcl:"stdin"`
}

type service struct {
	inert
	Name   string           `hcl:"name,title"`
	Ensure string           `hcl:"ensure"`
	Enable resources.Scalar `hcl:"enable"`
}

type wait struct {
	inert
	Fact    string             `hcl:"fact,required"`
	Nodes   []string           `hcl:"nodes"`
	Min     int                `hcl:"min"`
	Timeout resources.Duration `hcl:"timeout"`
}

type exported struct {
	inert
	Name  string `hcl:"name,title"`
	Value any    `hcl:"value,required"`
}

type mount struct {
	inert
	Path   string `hcl:"path,title"`
	Device string `hcl:"device"`
}

func fakeTypes() []resources.Type {
	return []resources.Type{
		{Name: "fact", New: func(title string) resources.Resource { return &exported{Name: title} }},
		{Name: "file", New: func(title string) resources.Resource { return &file{Path: title, Owner: "root"} }},
		{Name: "exec", Late: []string{"stdout", "exit_code"}, Repeats: []string{"stdout"}, New: func(title string) resources.Resource {
			return &command{Command: resources.Strings{title}}
		}},
		{Name: "mount", Found: []string{"device"}, New: func(title string) resources.Resource { return &mount{Path: title} }},
		{Name: "service", New: func(title string) resources.Resource { return &service{Name: title} }},
		{Name: "wait", Late: []string{"nodes", "others", "names", "first"}, New: func(string) resources.Resource { return &wait{} }},
	}
}

// fakeFacts are facts as a map.
type fakeFacts map[string]any

func (f fakeFacts) Lookup(_ context.Context, name string) (any, bool, error) {
	if err, ok := f[name].(error); ok {
		return nil, false, err
	}
	v, ok := f[name]
	return v, ok, nil
}

func (f fakeFacts) Names() []string {
	var names []string
	for name := range f {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// lookups counts what is asked for.
type lookups struct {
	fakeFacts
	mu    sync.Mutex
	asked map[string]int
}

func (l *lookups) Lookup(ctx context.Context, name string) (any, bool, error) {
	l.mu.Lock()
	l.asked[name]++
	l.mu.Unlock()
	return l.fakeFacts.Lookup(ctx, name)
}

// noValues is a run in which nothing was visited.
func noValues(resources.Address) (map[string]any, bool) { return nil, false }
