// Package above goes up from a path.
package above

import (
	"iter"
	"path"
)

// Of yields a path and the folders above it, but for the root.
func Of(name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for ; len(name) > 1 && yield(name); name = path.Dir(name) {
		}
	}
}
