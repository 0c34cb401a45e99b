package manager

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"strings"

	"github.com/nodeapply/apply/host"
)

// Leaver is a Driver whose removals leave changed configuration files behind under another name, of which its database then knows nothing.
type Leaver interface {
	// Ending is what the names of such files end in: ".rpmsave".
	Ending() string
	// Owned says which of the files, named as when they were installed, belong to each of names, packages that are not installed. What
	// cannot be known any more belongs to nobody.
	Owned(ctx context.Context, v host.View, names, files []string) (map[string][]string, error)
}

const deepest = 16 // folders below /etc

// Saved lists the files below /etc whose names end in ending, without it.
func Saved(v host.View, ending string) ([]string, error) {
	var files []string
	var walk func(folder string, depth int) error
	walk = func(folder string, depth int) error {
		for entry, err := range v.ReadDir(folder) {
			if err != nil {
				return err
			}
			name := path.Join(folder, entry)
			st, err := v.Lstat(name)
			switch {
			case err != nil:
				return err
			case st.Kind == host.Directory && depth < deepest:
				if err := walk(name, depth+1); err != nil {
					return err
				}
			case st.Kind == host.Regular && strings.HasSuffix(entry, ending) && entry != ending:
				files = append(files, strings.TrimSuffix(name, ending))
			}
		}
		return nil
	}
	if err := walk("/etc", 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return files, nil
}
