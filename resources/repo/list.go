package repo

import (
	"context"
	"path"
	"slices"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/pkg/manager"
	"github.com/nodeapply/apply/resources/repo/ini"
)

var _ resources.Lister = (*Repo)(nil)

// List returns the repositories whose names match: the sections of the manager's files, or apt's NAME.sources.
func (r *Repo) List(_ context.Context, v host.View, of string) ([]string, error) {
	f, err := (&Repo{Name: "any", Provider: r.Provider}).format(v)
	if err != nil {
		return nil, err
	}
	var names []string
	if f.provider == "apt" {
		files, err := readDir(v, f.folder, f.ext)
		for _, file := range files {
			names = append(names, strings.TrimSuffix(path.Base(file), f.ext))
		}
		return resources.Select(of, names), err
	}
	files, err := f.files(v, r)
	if err != nil {
		return nil, err
	}
	style := ini.Yum
	if f.main != "" {
		style = ini.Pacman
	}
	for _, file := range files {
		text, err := manager.ReadFile(v, file)
		if err != nil {
			return nil, err
		}
		for _, name := range ini.Parse(style, text).Names() {
			if name != "options" && !slices.Contains(names, name) { // of pacman itself
				names = append(names, name)
			}
		}
	}
	return resources.Select(of, names), nil
}
