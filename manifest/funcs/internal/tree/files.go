// Package tree holds the functions that read the files of the node: as they are, as templates, sealed.
package tree

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/nodeapply/apply/manifest/funcs/internal/spec"
	"github.com/nodeapply/apply/manifest/funcs/internal/text"
	"github.com/nodeapply/apply/manifest/limits"
)

// Tree is the part of the file system that a module's functions see.
type Tree struct {
	Base string // relative paths start here
	// Within, unless it is empty, is a folder that relative paths, those that begin with its own, and symbolic links in it do not lead out of. Other absolute
	// paths are of the node.
	Within string
}

// Functions are those that read what is there, by name.
func (t Tree) Functions() map[string]function.Function {
	fns := map[string]function.Function{
		"abspath":    spec.Pure(func(p string) (string, error) { return filepath.ToSlash(t.abs(p)), nil }, "path"),
		"basename":   spec.Pure(func(p string) (string, error) { return filepath.Base(p), nil }, "path"),
		"dirname":    spec.Pure(func(p string) (string, error) { return filepath.Dir(p), nil }, "path"),
		"pathexpand": spec.Pure(expandHome, "path"),
		"file": spec.Pure(func(p string) (string, error) {
			b, err := t.read(p)
			if err != nil {
				return "", err
			}
			return spec.ValidText(b, "the contents of "+p)
		}, "path"),
		"filebase64": spec.Pure(func(p string) (string, error) {
			b, err := t.read(p)
			return base64.StdEncoding.EncodeToString(b), err
		}, "path"),
		"fileexists": fileExists(t),
		"fileset":    fileSet(t),
	}
	for _, d := range text.Digests() {
		fns[d.OfFile] = spec.Pure(func(p string) (string, error) {
			b, err := t.read(p)
			if err != nil {
				return "", err
			}
			return d.Sum(b), nil
		}, "path")
	}
	return fns
}

func expandHome(path string) (string, error) {
	if path != "~" && !strings.HasPrefix(path, "~/") {
		if strings.HasPrefix(path, "~") {
			return "", errors.New("the home folder of another user is not looked up")
		}
		return path, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(home, path[1:]), nil
}

func (t Tree) abs(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(t.Base, path)
}

// open returns the files that path is among, and its name there.
func (t Tree) open(path string) (files limits.Files, name string, done func(), err error) {
	if path, err = expandHome(path); err != nil {
		return nil, "", nil, err
	}
	name = t.abs(path)
	if t.Within == "" || filepath.IsAbs(path) && path != t.Within && !strings.HasPrefix(path, t.Within+"/") {
		return limits.Node{}, name, func() {}, nil
	}
	inside, err := filepath.Rel(t.Within, name)
	if err != nil || !filepath.IsLocal(inside) {
		return nil, "", nil, fmt.Errorf("%s: leads out of what the module is from, %s", path, t.Within)
	}
	root, err := os.OpenRoot(t.Within)
	if err != nil {
		return nil, "", nil, err
	}
	return root, inside, func() { root.Close() }, nil
}

func (t Tree) read(path string) ([]byte, error) {
	files, name, done, err := t.open(path)
	if err != nil {
		return nil, err
	}
	defer done()
	b, err := limits.ReadFile(files, name, limits.MaxString)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no file %s", t.abs(path))
	case errors.Is(err, limits.ErrLimit):
		return nil, spec.Limitf("the file is larger than the limit of %d MiB", limits.MaxString>>20)
	}
	return b, err
}

func fileExists(t Tree) function.Function {
	return function.New(&function.Spec{
		Params:       spec.Strings("path"),
		Type:         function.StaticReturnType(cty.Bool),
		RefineResult: spec.NotNull,
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			files, name, done, err := t.open(args[0].AsString())
			if err != nil {
				return cty.NilVal, spec.ArgError(0, err)
			}
			defer done()
			info, err := files.Stat(name)
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return cty.False, nil
			case err != nil:
				return cty.NilVal, spec.ArgError(0, err)
			case !info.Mode().IsRegular():
				return cty.NilVal, function.NewArgErrorf(0, "%s is not a regular file", name)
			}
			return cty.True, nil
		},
	})
}

// fileSet is fileset(path, pattern): the regular files below path that match, relative to path.
func fileSet(t Tree) function.Function {
	return function.New(&function.Spec{
		Params:       spec.Strings("path", "pattern"),
		Type:         function.StaticReturnType(cty.Set(cty.String)),
		RefineResult: spec.NotNull,
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			pattern := filepath.ToSlash(filepath.Clean(args[1].AsString()))
			if !doublestar.ValidatePattern(pattern) {
				return cty.NilVal, function.NewArgErrorf(1, "is not a valid pattern")
			}
			if filepath.IsAbs(pattern) || slices.Contains(strings.Split(pattern, "/"), "..") {
				return cty.NilVal, function.NewArgErrorf(1, "must not lead out of the folder")
			}
			names, err := t.glob(args[0].AsString(), pattern)
			if err != nil {
				return cty.NilVal, spec.ArgError(0, err)
			}
			if len(names) == 0 {
				return cty.SetValEmpty(cty.String), nil
			}
			vals := make([]cty.Value, len(names))
			for i, name := range names {
				vals[i] = cty.StringVal(name)
			}
			return cty.SetVal(vals), nil
		},
	})
}

func (t Tree) glob(path, pattern string) (names []string, err error) {
	files, name, done, err := t.open(path)
	if err != nil {
		return nil, err
	}
	defer done()
	var fsys fs.FS
	if root, ok := files.(*os.Root); ok {
		if fsys, err = fs.Sub(root.FS(), filepath.ToSlash(name)); err != nil {
			return nil, err
		}
	} else {
		fsys = os.DirFS(name)
	}
	seen := 0
	err = doublestar.GlobWalk(fsys, pattern, func(match string, d fs.DirEntry) error {
		if seen++; seen > limits.MaxElements {
			return spec.TooMany()
		}
		info, err := fs.Stat(fsys, match) // follows links
		if err == nil && info.Mode().IsRegular() {
			names = append(names, match)
		}
		return nil
	})
	return names, err
}
