// Package repofile finds and edits what package managers' own files say of repositories: where these files are, which key an attribute has there,
// and in which words its values may stand.
//
// Attributes have the names of the resource type repo. All that is not edited keeps its bytes.
package repofile

import (
	"path"
	"slices"
	"strings"
)

// kind is how the values of a key are compared and written.
type kind uint8

const (
	scalar  kind = iota
	boolean      // 1, true, yes are one value
	words        // a list, written on one line
	lines        // a list, written one a line
	armour       // a path, or a key of many lines
	siglevel
)

// key is the key of an attribute in a provider's files.
type key struct {
	name string
	kind kind
}

// Format is how a package manager writes repositories.
type Format struct {
	Provider string
	keys     map[string]key // by attribute
	folders  []string       // where sections are looked for; the first is that of new files
	ext      string
	main     string    // the one file of all repositories
	words    [2]string // false and true
}

var aptKeys = map[string]key{
	"descr": {"X-Repolib-Name", scalar}, "enabled": {"Enabled", boolean}, "types": {"Types", words}, "uris": {"URIs", words}, "baseurl": {"URIs", words},
	"suites": {"Suites", words}, "components": {"Components", words}, "architectures": {"Architectures", words}, "signed_by": {"Signed-By", armour},
	"trusted": {"Trusted", boolean}, "check_valid_until": {"Check-Valid-Until", boolean},
}

var zypperKeys = map[string]key{
	"descr": {"name", scalar}, "enabled": {"enabled", boolean}, "baseurl": {"baseurl", lines}, "mirrorlist": {"mirrorlist", scalar},
	"metalink": {"metalink", scalar}, "gpgcheck": {"gpgcheck", boolean}, "repo_gpgcheck": {"repo_gpgcheck", boolean}, "gpgkey": {"gpgkey", lines},
	"priority": {"priority", scalar}, "exclude": {"exclude", words}, "includepkgs": {"includepkgs", words}, "cost": {"cost", scalar},
	"metadata_expire": {"metadata_expire", scalar}, "module_hotfixes": {"module_hotfixes", boolean}, "proxy": {"proxy", scalar},
	"proxy_username": {"proxy_username", scalar}, "proxy_password": {"proxy_password", scalar}, "username": {"username", scalar},
	"password": {"password", scalar}, "sslverify": {"sslverify", boolean}, "sslcacert": {"sslcacert", scalar}, "sslclientcert": {"sslclientcert", scalar},
	"sslclientkey": {"sslclientkey", scalar}, "skip_if_unavailable": {"skip_if_unavailable", boolean},
}

var pacmanKeys = map[string]key{
	"baseurl": {"Server", lines}, "mirrorlist": {"Include", scalar}, "gpgcheck": {"SigLevel", siglevel},
}

// Of returns the format of a package manager: apt, dnf, yum, zypper or pacman.
func Of(provider string) Format {
	switch provider {
	case "apt":
		return Format{Provider: provider, keys: aptKeys, folders: []string{"/etc/apt/sources.list.d"}, ext: ".sources", words: [2]string{"no", "yes"}}
	case "zypper":
		return Format{Provider: provider, keys: zypperKeys, folders: []string{"/etc/zypp/repos.d"}, ext: ".repo", words: [2]string{"0", "1"}}
	case "pacman":
		return Format{Provider: provider, keys: pacmanKeys, main: "/etc/pacman.conf"}
	}
	return Format{Provider: provider, keys: zypperKeys,
		folders: []string{"/etc/yum.repos.d", "/etc/yum/repos.d", "/etc/distro.repos.d"}, ext: ".repo", words: [2]string{"0", "1"}}
}

// Path is the file of a new section: target, an absolute path or a name in the folder of such files; "": what the manager itself would call it.
func (f Format) Path(name, target string) string {
	switch {
	case path.IsAbs(target):
		return target
	case target != "" && f.main != "":
		return path.Join(path.Dir(f.main), target)
	case target != "":
		return path.Join(f.folders[0], target)
	case f.main != "":
		return f.main
	}
	return path.Join(f.folders[0], name+f.ext)
}

// Ending is what the names of files end in that the manager reads, "" where it reads any.
func (f Format) Ending() string { return f.ext }

// Settings is the section of the manager's own settings, "" where its files have none.
func (f Format) Settings() string {
	switch f.Provider {
	case "apt":
		return ""
	case "pacman":
		return "options"
	}
	return "main"
}

// Has says whether there is a key for the attribute.
func (f Format) Has(attr string) bool {
	_, ok := f.keys[attr]
	return ok
}

// Normal is the form in which the declared values of an attribute are compared with [Entry.Get].
func (f Format) Normal(attr string, values []string) string {
	k := f.keys[attr]
	return k.normal(f.written(k, values))
}

// word is "0" or "1" for the forms of a boolean, "" for anything else.
func word(s string) string {
	switch strings.ToLower(s) {
	case "1", "true", "yes", "on", "enabled":
		return "1"
	case "0", "false", "no", "off", "disabled":
		return "0"
	}
	return ""
}

// normal is the form in which values are compared.
func (k key) normal(values []string) string {
	text := strings.Join(values, "\n")
	switch k.kind {
	case boolean:
		if w := word(strings.TrimSpace(text)); w != "" {
			return w
		}
	case words, lines:
		return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' }), " ")
	case armour:
		return strings.Join(armourLines(text), "\n")
	case siglevel:
		return strings.Join(strings.Fields(text), " ")
	}
	return strings.TrimSpace(text)
}

// armourLines are the lines without indentation, and without blank ones at both ends.
func armourLines(text string) []string {
	list := strings.Split(strings.TrimSpace(text), "\n")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list
}

// written is the form in which declared values stand in the file.
func (f Format) written(k key, values []string) []string {
	switch k.kind {
	case boolean:
		if w := word(values[0]); w != "" {
			return []string{f.words[w[0]-'0']}
		}
	case words:
		return []string{strings.Join(values, " ")}
	case lines:
		return slices.Clone(values)
	case armour:
		return []string{strings.Join(armourLines(values[0]), "\n")}
	case siglevel:
		return []string{map[string]string{"1": "Required DatabaseOptional", "0": "Never"}[word(values[0])]}
	}
	return []string{strings.TrimSpace(values[0])}
}
