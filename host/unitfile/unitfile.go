// Package unitfile reads unit files of systemd below a host, also such as a manifest declares, and makes and removes the links by which systemctl enables
// and masks them.
package unitfile

import (
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

// Unit is what the unit files of a host say of a unit, drop-ins included.
type Unit struct {
	ID     string // the unit that the name is an alias of, else the name
	File   string // "": there is none
	Masked bool
	Sum    string // of the files' names and contents; "" of none

	linked   string              // the file elsewhere that the file is a link to
	settings map[string][]string // by section and key: "Install.WantedBy"
}

// aliases bounds how many links lead from one unit to another.
const aliases = 8

// Read reads the unit files.
func Read(v host.FileReader, name string) (Unit, error) {
	u := Unit{ID: name}
	for range aliases {
		alias, err := u.find(v)
		if err != nil {
			return u, err
		}
		if alias == "" {
			return u, u.read(v)
		}
		u.ID = alias
	}
	return u, fmt.Errorf("%s: too many links lead to other units", name)
}

// find looks for the unit's file. If that is a link to another unit's file, the other's name is returned.
func (u *Unit) find(v host.FileReader) (alias string, err error) {
	for _, name := range names(u.ID) {
		for _, folder := range folders {
			alias, found, err := u.at(v, path.Join(folder, name))
			if found || err != nil {
				return alias, err
			}
		}
	}
	return "", nil
}

// at says whether the unit is found at the name file: that is its file, or a link to another unit, of which it is an alias.
func (u *Unit) at(v host.FileReader, file string) (alias string, found bool, err error) {
	st, err := v.Lstat(file)
	switch {
	case err != nil:
		return "", false, err
	case st.Kind == host.Regular:
		u.File, u.Masked = file, st.Size == 0
		return "", true, nil
	case st.Kind != host.Symlink:
		return "", false, nil
	}
	target, err := v.Readlink(file)
	switch {
	case err != nil:
		return "", false, err
	case target == null:
		u.File, u.Masked = file, true
		return "", true, nil
	case !path.IsAbs(target):
		target = path.Join(path.Dir(file), target)
	}
	ours := slices.Contains(folders[:], path.Dir(target))
	if to := path.Base(target); ours && to != path.Base(file) && to != template(u.ID) {
		return instance(to, u.ID), true, nil
	}
	_, st, err = host.Resolve(v, file)
	if err != nil || st.Kind != host.Regular {
		return "", false, err
	}
	if u.File = file; !ours {
		u.linked = target
	}
	return "", true, nil
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
func (u *Unit) read(v host.FileReader) error {
	if u.File == "" {
		return nil
	}
	u.settings = map[string][]string{}
	sum := sha256.New()
	if u.Masked {
		fmt.Fprintln(sum, u.File)
	} else {
		dropIns, err := u.dropIns(v)
		if err != nil {
			return err
		}
		for _, file := range append([]string{u.File}, dropIns...) {
			if err := u.take(v, file, sum); err != nil {
				return err
			}
		}
	}
	u.Sum = hex.EncodeToString(sum.Sum(nil))
	return nil
}

func (u *Unit) take(v host.FileReader, file string, sum hash.Hash) error {
	content, err := host.ReadFile(v, file)
	if err != nil {
		return err
	}
	fmt.Fprintln(sum, file)
	_, _ = io.WriteString(sum, content) // which a hash never refuses
	parse(content, u.settings)
	return nil
}

// dropIns are the files that add to the unit's own, in the order in which they count.
func (u *Unit) dropIns(v host.FileReader) ([]string, error) {
	found := map[string]string{}
	for _, name := range append(names(u.ID), strings.TrimPrefix(path.Ext(u.ID), ".")) {
		for _, folder := range folders {
			dir := path.Join(folder, name+".d")
			entries, err := host.ReadDir(v, dir)
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
func (u *Unit) words(key string) []string {
	return strings.Fields(strings.Join(u.settings[key], " "))
}

// last is the value of a setting that is none.
func (u *Unit) last(key string) string {
	if all := u.settings[key]; len(all) > 0 {
		return all[len(all)-1]
	}
	return ""
}

// Type is the Type= of a service, as it is where it is not set.
func (u *Unit) Type() string {
	switch {
	case path.Ext(u.ID) != ".service":
		return ""
	case u.last("Service.Type") != "":
		return u.last("Service.Type")
	case u.last("Service.BusName") != "":
		return "dbus"
	case u.last("Service.ExecStart") == "":
		return "oneshot"
	}
	return "simple"
}

// LoadState is what systemd says of a file that it has read.
func (u *Unit) LoadState() string {
	has := func(key string) bool { return u.last("Service."+key) != "" }
	if path.Ext(u.ID) == ".service" && !has("ExecStart") && !has("ExecStop") && u.last("Unit.SuccessAction") == "" {
		return "bad-setting"
	}
	return "loaded"
}

// Remains says that a oneshot that has ended counts as active.
func (u *Unit) Remains() bool {
	return slices.Contains([]string{"yes", "true", "on", "1", "y", "t"}, strings.ToLower(u.last("Service.RemainAfterExit")))
}

// Reloads says that the unit can be reloaded.
func (u *Unit) Reloads() bool {
	return u.last("Service.ExecReload") != "" || u.last("Service.Type") == "notify-reload"
}
