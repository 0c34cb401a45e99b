package repo

import (
	"context"
	"path"
	"regexp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources/pkg/apt/sources"
)

// dropFetched removes what the provider has fetched from the repository, as it was and as it will be.
func (f format) dropFetched(ctx context.Context, h host.Host, r *Repo, e *entry) error {
	var names []string
	switch f.provider {
	case "apt":
		entries, err := aptEntries(h, f, r, e)
		if err != nil {
			return err
		}
		if names, err = sources.ListFiles(h, entries); err != nil {
			return err
		}
	case "zypper":
		names = []string{"/var/cache/zypp/raw/" + r.Name, "/var/cache/zypp/solv/" + r.Name}
	case "pacman":
		names = []string{"/var/lib/pacman/sync/" + r.Name + ".db", "/var/lib/pacman/sync/" + r.Name + ".db.sig"}
	default:
		var err error
		if names, err = dnfCaches(h, r.Name); err != nil {
			return err
		}
	}
	for _, name := range names {
		st, err := h.Lstat(name)
		if err != nil {
			return err
		}
		if st.Kind == host.Absent {
			continue
		}
		if err := h.Remove(ctx, name, true); err != nil {
			return err
		}
	}
	return nil
}

// aptEntries are the entries of the paragraph before and after the change, and those of a one-line file that it replaces.
func aptEntries(h host.Host, f format, r *Repo, e *entry) ([]sources.Entry, error) {
	entries := sources.Entries(e.sec.(debSection).Stanza)
	if r.Ensure == present {
		edited, err := f.open(h, r)
		if err != nil {
			return nil, err
		}
		r.edit(f, edited)
		entries = append(entries, sources.Entries(edited.sec.(debSection).Stanza)...)
	}
	if e.legacy != "" {
		text, err := host.ReadFile(h, e.legacy)
		if err != nil {
			return nil, err
		}
		entries = append(entries, sources.ParseList(text)...)
	}
	return entries, nil
}

// dnfCaches are the folders and files of a repository below dnf's caches: its name, a dash and a hash of where it is.
func dnfCaches(h host.Host, name string) ([]string, error) {
	cache := regexp.MustCompile(`^` + regexp.QuoteMeta(name) + `(-[0-9a-f]{16})?(-filenames|-updateinfo|-presto|-other)?(\.solvx?)?$`)
	var names []string
	for _, folder := range []string{"/var/cache/dnf", "/var/cache/libdnf5", "/var/cache/yum"} {
		st, err := h.Lstat(folder)
		if err != nil {
			return nil, err
		}
		if st.Kind != host.Directory {
			continue
		}
		for n, err := range h.ReadDir(folder) {
			if err != nil {
				return nil, err
			}
			if cache.MatchString(n) {
				names = append(names, path.Join(folder, n))
			}
		}
	}
	return names, nil
}
