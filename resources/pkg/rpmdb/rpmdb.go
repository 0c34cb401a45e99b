// Package rpmdb is what the package managers that stand on rpm have in common: its database, and what it keeps of configuration files.
//
// Versions are epoch:version-release without an epoch of 0. A name may carry its architecture: "glibc.i686".
package rpmdb

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources/pkg/conffile"
	"github.com/nodeapply/apply/resources/pkg/manager"
	"github.com/nodeapply/apply/resources/pkg/version"
)

// ValidName is the grammar of names: rpm allows more signs, but none of them is used.
var ValidName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._+-]*$`).MatchString

// Files are those that change with the database, wherever a distribution keeps it: the newer sqlite (with its log) and the older hashes.
func Files() []string {
	var files []string
	for _, dir := range []string{"/usr/lib/sysimage/rpm/", "/var/lib/rpm/", "/root/.rpmdb/"} {
		for _, name := range []string{"rpmdb.sqlite", "rpmdb.sqlite-wal", "Packages.db", "Packages"} {
			files = append(files, dir+name)
		}
	}
	return files
}

// Common is the part of a driver that asks rpm alone.
type Common struct{}

const format = `%{NAME}\t%{ARCH}\t%{EPOCHNUM}:%{VERSION}-%{RELEASE}\t[%{PROVIDENAME} ]\n`

// MaxOutput bounds the list of all packages with what they provide, in bytes: some hundred a package.
const MaxOutput = 64 << 20

// Read lists all packages by one rpm -qa. held are the names that the package manager above keeps at their version.
func Read(ctx context.Context, v host.View, held map[string]bool) (*manager.DB, error) {
	out, err := manager.Query(ctx, v, "rpm -qa", host.Cmd{Args: []string{"rpm", "-qa", "--queryformat", format}, MaxOutput: MaxOutput})
	if err != nil {
		return nil, err
	}
	return parse(string(out.Stdout), held), nil
}

func parse(text string, held map[string]bool) *manager.DB {
	packages := map[string]manager.Package{} // of those installed in several versions, the latest
	native := ""
	for line := range strings.Lines(text) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != 4 || f[0] == "gpg-pubkey" {
			continue
		}
		p := manager.Package{
			Name: f[0], Arch: f[1], Version: Version(f[2]), Status: manager.Installed, Held: held[f[0]], Provides: strings.Fields(f[3]),
		}
		if old, ok := packages[p.Name+"."+p.Arch]; !ok || version.CompareRPM(p.Version, old.Version) > 0 {
			packages[p.Name+"."+p.Arch] = p
		}
		if p.Name == "glibc" && (native == "" || p.Arch != "i686") || p.Name == "rpm" && native == "" {
			native = p.Arch
		}
	}
	db := manager.NewDB(native, ".")
	for _, p := range packages {
		db.Put(p)
	}
	for name := range held {
		if db.Find(name).Status == manager.Missing {
			db.Put(manager.Package{Name: name, Held: true})
		}
	}
	return db
}

// NameOf is the name in NAME-VERSION-RELEASE, whatever follows.
func NameOf(nvr string) string {
	for range 2 {
		if i := strings.LastIndexByte(nvr, '-'); i > 0 {
			nvr = nvr[:i]
		}
	}
	return nvr
}

var arch = regexp.MustCompile(`\.(noarch|x86_64|i[3-6]86|aarch64|armv7hl|ppc64le|ppc64|s390x|riscv64)$`)

// Spec is how dnf and yum call what is to be installed: NAME-VERSION-RELEASE.ARCH, or the package file.
func Spec(t manager.Target) string {
	switch {
	case t.File != "":
		return t.File
	case t.Version == "":
		return t.Name
	}
	suffix := arch.FindString(t.Name)
	return strings.TrimSuffix(t.Name, suffix) + "-" + t.Version + suffix
}

// Version takes an epoch of 0 away, and rpm's word for none.
func Version(v string) string {
	for _, none := range []string{"0:", "(none):"} {
		v = strings.TrimPrefix(v, none)
	}
	return v
}

// Offers makes offers of lists of versions: the candidate is the latest.
func Offers(versions map[string][]string) map[string]manager.Offer {
	offers := map[string]manager.Offer{}
	for name, list := range versions {
		o := manager.Offer{Versions: slices.DeleteFunc(list, func(v string) bool { return v == "" })}
		for _, v := range o.Versions {
			if o.Candidate == "" || version.CompareRPM(v, o.Candidate) > 0 {
				o.Candidate = v
			}
		}
		offers[name] = o
	}
	return offers
}

// FileVersion reads an .rpm's version.
func (Common) FileVersion(ctx context.Context, v host.View, file string) (string, error) {
	out, err := manager.Query(ctx, v, "rpm -qp "+file, host.Cmd{
		Args: []string{"rpm", "-qp", "--nosignature", "--queryformat", `%{EPOCHNUM}:%{VERSION}-%{RELEASE}`, "--", file},
	})
	if err != nil {
		return "", err
	}
	return Version(strings.TrimSpace(string(out.Stdout))), nil
}

// ending is that of configuration files that were changed on the node and outlived their package.
const ending = ".rpmsave"

// Ending is that of such files.
func (Common) Ending() string { return ending }

// Endings are those of what rpm puts beside configuration files that were changed on the node. Those that a package does not ask it to keep
// (%config without noreplace) it replaces.
func Endings() conffile.Endings { return conffile.Endings{New: ".rpmnew", Old: ending} }

// Purge removes packages by remove, and then what rpm keeps of their configuration.
func Purge(ctx context.Context, s *manager.Session, names []string, remove func() error) error {
	var files []string
	if len(names) > 0 {
		out, err := s.Query(ctx, host.Cmd{Args: append([]string{"rpm", "-qc", "--"}, names...), MaxOutput: MaxOutput})
		if err != nil {
			return err
		}
		files = strings.Split(string(out.Stdout), "\n")
	}
	if err := remove(); err != nil {
		return err
	}
	for _, file := range files {
		if !strings.HasPrefix(file, "/") { // "(contains no files)"
			continue
		}
		st, err := s.Lstat(file + ending)
		if err == nil && st.Kind == host.Regular {
			err = s.Remove(ctx, file+ending, false)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Owned says which of files are in each of the packages names; list prints what is in one, a name a line.
func Owned(names, files []string, list func(name string) (string, error)) (map[string][]string, error) {
	owned := map[string][]string{}
	for _, name := range names {
		text, err := list(name)
		if err != nil {
			return nil, err
		}
		there := strings.Split(text, "\n")
		for _, file := range files {
			if slices.Contains(there, file) {
				owned[name] = append(owned[name], file)
			}
		}
	}
	return owned, nil
}

// Said finds the words of a manager in what it said, in either stream: the match with its parts, nil for none.
func Said(out host.Output, words *regexp.Regexp) []string {
	if m := words.FindStringSubmatch(string(out.Stderr)); m != nil {
		return m
	}
	return words.FindStringSubmatch(string(out.Stdout))
}

// rpmLock is the file that rpm itself locks during a transaction.
const rpmLock = ".rpm.lock"

var rpmLocked = regexp.MustCompile(`can't create transaction lock on (/\S+` + regexp.QuoteMeta(rpmLock) + `)`)

// Locked finds rpm's own words for a held lock.
func Locked(out host.Output) (manager.Holder, bool) {
	if m := rpmLocked.FindSubmatch(out.Stderr); m != nil {
		return manager.Holder{Lock: string(m[1])}, true
	}
	return manager.Holder{}, false
}
