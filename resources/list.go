package resources

import (
	"context"
	"path"
	"slices"
	"strings"

	"github.com/nodeapply/apply/host"
)

// Lister is an Inspector that can name what of its type a node has.
type Lister interface {
	Inspector
	// List returns the titles of what the node has and of selects, each once: New and Inspect make each of them a resource as it is
	// now. The receiver is as New("") made it. Of is what the command line has behind "TYPE:", a pattern for names unless the type says otherwise.
	List(ctx context.Context, v host.View, of string) ([]string, error)
}

// Select returns the names that match the shell pattern of, see [Matches].
func Select(of string, names []string) []string {
	return slices.DeleteFunc(names, func(name string) bool { return !Matches(of, name) })
}

// Matches says whether a name matches the shell pattern of, in which `*` stands for slashes too.
func Matches(of, name string) bool {
	flat := func(s string) string { return strings.ReplaceAll(s, "/", "\x00") }
	ok, err := path.Match(flat(of), flat(name))
	return ok && err == nil
}
