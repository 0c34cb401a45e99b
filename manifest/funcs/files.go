package funcs

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

	"github.com/nodeapply/apply/manifest/limits"
)

// tree is the part of the file system that a module's functions see.
type tree struct {
	base string // relative paths start here
	root string // nothing outside of it is seen, unless it is empty
}

func (t tree) functions() map[string]function.Function {
	fns := map[string]function.Function{
		"abspath":    pure(func(p string) (string, error) { return filepath.ToSlash(t.abs(p)), nil }, "path"),
		"basename":   pure(func(p string) (string, error) { return filepath.Base(p), nil }, "path"),
		"dirname":    pure(func(p string) (string, error) { return filepath.Dir(p), nil }, "path"),
		"pathexpand": pure(expandHome, "path"),
		"file": pure(func(p string) (string, error) {
			b, err := t.read(p)
			if err != nil {
				return "", err
			}
			return validText(b, "the contents of "+p)
		}, "path"),
		"filebase64": pure(func(p string) (string, error) {
			b, err := t.read(p)
			return base64.StdEncoding.EncodeToString(b), err
		}, "path"),
		"fileexists": fileExists(t),
		"fileset":    fileSet(t),
	}
	for _, d := range digests() {
		fns[d.ofFile] = pure(func(p string) (string, error) {
			b, err := t.read(p)
			if err != nil {
				return "", err
			}
			return d.sum(b), nil
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

func (t tree) abs(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(t.base, path)
}

// open returns the files that path is among, and its name there.
func (t tree) open(path string) (files limits.Files, name string, done func(), err error) {
	if path, err = expandHome(path); err != nil {
		return nil, "", nil, err
	}
	name = t.abs(path)
	if t.root == "" {
		return limits.Host{}, name, func() {}, nil
	}
	inside, err := filepath.Rel(t.root, name)
	if err != nil || !filepath.IsLocal(inside) {
		return nil, "", nil, fmt.Errorf("%s: leads out of the module's source, %s", path, t.root)
	}
	root, err := os.OpenRoot(t.root)
	if err != nil {
		return nil, "", nil, err
	}
	return root, inside, func() { root.Close() }, nil
}

func (t tree) read(path string) ([]byte, error) {
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
		return nil, limitf("the file is larger than the limit of %d MiB", limits.MaxString>>20)
	}
	return b, err
}

func fileExists(t tree) function.Function {
	return function.New(&function.Spec{
		Params:       stringParams("path"),
		Type:         function.StaticReturnType(cty.Bool),
		RefineResult: notNull,
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			files, name, done, err := t.open(args[0].AsString())
			if err != nil {
				return cty.NilVal, argError(0, err)
			}
			defer done()
			info, err := files.Stat(name)
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return cty.False, nil
			case err != nil:
				return cty.NilVal, argError(0, err)
			case !info.Mode().IsRegular():
				return cty.NilVal, function.NewArgErrorf(0, "%s is not a regular file", name)
			}
			return cty.True, nil
		},
	})
}

// fileSet is fileset(path, pattern): the regular files below path that match, relative to path.
func fileSet(t tree) function.Function {
	return function.New(&function.Spec{
		Params:       stringParams("path", "pattern"),
		Type:         function.StaticReturnType(cty.Set(cty.String)),
		RefineResult: notNull,
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
				return cty.NilVal, argError(0, err)
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

func (t tree) glob(path, pattern string) (names []string, err error) {
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
			return tooMany()
		}
		info, err := fs.Stat(fsys, match) // follows links
		if err == nil && info.Mode().IsRegular() {
			names = append(names, match)
		}
		return nil
	})
	return names, err
}
