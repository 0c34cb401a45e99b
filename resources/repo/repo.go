// Package repo is the resource type repo: where a node's package manager gets packages from, as a section of the manager's own files.
//
// A repository is known by its name: a section of a .repo file or of pacman.conf, or apt's NAME.sources. All else in those files is
// kept byte for byte. When a repository changes, what was fetched from it is dropped, so that the package type (or the manager itself)
// fetches it again before it is next needed; nothing has to be remembered between the two.
package repo

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/pkg/manager"
	"github.com/nodeapply/apply/resources/repo/preferences"
	"github.com/nodeapply/apply/resources/repo/repofile"
)

// Repo is a repository that packages come from. Every attribute but `name`, `ensure`, `provider` and `target` may be "absent": its key is removed. Attributes
// that are not set are not managed. Booleans may be written in any of the forms that the files know (`1`, `true`, `yes`).
type Repo struct {
	// The repository's name: its section, or the name of apt's file.
	Name string `hcl:"name,title,public"`
	// `present` (default) or `absent`.
	Ensure string `hcl:"ensure,public"`
	// `apt`, `dnf`, `yum`, `zypper`, `pacman`; default: the one of the node's distribution.
	Provider string `hcl:"provider,public"`
	// A description for people. apt: X-Repolib-Name; not for pacman.
	Descr resources.Scalar `hcl:"descr"`
	// Whether packages are taken from it. Not for pacman, which knows no disabled repositories.
	Enabled resources.Scalar `hcl:"enabled"`

	// The repository's URLs: one or a list. apt: the same as `uris`; pacman: Server.
	Baseurl resources.Strings `hcl:"baseurl"`
	// The URL of a list of mirrors; pacman: the file to Include.
	Mirrorlist resources.Scalar `hcl:"mirrorlist"`
	// The URL of a metalink file. dnf, yum.
	Metalink resources.Scalar `hcl:"metalink"`
	// Whether signatures of packages are checked. dnf, yum, zypper; pacman: SigLevel `Required DatabaseOptional` or `Never`.
	Gpgcheck resources.Scalar `hcl:"gpgcheck"`
	// Whether the signature of the metadata is checked. dnf, yum, zypper.
	RepoGpgcheck resources.Scalar `hcl:"repo_gpgcheck"`
	// URLs of the keys. dnf, yum, zypper.
	Gpgkey resources.Strings `hcl:"gpgkey"`
	// 1 to 99, smaller is preferred. dnf, yum, zypper.
	Priority resources.Scalar `hcl:"priority"`
	// Packages that are not taken from it. dnf, yum.
	Exclude resources.Strings `hcl:"exclude"`
	// The only packages that are taken from it. dnf, yum.
	Includepkgs resources.Strings `hcl:"includepkgs"`
	// Relative cost of access, smaller is preferred. dnf, yum.
	Cost resources.Scalar `hcl:"cost"`
	// How long metadata are good: seconds, or with a unit (`6h`), or `never`. dnf, yum.
	MetadataExpire resources.Scalar `hcl:"metadata_expire"`
	// Whether packages of it are seen beside module streams. dnf.
	ModuleHotfixes resources.Scalar `hcl:"module_hotfixes"`
	// The URL of a proxy, or `_none_`. dnf, yum, zypper.
	Proxy resources.Scalar `hcl:"proxy"`
	// The user for the proxy. dnf, yum.
	ProxyUsername resources.Scalar `hcl:"proxy_username"`
	// The password for the proxy. dnf, yum.
	ProxyPassword resources.Scalar `hcl:"proxy_password,secret"`
	// The user for the repository. dnf, yum, zypper.
	Username resources.Scalar `hcl:"username"`
	// The password for the repository. A new file with a password has mode 0600; one that is there keeps its mode, and who can read it is told. dnf, yum, zypper.
	Password resources.Scalar `hcl:"password,secret"`
	// Whether the server's certificate is checked. dnf, yum.
	Sslverify resources.Scalar `hcl:"sslverify"`
	// File or folder of certificate authorities. dnf, yum.
	Sslcacert resources.Scalar `hcl:"sslcacert"`
	// File of the client's certificate. dnf, yum.
	Sslclientcert resources.Scalar `hcl:"sslclientcert"`
	// File of the client's key. dnf, yum.
	Sslclientkey resources.Scalar `hcl:"sslclientkey"`
	// Whether the manager goes on without the repository when it is unreachable. dnf, yum.
	SkipIfUnavailable resources.Scalar `hcl:"skip_if_unavailable"`
	// The file of a new section, by absolute path or by its name in the folder of such files. dnf, yum, zypper, pacman.
	Target string `hcl:"target,public"`

	// apt: `deb` (default for a new source), `deb-src`.
	Types resources.Strings `hcl:"types"`
	// apt: the archive's URLs.
	Uris resources.Strings `hcl:"uris"`
	// apt: the suites; a suite that ends in `/` is a path to a flat repository, which has no components.
	Suites resources.Strings `hcl:"suites"`
	// apt: the components.
	Components resources.Strings `hcl:"components"`
	// apt: the architectures.
	Architectures resources.Strings `hcl:"architectures"`
	// apt: the path of a key, a fingerprint, or the armoured key itself.
	SignedBy resources.Scalar `hcl:"signed_by"`
	// apt: `yes`: signatures are not checked.
	Trusted resources.Scalar `hcl:"trusted"`
	// apt: whether the metadata may be out of date.
	CheckValidUntil resources.Scalar `hcl:"check_valid_until"`
	// apt: a priority for the packages of the repository's host, or a map of `priority` with `origin`, `release` or `version`, and `packages`
	// (default `*`); it becomes /etc/apt/preferences.d/NAME.pref.
	Pin *preferences.Pin `hcl:"pin"`
}

var (
	_ resources.Validator  = (*Repo)(nil)
	_ resources.Identified = (*Repo)(nil)
	_ resources.Toucher    = (*Repo)(nil)
	_ resources.Locker     = (*Repo)(nil)
	_ resources.Inspector  = (*Repo)(nil)
)

const (
	present = "present"
	absent  = "absent"
)

// Type returns the type.
func Type() resources.Type {
	return resources.Type{Name: "repo", New: func(title string) resources.Resource { return &Repo{Name: title, Ensure: present} }}
}

var (
	repoName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.:+-]*$`)
	aptName  = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`) // apt ignores files with other names, silently
)

var providers = [...]string{"apt", "dnf", "yum", "zypper", "pacman"}

// Validate checks all that can be known without a node.
func (r *Repo) Validate() error {
	var bad resources.Mistakes
	if !repoName.MatchString(r.Name) {
		bad.Addf("name", "%q is not a repository's name: want letters, digits and _.:+-", r.Name)
	}
	bad.OneOf("ensure", r.Ensure, present, absent)
	if r.Provider != "" {
		bad.OneOf("provider", r.Provider, providers[:]...)
	}
	if r.Target != "" && (path.Clean(r.Target) != r.Target || strings.HasPrefix(r.Target, ".")) {
		bad.Addf("target", "want the absolute path or the name of a file, not %q", r.Target)
	}
	if len(r.Uris) > 0 && len(r.Baseurl) > 0 {
		bad.Addf("uris", "is the same as baseurl; want one of them")
	}
	if flat := slices.IndexFunc(r.Suites, isFlat); flat >= 0 && len(r.Components) > 0 && r.Components[0] != absent {
		bad.Addf("components", "the suite %q is a path to a flat repository, which has none: apt would read no repository of the node any more", r.Suites[flat])
	}
	if r.Pin != nil && r.Pin.Priority == "" {
		bad.Addf("pin", "want a priority")
	}
	for _, d := range r.declared() {
		for _, v := range d.values {
			if v != absent {
				bad.Add(d.attr, repofile.Value(d.attr, v))
			}
			if v == "" {
				bad.Addf(d.attr, "one of the list is empty")
			}
			if d.attr != "signed_by" && strings.ContainsFunc(v, unicode.IsControl) {
				bad.Addf(d.attr, "a value cannot have control characters or several lines")
			}
		}
		if len(d.values) > 1 && slices.Contains(d.values, absent) {
			bad.Addf(d.attr, "absent cannot be one of several values")
		}
	}
	if err := bad.Err(); err != nil || r.Provider == "" {
		return err
	}
	return r.supported(repofile.Of(r.Provider))
}

// isFlat says whether a suite of apt is the path of a repository without components.
func isFlat(suite string) bool { return strings.HasSuffix(suite, "/") }

// supported says which attributes the provider has no key for.
func (r *Repo) supported(f repofile.Format) error {
	var bad resources.Mistakes
	wrong := func(attr, text string) { bad.Addf(attr, "%s %s", f.Provider, text) }
	for _, d := range r.declared() {
		if !f.Has(d.attr) {
			wrong(d.attr, "has no such key")
		}
	}
	if r.Name == f.Settings() {
		wrong("name", "has its own settings in the section of that name")
	}
	switch {
	case r.Target == "":
	case f.Provider == "apt":
		wrong("target", "has one file for each repository")
	case !strings.HasSuffix(r.Target, f.Ending()):
		wrong("target", "reads no file whose name does not end in "+f.Ending())
	}
	if f.Provider == "apt" && !aptName.MatchString(r.Name) {
		wrong("name", "ignores files with other characters than letters, digits and _.- in their names")
	}
	if f.Provider == "apt" {
		for _, v := range r.Baseurl {
			if v != absent {
				bad.Add("baseurl", repofile.Value("uris", v))
			}
		}
	}
	if f.Provider != "apt" && r.Pin != nil {
		wrong("pin", "has no such key")
	}
	return bad.Err()
}

// Provides is the repository, and one of the repositories of its provider, all of which are before that provider's packages.
func (r *Repo) Provides() []resources.Identity {
	repos := manager.ReposOf(r.Provider)
	return []resources.Identity{{Kind: "repo", Name: repos + " " + r.Name}, {Kind: "repos", Name: repos, Shared: true}}
}

// Requires names the files of keys and certificates, and the file or folder that the repository is written to.
func (r *Repo) Requires() []resources.Identity {
	var ids []resources.Identity
	need := func(name string) {
		name = strings.TrimPrefix(name, "file://")
		if strings.HasPrefix(name, "/") && !strings.Contains(name, "\n") {
			ids = append(ids, resources.Identity{Kind: "path", Name: path.Clean(name), Nearest: true})
		}
	}
	for _, v := range slices.Concat([]string(r.Gpgkey), []string{
		string(r.SignedBy), string(r.Sslcacert), string(r.Sslclientcert), string(r.Sslclientkey), string(r.Mirrorlist), r.Target,
	}) {
		need(v)
	}
	for _, p := range providers {
		if r.Provider == "" || r.Provider == p {
			need(repofile.Of(p).Path(r.Name, r.Target))
		}
	}
	if r.Pin != nil {
		need(r.pinFile())
	}
	return ids
}

// Touches is the file that the repository is written to, of which it may be a part; without a provider, the file of each; and that of its pin.
func (r *Repo) Touches() []resources.Touch {
	if r.Ensure == absent {
		return nil
	}
	var ts []resources.Touch
	for _, p := range providers {
		if r.Provider == "" || r.Provider == p {
			ts = append(ts, resources.Touch{Path: repofile.Of(p).Path(r.Name, r.Target), How: resources.Edits})
		}
	}
	if r.Pin != nil {
		ts = append(ts, resources.Touch{Path: r.pinFile(), How: resources.Edits})
	}
	return ts
}

// Locks keeps repositories of one file from being edited at once.
func (r *Repo) Locks() []string { return []string{"repos"} }
