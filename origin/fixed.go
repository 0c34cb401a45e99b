package origin

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/nodeapply/apply/manifest/limits"
	"github.com/nodeapply/apply/source"
)

// Fixed names a manifest so that it is the same from every folder and at every time: by its absolute path, or by its commit.
func Fixed(src source.Source, commit string) (source.Source, error) {
	if src.Git() {
		return source.New(src.URL, commit, src.Folder)
	}
	abs, err := filepath.Abs(src.Path)
	return source.Source{Path: abs}, err
}

// Sum tells whether a manifest that Fixed names is what it was: a hash of the files of its root module and of the lock beside them. A commit is its own.
func Sum(src source.Source) (string, error) {
	if src.Git() {
		return src.Ref, nil
	}
	files := []string{src.Path}
	if info, err := os.Stat(src.Path); err != nil {
		return "", err
	} else if info.IsDir() {
		if files, err = manifests(src.Path); err != nil {
			return "", err
		}
	}
	h := sha256.New()
	for _, name := range files {
		b, err := limits.ReadFile(limits.Host{}, name, limits.MaxFile)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%q %d\n", filepath.Base(name), len(b))
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// manifests lists those in a folder, HCL and JSON, in lexical order.
func manifests(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".hcl") || strings.HasSuffix(e.Name(), ".hcl.json") {
			names = append(names, filepath.Join(dir, e.Name()))
		}
	}
	return names, nil
}
