// Package modules holds the modules that come with the program: plain folders of manifests, found by their name alone (source = "glusterfs").
package modules

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/nodeapply/apply/manifest"
	"github.com/nodeapply/apply/resources/nearest"
	"github.com/nodeapply/apply/scratch"
)

//go:embed glusterfs etchosts sheepdog
var files embed.FS

// Finder finds modules by their sources: those that come with the program, unpacked into a private folder, and others by Next.
type Finder struct {
	Next func(ctx context.Context, source, from string) (manifest.Folder, error) // nil: there are no others

	folder *scratch.Folder // nil before the first
}

// Find is what manifest.Options.Modules wants.
func (f *Finder) Find(ctx context.Context, source, from string) (manifest.Folder, error) {
	if info, err := fs.Stat(files, source); err == nil && info.IsDir() && source != "." && !strings.Contains(source, "/") {
		dir, err := f.unpack(source)
		return manifest.Folder{Dir: dir, Shown: "modules/" + source, Within: dir}, err
	}
	if f.Next == nil {
		return manifest.Folder{}, Unknown(source)
	}
	return f.Next(ctx, source, from)
}

// Unknown is the error about a module that is none of these.
func Unknown(source string) error {
	var names []string
	if entries, err := files.ReadDir("."); err == nil {
		for _, e := range entries {
			names = append(names, e.Name())
		}
	}
	text := fmt.Sprintf("there is no module %q here", source)
	if near := nearest.Of(source, names); near != "" {
		return fmt.Errorf("%s; did you mean %q?", text, near)
	}
	return fmt.Errorf("%s: those that come with the program are %s; a folder beside this file is written \"./%s\"", text, strings.Join(names, ", "), source)
}

// unpack writes a module's files to the private folder, once.
func (f *Finder) unpack(name string) (string, error) {
	if f.folder == nil {
		folder, err := scratch.Temp("apply-modules-")
		if err != nil {
			return "", err
		}
		f.folder = folder
	}
	dir := filepath.Join(f.folder.Dir, name)
	if _, err := os.Lstat(dir); err == nil {
		return dir, nil
	}
	sub, err := fs.Sub(files, name)
	if err != nil {
		return "", err
	}
	return dir, os.CopyFS(dir, sub)
}

// Close removes what was unpacked. What was compiled does not need it.
func (f *Finder) Close() error {
	if f.folder == nil {
		return nil
	}
	return f.folder.Close()
}
