package pacman

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources/pkg/manager"
)

// cachedFiles are the package files of the cache.
func cachedFiles(v host.View) (map[string]bool, error) {
	files := map[string]bool{}
	names, err := host.ReadDir(v, cache)
	for _, f := range names {
		files[f] = true
	}
	return files, err
}

var packageFile = regexp.MustCompile(`^(.+)-([^-]+-[^-]+)-([^-]+)\.pkg\.tar(\.[a-z0-9]+)?$`)

// cachedVersion is the version in NAME-VERSION-RELEASE-ARCH.pkg.tar.zst.
func cachedVersion(file, name string) (string, bool) {
	m := packageFile.FindStringSubmatch(file)
	if m == nil || m[1] != name {
		return "", false
	}
	return m[2], true
}

// Ending is that of configuration files that were changed on the node and outlived their package.
func (driver) Ending() string { return ".pacsave" }

// Owned looks into the packages in the cache.
func (driver) Owned(ctx context.Context, v host.View, names, files []string) (map[string][]string, error) {
	cached, err := cachedFiles(v)
	if err != nil {
		return nil, err
	}
	owned := map[string][]string{}
	for archive := range cached {
		m := packageFile.FindStringSubmatch(archive)
		if m == nil || !slices.Contains(names, m[1]) {
			continue
		}
		out, err := manager.Query(ctx, v, "pacman -Qlp "+archive, host.Cmd{Args: []string{"pacman", "-Qlpq", "--", path.Join(cache, archive)}, MaxOutput: maxOutput})
		if err != nil {
			return nil, err
		}
		there := strings.Split(string(out.Stdout), "\n")
		for _, file := range files {
			if slices.Contains(there, file) && !slices.Contains(owned[m[1]], file) {
				owned[m[1]] = append(owned[m[1]], file)
			}
		}
	}
	return owned, nil
}

func cachedFile(v host.View, t manager.Target) (string, error) {
	files, err := cachedFiles(v)
	if err != nil {
		return "", err
	}
	for f := range files {
		if ver, ok := cachedVersion(f, t.Name); ok && ver == t.Version {
			return path.Join(cache, f), nil
		}
	}
	return "", fmt.Errorf("%s %s: neither a repository nor %s has it", t.Name, t.Version, cache)
}
