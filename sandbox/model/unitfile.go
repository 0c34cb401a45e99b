package model

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/nodeapply/apply/host"
)

// The folders that systemctl writes to: for good, and until the node starts again.
const (
	config  = "/etc/systemd/system"
	runtime = "/run/systemd/system"
)

// folders are where unit files are looked for, those that count most first.
var folders = [...]string{config, runtime, "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"}

// null is what a link that masks a unit leads to.
const null = "/dev/null"

// definition is what the unit files of a host say of a unit, drop-ins included.
type definition struct {
	id       string // the unit that the name is an alias of, else the name
	file     string // "": there is none
	masked   bool
	linked   string              // the file elsewhere that the file is a link to
	settings map[string][]string // by section and key: "Install.WantedBy"
	sum      string              // of the files' names and contents; "" of none
}

// aliases bounds how many links lead from one unit to another.
const aliases = 8

// define reads the unit files.
func define(v host.FileReader, name string) (definition, error) {
	d := definition{id: name}
	for range aliases {
		alias, err := d.find(v)
		if err != nil {
			return d, err
		}
		if alias == "" {
			return d, d.read(v)
		}
		d.id = alias
	}
	return d, fmt.Errorf("%s: too many links lead to other units", name)
}

// find looks for the unit's file. If that is a link to another unit's file, the other's name is returned.
func (d *definition) find(v host.FileReader) (alias string, err error) {
	for _, name := range names(d.id) {
		for _, folder := range folders {
			file := path.Join(folder, name)
			st, err := v.Lstat(file)
			if err != nil {
				return "", err
			}
			switch st.Kind {
			case host.Regular:
				d.file, d.masked = file, st.Size == 0
				return "", nil
			case host.Symlink:
				target, err := v.Readlink(file)
				if err != nil {
					return "", err
				}
				if target == null {
					d.file, d.masked = file, true
					return "", nil
				}
				if !path.IsAbs(target) {
					target = path.Join(folder, target)
				}
				ours := slices.Contains(folders[:], path.Dir(target))
				if to := path.Base(target); ours && to != name && to != template(d.id) {
					return instance(to, d.id), nil
				}
				if _, st, err := host.Resolve(v, file); err != nil || st.Kind == host.Regular {
					if d.file = file; !ours {
						d.linked = target
					}
					return "", err
				}
			}
		}
	}
	return "", nil
}

// names are the names that the unit's file may have: its own and, of an instance, that of its template.
func names(unit string) []string {
	if t := template(unit); t != "" && t != unit {
		return []string{unit, t}
	}
	return []string{unit}
}

// template is the template of an instance ("a@b.service" of "a@.service"), "" of other units.
func template(unit string) string {
	prefix, _, ok := strings.Cut(unit, "@")
	if !ok {
		return ""
	}
	return prefix + "@" + path.Ext(unit)
}

// instance is the unit that a link leads to: of a template the instance that the link is of.
func instance(to, of string) string {
	if to != template(to) {
		return to
	}
	_, rest, _ := strings.Cut(of, "@")
	return strings.TrimSuffix(to, path.Ext(to)) + rest
}

// read reads the file and its drop-ins.
func (d *definition) read(v host.FileReader) error {
	if d.file == "" {
		return nil
	}
	d.settings = map[string][]string{}
	sum := sha256.New()
	if d.masked {
		fmt.Fprintln(sum, d.file)
	} else {
		dropIns, err := d.dropIns(v)
		if err != nil {
			return err
		}
		for _, file := range append([]string{d.file}, dropIns...) {
			if err := d.take(v, file, sum); err != nil {
				return err
			}
		}
	}
	d.sum = hex.EncodeToString(sum.Sum(nil))
	return nil
}

func (d *definition) take(v host.FileReader, file string, sum hash.Hash) error {
	content, err := host.ReadFile(v, file)
	if err != nil {
		return err
	}
	fmt.Fprintln(sum, file)
	_, _ = io.WriteString(sum, content) // which a hash never refuses
	parse(content, d.settings)
	return nil
}

// dropIns are the files that add to the unit's own, in the order in which they count.
func (d *definition) dropIns(v host.FileReader) ([]string, error) {
	found := map[string]string{}
	for _, folder := range folders {
		for _, name := range append(names(d.id), strings.TrimPrefix(path.Ext(d.id), ".")) {
			dir := path.Join(folder, name+".d")
			entries, err := list(v, dir)
			if err != nil {
				return nil, err
			}
			for _, e := range entries {
				if _, hidden := found[e]; !hidden && strings.HasSuffix(e, ".conf") {
					found[e] = path.Join(dir, e)
				}
			}
		}
	}
	var files []string
	for _, e := range sortedKeys(found) {
		files = append(files, found[e])
	}
	return files, nil
}

// list returns the names in a folder, none where there is no folder.
func list(v host.FileReader, folder string) ([]string, error) {
	_, st, err := host.Resolve(v, folder)
	if err != nil || st.Kind != host.Directory {
		return nil, err
	}
	var all []string
	for name, err := range v.ReadDir(folder) {
		if err != nil {
			return nil, err
		}
		all = append(all, name)
	}
	return all, nil
}

// parse adds the settings of a unit file, by section and key. A setting without a value empties the list, as systemd.syntax(7) says.
func parse(content string, settings map[string][]string) {
	section := ""
	for line := range strings.Lines(strings.ReplaceAll(content, "\\\n", " ")) {
		line = strings.TrimSpace(line)
		key, value, setting := strings.Cut(line, "=")
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
		case line[0] == '[':
			section = strings.Trim(line, "[]")
		case setting:
			key = section + "." + strings.TrimSpace(key)
			if value = strings.TrimSpace(value); value == "" {
				delete(settings, key)
			} else {
				settings[key] = append(settings[key], value)
			}
		}
	}
}

// words are the values of a setting that is a list.
func (d *definition) words(key string) []string {
	return strings.Fields(strings.Join(d.settings[key], " "))
}

// last is the value of a setting that is none.
func (d *definition) last(key string) string {
	if all := d.settings[key]; len(all) > 0 {
		return all[len(all)-1]
	}
	return ""
}

func (d *definition) yes(key string) bool {
	switch strings.ToLower(d.last(key)) {
	case "yes", "true", "on", "1", "y", "t":
		return true
	}
	return false
}

// kind is the Type= of a service, as it is where it is not set.
func (d *definition) kind() string {
	switch {
	case path.Ext(d.id) != ".service":
		return ""
	case d.last("Service.Type") != "":
		return d.last("Service.Type")
	case d.last("Service.BusName") != "":
		return "dbus"
	case d.last("Service.ExecStart") == "":
		return "oneshot"
	}
	return "simple"
}

// loadState is what systemd says of a file that it has read.
func (d *definition) loadState() string {
	has := func(key string) bool { return d.last("Service."+key) != "" }
	if path.Ext(d.id) == ".service" && !has("ExecStart") && !has("ExecStop") && d.last("Unit.SuccessAction") == "" {
		return "bad-setting"
	}
	return "loaded"
}

// mkdirs makes a folder and what is missing above it.
func mkdirs(ctx context.Context, h host.Host, folder string) error {
	_, st, err := host.Resolve(h, folder)
	if err != nil || st.Kind != host.Absent {
		return err
	}
	if err := mkdirs(ctx, h, path.Dir(folder)); err != nil {
		return err
	}
	mode := uint32(0o755)
	return h.Mkdir(ctx, folder, host.Meta{Mode: &mode})
}
