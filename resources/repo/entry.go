package repo

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources/repo/deb822"
	"github.com/nodeapply/apply/resources/repo/ini"
)

// section is one repository in its file.
type section interface {
	get(k key) (values []string, ok bool)
	set(k key, values []string)
	remove(k key)
}

// entry is a repository as a node has it, or the place where it is to be.
type entry struct {
	file   string
	there  bool // the section is in the file
	exists bool // the file is there
	sec    section
	text   func() string                   // the file's text as edited
	drop   func() (text string, last bool) // the file without the section; last: no other section is left
	legacy string                          // apt: the one-line file of the same name
}

// open finds the repository.
func (f format) open(v host.View, r *Repo) (*entry, error) {
	if f.provider == "apt" {
		return f.openApt(v, r)
	}
	style := ini.Yum
	if f.main != "" {
		style = ini.Pacman
	}
	files, err := f.files(v, r)
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		text, err := host.ReadFile(v, name)
		if err != nil {
			return nil, err
		}
		if file := ini.Parse(style, text); file.Section(r.Name) != nil {
			return iniEntry(name, file, r.Name, true), nil
		}
	}
	name := f.fileOf(r)
	text, err := host.ReadFile(v, name)
	if err != nil {
		return nil, err
	}
	st, err := v.Lstat(name)
	if err != nil {
		return nil, err
	}
	return iniEntry(name, ini.Parse(style, text), r.Name, st.Kind != host.Absent), nil
}

// files lists where the section may be: the file of a new one first.
func (f format) files(v host.View, r *Repo) ([]string, error) {
	files := []string{f.fileOf(r)}
	if f.main != "" {
		text, err := host.ReadFile(v, f.main)
		if err != nil {
			return nil, err
		}
		files = append(files, f.main)
		for _, section := range append(ini.Parse(ini.Pacman, text).Names(), "") {
			if s := ini.Parse(ini.Pacman, text).Section(section); s != nil {
				includes, _ := s.Get("Include")
				files = append(files, includes...)
			}
		}
		return slices.DeleteFunc(files, func(name string) bool { return strings.ContainsAny(name, "*?[") || !path.IsAbs(name) }), nil
	}
	for _, folder := range f.folders {
		names, err := readDir(v, folder, f.ext)
		if err != nil {
			return nil, err
		}
		files = append(files, names...)
	}
	return files, nil
}

// readDir lists the files of a folder that end in ext; none where there is no folder.
func readDir(v host.View, folder, ext string) ([]string, error) {
	st, err := v.Lstat(folder)
	if err != nil || st.Kind != host.Directory {
		return nil, err
	}
	var files []string
	for name, err := range v.ReadDir(folder) {
		if err != nil {
			return nil, fmt.Errorf("%s: %w", folder, err)
		}
		if path.Ext(name) == ext {
			files = append(files, path.Join(folder, name))
		}
	}
	return files, nil
}

type iniSection struct{ *ini.Section }

func (s iniSection) get(k key) ([]string, bool) { return s.Get(k.name) }
func (s iniSection) set(k key, values []string) { s.Set(k.name, values) }
func (s iniSection) remove(k key)               { s.Delete(k.name) }

func iniEntry(name string, file *ini.File, title string, exists bool) *entry {
	e := &entry{file: name, exists: exists, text: file.String}
	s := file.Section(title)
	e.there = s != nil
	if s == nil {
		s = file.Add(title)
	}
	e.sec = iniSection{s}
	e.drop = func() (string, bool) {
		file.Remove(s)
		return file.String(), len(file.Names()) == 0
	}
	return e
}

// repolibID marks a paragraph of a file of another name.
const repolibID = "X-Repolib-ID"

// names are those of the paragraphs of apt's file: their X-Repolib-ID, the file's own for the first without one, "" for others.
func (f format) names(file string, stanzas []*deb822.Stanza) []string {
	names := make([]string, len(stanzas))
	for i, s := range stanzas {
		names[i], _ = s.Get(repolibID)
	}
	if i := slices.Index(names, ""); i >= 0 {
		names[i] = strings.TrimSuffix(path.Base(file), f.ext)
	}
	return names
}

// openApt finds the paragraph of that name: in NAME.sources, else in another file.
func (f format) openApt(v host.View, r *Repo) (*entry, error) {
	files, err := readDir(v, f.folder, f.ext)
	if err != nil {
		return nil, err
	}
	legacy := path.Join(f.folder, r.Name+".list")
	st, err := v.Lstat(legacy)
	if err != nil {
		return nil, err
	}
	if st.Kind == host.Absent {
		legacy = ""
	}
	own := f.fileOf(r)
	for _, name := range append([]string{own}, files...) {
		text, err := host.ReadFile(v, name)
		if err != nil {
			return nil, err
		}
		doc := deb822.Parse(text)
		stanzas := doc.Stanzas()
		if i := slices.Index(f.names(name, stanzas), r.Name); i >= 0 {
			return debEntry(name, doc, stanzas[i], true, legacy), nil
		}
	}
	text, err := host.ReadFile(v, own)
	if err != nil {
		return nil, err
	}
	e := debEntry(own, deb822.Parse(text), nil, text != "", legacy)
	return e, nil
}

type debSection struct{ *deb822.Stanza }

func (s debSection) get(k key) ([]string, bool) {
	value, ok := s.Get(k.name)
	return strings.Split(value, "\n"), ok
}
func (s debSection) set(k key, values []string) { s.Set(k.name, strings.Join(values, " ")) }
func (s debSection) remove(k key)               { s.Delete(k.name) }

func debEntry(name string, doc *deb822.Document, s *deb822.Stanza, exists bool, legacy string) *entry {
	e := &entry{file: name, there: s != nil, exists: exists, text: doc.String, legacy: legacy}
	if s == nil {
		s = doc.Add()
	}
	e.sec = debSection{s}
	e.drop = func() (string, bool) {
		doc.Remove(s)
		return doc.String(), len(doc.Stanzas()) == 0
	}
	return e
}
