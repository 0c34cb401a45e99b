package repo

import (
	"path"
	"slices"
	"strings"

	"github.com/nodeapply/apply/resources"
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

// format is how a provider writes repositories.
type format struct {
	provider string
	keys     map[string]key
	folder   string   // of new files
	folders  []string // where sections are looked for
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

// formatOf returns the format of one of providers.
func formatOf(provider string) format {
	switch provider {
	case "apt":
		return format{provider: provider, keys: aptKeys, folder: "/etc/apt/sources.list.d", ext: ".sources", words: [2]string{"no", "yes"}}
	case "zypper":
		return format{provider: provider, keys: zypperKeys, folder: "/etc/zypp/repos.d", folders: []string{"/etc/zypp/repos.d"}, ext: ".repo", words: [2]string{"0", "1"}}
	case "pacman":
		return format{provider: provider, keys: pacmanKeys, main: "/etc/pacman.conf"}
	}
	return format{provider: provider, keys: zypperKeys, folder: "/etc/yum.repos.d",
		folders: []string{"/etc/yum.repos.d", "/etc/yum/repos.d", "/etc/distro.repos.d"}, ext: ".repo", words: [2]string{"0", "1"}}
}

// fileOf is the file of a new section.
func (f format) fileOf(r *Repo) string {
	switch {
	case path.IsAbs(r.Target):
		return r.Target
	case r.Target != "" && f.folder != "":
		return path.Join(f.folder, r.Target)
	case r.Target != "":
		return path.Join(path.Dir(f.main), r.Target)
	case f.main != "":
		return f.main
	}
	return path.Join(f.folder, r.Name+f.ext)
}

// declaredAttr is an attribute that the manifest sets.
type declaredAttr struct {
	attr   string
	values []string
}

// booleans are the attributes that are booleans with every provider.
var booleans = map[string]bool{
	"enabled": true, "gpgcheck": true, "repo_gpgcheck": true, "module_hotfixes": true, "sslverify": true, "skip_if_unavailable": true,
	"trusted": true, "check_valid_until": true,
}

// attrs points to the attributes that become keys, in the order in which a new section has them.
func (r *Repo) attrs() []struct {
	name  string
	value any // *resources.Scalar or *resources.Strings
} {
	return []struct {
		name  string
		value any
	}{
		{"descr", &r.Descr}, {"enabled", &r.Enabled}, {"types", &r.Types}, {"uris", &r.Uris}, {"baseurl", &r.Baseurl}, {"suites", &r.Suites},
		{"components", &r.Components}, {"architectures", &r.Architectures}, {"signed_by", &r.SignedBy}, {"trusted", &r.Trusted},
		{"check_valid_until", &r.CheckValidUntil}, {"mirrorlist", &r.Mirrorlist}, {"metalink", &r.Metalink}, {"gpgcheck", &r.Gpgcheck},
		{"repo_gpgcheck", &r.RepoGpgcheck}, {"gpgkey", &r.Gpgkey}, {"priority", &r.Priority}, {"exclude", &r.Exclude},
		{"includepkgs", &r.Includepkgs}, {"cost", &r.Cost}, {"metadata_expire", &r.MetadataExpire}, {"module_hotfixes", &r.ModuleHotfixes},
		{"proxy", &r.Proxy}, {"proxy_username", &r.ProxyUsername}, {"proxy_password", &r.ProxyPassword}, {"username", &r.Username},
		{"password", &r.Password}, {"sslverify", &r.Sslverify}, {"sslcacert", &r.Sslcacert}, {"sslclientcert", &r.Sslclientcert},
		{"sslclientkey", &r.Sslclientkey}, {"skip_if_unavailable", &r.SkipIfUnavailable},
	}
}

// declared lists what is set.
func (r *Repo) declared() []declaredAttr {
	var list []declaredAttr
	for _, a := range r.attrs() {
		switch v := a.value.(type) {
		case *resources.Scalar:
			if *v != "" {
				list = append(list, declaredAttr{a.name, []string{string(*v)}})
			}
		case *resources.Strings:
			if len(*v) > 0 {
				list = append(list, declaredAttr{a.name, *v})
			}
		}
	}
	return list
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
func (f format) written(k key, values []string) []string {
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
