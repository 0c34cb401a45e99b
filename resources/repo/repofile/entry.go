package repofile

import (
	"iter"
	"path"
	"slices"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources/repo/deb822"
	"github.com/nodeapply/apply/resources/repo/ini"
)

// Entry is a repository as a node has it, or the place where it is to be.
type Entry struct {
	File   string
	There  bool   // the section is in the file
	Exists bool   // the file is there
	Legacy string // apt: the one-line file of the same name
	Twice  bool   // dnf, yum, zypper: the file has another section of that name

	name   string
	format Format
	section
	text func() string // the file's text as edited
	drop func() (others int)
}

// section is one repository in its file.
type section interface {
	get(key string) (values []string, ok bool)
	set(key string, values []string)
	remove(key string)
}

// Get returns the value of an attribute in the form in which values are compared.
func (e *Entry) Get(attr string) (value string, ok bool) {
	k := e.format.keys[attr]
	have, ok := e.get(k.name)
	if !ok {
		return "", false
	}
	return k.normal(have), true
}

// Attribute returns the value of an attribute as a manifest has it; what a manifest cannot have (a text of several lines) is not ok.
func (e *Entry) Attribute(attr string) (value string, ok bool) {
	value, ok = e.Get(attr)
	switch e.format.keys[attr].kind {
	case scalar:
		ok = ok && !strings.Contains(value, "\n")
	case siglevel:
		value = map[string]string{"Required DatabaseOptional": "true", "Never": "false"}[value]
	case boolean:
		value = map[string]string{"0": "false", "1": "true"}[value]
	}
	return value, ok
}

// Set gives an attribute declared values, unless it has them already in other words.
func (e *Entry) Set(attr string, values []string) {
	k := e.format.keys[attr]
	want := e.format.written(k, values)
	if have, ok := e.get(k.name); !ok || k.normal(have) != k.normal(want) {
		e.set(k.name, want)
	}
}

// Remove takes out the key of an attribute.
func (e *Entry) Remove(attr string) { e.remove(e.format.keys[attr].name) }

// String is the file's text as edited.
func (e *Entry) String() string { return e.text() }

// Drop takes the section out and returns the text that is left; last says that the file is to go with it.
func (e *Entry) Drop() (text string, last bool) {
	others := e.drop()
	return e.text(), others == 0 && e.File != e.format.main
}

// Open finds the repository of that name; target is where a new one is to be, see [Format.Path].
func (f Format) Open(v host.View, name, target string) (*Entry, error) {
	if f.Provider == "apt" {
		return f.openApt(v, name)
	}
	own := f.Path(name, target)
	for file, err := range f.read(v, own) {
		if err != nil {
			return nil, err
		}
		if doc := ini.Parse(f.style(), file.text); doc.Section(name) != nil {
			return f.iniEntry(file.name, doc, name, true), nil
		}
	}
	text, err := host.ReadFile(v, own)
	if err != nil {
		return nil, err
	}
	st, err := v.Lstat(own)
	if err != nil {
		return nil, err
	}
	return f.iniEntry(own, ini.Parse(f.style(), text), name, st.Kind != host.Absent), nil
}

// Names lists the repositories of the node that have a name.
func (f Format) Names(v host.View) ([]string, error) {
	var names []string
	add := func(of []string) {
		for _, name := range of {
			if name != "" && name != "options" && !slices.Contains(names, name) { // options are pacman's own
				names = append(names, name)
			}
		}
	}
	for file, err := range f.read(v, f.main) {
		if err != nil {
			return nil, err
		}
		if f.Provider == "apt" {
			add(f.names(file.name, deb822.Parse(file.text).Stanzas()))
			continue
		}
		add(ini.Parse(f.style(), file.text).Names())
	}
	return names, nil
}

func (f Format) style() ini.Style {
	if f.main != "" {
		return ini.Pacman
	}
	return ini.Yum
}

// content is a file as it is read; one that is not there has no text.
type content struct{ name, text string }

// read reads the files in which a section may be, see files, one after the other.
func (f Format) read(v host.View, own string) iter.Seq2[content, error] {
	return func(yield func(content, error) bool) {
		files, err := f.files(v, own)
		if err != nil {
			yield(content{}, err)
			return
		}
		for _, name := range files {
			text, err := host.ReadFile(v, name)
			if !yield(content{name, text}, err) || err != nil {
				return
			}
		}
	}
}

// files lists where a section may be: own, the file of a new one ("": none), first.
func (f Format) files(v host.View, own string) ([]string, error) {
	var files []string
	if own != "" {
		files = append(files, own)
	}
	if f.main != "" {
		text, err := host.ReadFile(v, f.main)
		if err != nil {
			return nil, err
		}
		files = append(files, f.main)
		doc := ini.Parse(ini.Pacman, text)
		for _, section := range append(doc.Names(), "") {
			if s := doc.Section(section); s != nil {
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
	names, err := host.ReadDir(v, folder)
	var files []string
	for _, name := range names {
		if path.Ext(name) == ext {
			files = append(files, path.Join(folder, name))
		}
	}
	return files, err
}

type iniSection struct{ *ini.Section }

func (s iniSection) get(key string) ([]string, bool) { return s.Get(key) }
func (s iniSection) set(key string, values []string) { s.Set(key, values) }
func (s iniSection) remove(key string)               { s.Delete(key) }

func (f Format) iniEntry(file string, doc *ini.File, name string, exists bool) *Entry {
	s := doc.Section(name)
	there := s != nil
	if !there {
		s = doc.Add(name)
	}
	return &Entry{
		File: file, There: there, Exists: exists, name: name, format: f, section: iniSection{s}, text: doc.String,
		Twice: f.style() == ini.Yum && len(slices.DeleteFunc(doc.Names(), func(n string) bool { return n != name })) > 1,
		drop:  func() int { doc.Remove(s); return len(doc.Names()) },
	}
}

// repolibID marks a paragraph of a file of another name.
const repolibID = "X-Repolib-ID"

// names are those of the paragraphs of apt's file: their X-Repolib-ID, the file's own for the first without one, "" for others.
func (f Format) names(file string, stanzas []*deb822.Stanza) []string {
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
func (f Format) openApt(v host.View, name string) (*Entry, error) {
	legacy := path.Join(f.folders[0], name+".list")
	st, err := v.Lstat(legacy)
	if err != nil {
		return nil, err
	}
	if st.Kind == host.Absent {
		legacy = ""
	}
	own := f.Path(name, "")
	for file, err := range f.read(v, own) {
		if err != nil {
			return nil, err
		}
		doc := deb822.Parse(file.text)
		stanzas := doc.Stanzas()
		if i := slices.Index(f.names(file.name, stanzas), name); i >= 0 {
			return f.debEntry(file.name, doc, stanzas[i], name, legacy), nil
		}
	}
	text, err := host.ReadFile(v, own)
	if err != nil {
		return nil, err
	}
	e := f.debEntry(own, deb822.Parse(text), nil, name, legacy)
	e.Exists = text != ""
	return e, nil
}

type debSection struct{ *deb822.Stanza }

func (s debSection) get(key string) ([]string, bool) {
	value, ok := s.Get(key)
	return strings.Split(value, "\n"), ok
}
func (s debSection) set(key string, values []string) { s.Set(key, strings.Join(values, " ")) }
func (s debSection) remove(key string)               { s.Delete(key) }

func (f Format) debEntry(file string, doc *deb822.Document, s *deb822.Stanza, name, legacy string) *Entry {
	there := s != nil
	if !there {
		s = doc.Add()
	}
	return &Entry{
		File: file, There: there, Exists: there, Legacy: legacy, name: name, format: f, section: debSection{s}, text: doc.String,
		drop: func() int { doc.Remove(s); return len(doc.Stanzas()) },
	}
}
