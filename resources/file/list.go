package file

import (
	"context"
	"errors"
	"path"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
)

var _ resources.Lister = (*File)(nil)

// List returns what is directly in the folder of, or the files whose names match its last element: file:/etc, file:/etc/*.conf.
func (f *File) List(_ context.Context, v host.View, of string) ([]string, error) {
	if !path.IsAbs(of) {
		return nil, errors.New("want a folder, as in file:/etc")
	}
	folder, pattern := path.Clean(of), "*"
	if base := path.Base(folder); strings.ContainsAny(base, "*?[") {
		folder, pattern = path.Dir(folder), base
	}
	name, st, err := host.Resolve(v, folder)
	switch {
	case err != nil:
		return nil, err
	case st.Kind != host.Directory:
		return []string{folder}, nil
	}
	var titles []string
	for entry, err := range v.ReadDir(name) {
		if err != nil {
			return nil, err
		}
		if resources.Matches(pattern, entry) {
			titles = append(titles, path.Join(folder, entry))
		}
	}
	return titles, nil
}
