// Package sources reads which repositories apt has, in one-line files and in deb822 files, and which of them were never fetched.
//
// Whether a repository was fetched is read from the folder of apt's lists: whoever changes a repository removes its lists, so that nothing
// needs to be remembered and nothing is lost by a crash.
package sources

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources/repo/deb822"
)

// The folders and files of apt.
const (
	MainFile = "/etc/apt/sources.list"
	Parts    = "/etc/apt/sources.list.d"
	Lists    = "/var/lib/apt/lists"
)

// File is one file of sources.
type File struct {
	Name    string
	ModTime time.Time
	Entries []Entry
}

// Entry is one suite of one repository of binary packages.
type Entry struct{ URI, Suite string }

// Read returns all enabled entries of a node, by file, in apt's order.
func Read(v host.View) ([]File, error) {
	parts, err := host.ReadDir(v, Parts)
	if err != nil {
		return nil, err
	}
	names := []string{MainFile}
	for _, name := range parts {
		if ext := path.Ext(name); ext == ".list" || ext == ".sources" {
			names = append(names, path.Join(Parts, name))
		}
	}
	var files []File
	for _, name := range names {
		text, err := host.ReadFile(v, name)
		if err != nil {
			return nil, err
		}
		entries := ParseList(text)
		if path.Ext(name) == ".sources" {
			entries = parseSources(text)
		}
		if len(entries) == 0 {
			continue
		}
		_, st, err := host.Resolve(v, name)
		if err != nil {
			return nil, err
		}
		files = append(files, File{Name: name, ModTime: st.ModTime, Entries: entries})
	}
	return files, nil
}

// ParseList reads the one-line form: deb [options] URI SUITE COMPONENT...
func ParseList(text string) []Entry {
	var list []Entry
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		kind, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if kind != "deb" {
			continue
		}
		rest = strings.TrimSpace(rest)
		if strings.HasPrefix(rest, "[") {
			_, rest, _ = strings.Cut(rest, "]")
		}
		if f := strings.Fields(rest); len(f) >= 2 {
			list = append(list, Entry{f[0], f[1]})
		}
	}
	return list
}

func parseSources(text string) []Entry {
	var list []Entry
	for _, s := range deb822.Parse(text).Stanzas() {
		list = append(list, Entries(s)...)
	}
	return list
}

// Entries lists the enabled entries of binary packages of one deb822 paragraph.
func Entries(s *deb822.Stanza) []Entry {
	words := func(key string) []string {
		value, _ := s.Get(key)
		return strings.Fields(value)
	}
	if !slices.Contains(words("Types"), "deb") {
		return nil
	}
	if enabled, _ := s.Get("Enabled"); slices.Contains([]string{"no", "false", "0", "off", "without", "disable"}, strings.ToLower(strings.TrimSpace(enabled))) {
		return nil
	}
	var list []Entry
	for _, uri := range words("URIs") {
		for _, suite := range words("Suites") {
			list = append(list, Entry{uri, suite})
		}
	}
	return list
}

// listPrefix is what the names of all lists of e start with, in the folder [Lists]. It is apt's URItoFileName.
func (e Entry) listPrefix() string {
	uri := strings.TrimSuffix(e.URI, "/") + "/"
	if e.Suite != "/" {
		if strings.HasSuffix(e.Suite, "/") {
			uri += e.Suite
		} else {
			uri += "dists/" + e.Suite + "/"
		}
	}
	_, rest, ok := strings.Cut(uri, ":")
	if !ok {
		rest = uri
	}
	if after, found := strings.CutPrefix(rest, "//"); found {
		rest = after
		if authority, _, _ := strings.Cut(rest, "/"); strings.Contains(authority, "@") {
			rest = rest[strings.LastIndexByte(authority, '@')+1:]
		}
	}
	var b strings.Builder
	for i := range len(rest) {
		switch c := rest[i]; {
		case c == '/':
			b.WriteByte('_')
		case c <= ' ' || c >= 0x7f || strings.IndexByte("\\|{}[]<>\"^~_=!@#$%^&*", c) >= 0:
			fmt.Fprintf(&b, "%%%02x", c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// ListFiles returns the names of the lists of the entries.
func ListFiles(v host.View, entries []Entry) ([]string, error) {
	all, err := host.ReadDir(v, Lists)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, name := range all {
		if slices.ContainsFunc(entries, func(e Entry) bool { return strings.HasPrefix(name, e.listPrefix()) }) {
			names = append(names, path.Join(Lists, name))
		}
	}
	return names, nil
}

// Unfetched returns the files with an entry of which there is no list at all.
func Unfetched(v host.View, files []File) ([]File, error) {
	all, err := host.ReadDir(v, Lists)
	if err != nil {
		return nil, err
	}
	var list []File
	for _, f := range files {
		missing := func(e Entry) bool {
			return !strings.HasPrefix(e.URI, "cdrom:") &&
				!slices.ContainsFunc(all, func(name string) bool { return strings.HasPrefix(name, e.listPrefix()) })
		}
		if slices.ContainsFunc(f.Entries, missing) {
			list = append(list, f)
		}
	}
	return list, nil
}
