package repofile

import (
	"path"
	"regexp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources/pkg/apt/sources"
)

// Fetched lists files and folders, which need not be there, of what the package manager has fetched from the repository, or would fetch to by the
// section as it is edited now.
func (e *Entry) Fetched(v host.View) ([]string, error) {
	switch e.format.Provider {
	case "apt":
		entries := sources.Entries(e.section.(debSection).Stanza)
		if e.Legacy != "" {
			text, err := host.ReadFile(v, e.Legacy)
			if err != nil {
				return nil, err
			}
			entries = append(entries, sources.ParseList(text)...)
		}
		return sources.ListFiles(v, entries)
	case "zypper":
		return []string{"/var/cache/zypp/raw/" + e.name, "/var/cache/zypp/solv/" + e.name}, nil
	case "pacman":
		return []string{"/var/lib/pacman/sync/" + e.name + ".db", "/var/lib/pacman/sync/" + e.name + ".db.sig"}, nil
	}
	return dnfCaches(v, e.name)
}

// dnfCaches are the folders and files of a repository below dnf's caches: its name, a dash and a hash of where it is.
func dnfCaches(v host.View, name string) ([]string, error) {
	cache := regexp.MustCompile(`^` + regexp.QuoteMeta(name) + `(-[0-9a-f]{16})?(-filenames|-updateinfo|-presto|-other)?(\.solvx?)?$`)
	var names []string
	for _, folder := range []string{"/var/cache/dnf", "/var/cache/libdnf5", "/var/cache/yum"} {
		all, err := host.ReadDir(v, folder)
		if err != nil {
			return nil, err
		}
		for _, n := range all {
			if cache.MatchString(n) {
				names = append(names, path.Join(folder, n))
			}
		}
	}
	return names, nil
}
