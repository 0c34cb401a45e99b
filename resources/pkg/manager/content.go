package manager

import (
	"context"
	"strings"

	"github.com/nodeapply/apply/host"
)

// Lister is a Driver that can tell which files belong to the installed packages.
type Lister interface {
	// List calls file for every file and folder of every installed package, package by package, by one process for all of them. A folder can
	// belong to many packages.
	List(ctx context.Context, v host.View, file func(p *Content, name string)) error
}

// Content is a package whose files are listed.
type Content struct {
	Name, Arch string
	Source     string // the name of what it was built from, maybe together with others
	Essential  bool   // every node has it
}

// ReadList reads a list in which a line for a package, parted by tabs, is followed by one for each of its files. Header makes the package of its
// line; nil: it is not installed.
func ReadList(text string, header func(fields []string) *Content, file func(p *Content, name string)) {
	var p *Content
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		switch name := strings.TrimPrefix(line, " "); {
		case !strings.HasPrefix(name, "/"):
			p = header(strings.Split(line, "\t"))
		case p != nil:
			file(p, name)
		}
	}
}
