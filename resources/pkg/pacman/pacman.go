// Package pacman drives pacman: the database is the folder of local packages, the mark that holds a package is IgnorePkg in pacman.conf.
//
// A repository has one version of a package; further ones come from pacman's own cache of packages.
package pacman

import (
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources/pkg/conffile"
	"github.com/nodeapply/apply/resources/pkg/manager"
	"github.com/nodeapply/apply/resources/pkg/version"
	"github.com/nodeapply/apply/resources/repo/ini"
)

const (
	confFile = "/etc/pacman.conf"
	local    = "/var/lib/pacman/local"
	sync     = "/var/lib/pacman/sync"
	cache    = "/var/cache/pacman/pkg"
	lockFile = "/var/lib/pacman/db.lck"

	maxOutput = 64 << 20
)

var name = regexp.MustCompile(`^[a-z0-9@_+][a-z0-9@._+-]*$`)

// New returns the manager.
func New() *manager.Manager {
	return &manager.Manager{Name: "pacman", Lock: "pacman", Version: version.Pacman, ValidName: name.MatchString, Driver: driver{}}
}

type driver struct{}

// Files are the database and the file of the marks.
func (driver) Files() []string { return []string{local, confFile, sync} }

// Read reads the desc file of every local package.
func (driver) Read(_ context.Context, v host.View) (*manager.DB, error) {
	conf, err := readConf(v)
	if err != nil {
		return nil, err
	}
	held := map[string]bool{}
	for _, n := range ignored(conf) {
		held[n] = true
	}
	db := manager.NewDB("", "")
	entries, err := host.ReadDir(v, local)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		folder := path.Join(local, entry)
		if st, err := v.Lstat(folder); err != nil || st.Kind != host.Directory { // ALPM_DB_VERSION
			continue
		}
		text, err := host.ReadFile(v, path.Join(folder, "desc"))
		if err != nil {
			return nil, err
		}
		if text == "" { // it is being removed
			continue
		}
		p := parseDesc(text)
		p.Held = held[p.Name]
		db.Put(p)
	}
	for n := range held {
		if db.Find(n).Status == manager.Missing {
			db.Put(manager.Package{Name: n, Held: true})
		}
	}
	return db, nil
}

// parseDesc reads lines after headers such as %NAME%.
func parseDesc(text string) manager.Package {
	fields := map[string][]string{}
	key := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "%") && strings.HasSuffix(line, "%"):
			key = strings.Trim(line, "%")
		case line != "":
			fields[key] = append(fields[key], line)
		}
	}
	first := func(key string) string { return strings.Join(fields[key][:min(1, len(fields[key]))], "") }
	p := manager.Package{Name: first("NAME"), Version: first("VERSION"), Arch: first("ARCH"), Status: manager.Installed}
	for _, provided := range fields["PROVIDES"] {
		n, _, _ := strings.Cut(provided, "=")
		p.Provides = append(p.Provides, n)
	}
	return p
}

func readConf(v host.View) (*ini.File, error) {
	text, err := host.ReadFile(v, confFile)
	return ini.Parse(ini.Pacman, text), err
}

// ignored lists the words of IgnorePkg.
func ignored(conf *ini.File) []string {
	options := conf.Section("options")
	if options == nil {
		return nil
	}
	lines, _ := options.Get("IgnorePkg")
	return strings.Fields(strings.Join(lines, " "))
}

// Offers asks pacman -Sl for all that the repositories have, and looks into the cache of packages.
func (driver) Offers(ctx context.Context, v host.View, names []string, _ bool) (map[string]manager.Offer, error) {
	out, err := manager.Query(ctx, v, "pacman -Sl", host.Cmd{Args: []string{"pacman", "-Sl"}, MaxOutput: maxOutput})
	if _, ended := errors.AsType[*manager.ExitError](err); err != nil && !ended { // without any fetched repository it ends with 1 and offers nothing
		return nil, err
	}
	offers := map[string]manager.Offer{}
	for line := range strings.Lines(string(out.Stdout)) {
		f := strings.Fields(line)
		if len(f) < 3 || !slices.Contains(names, f[1]) {
			continue
		}
		if _, ok := offers[f[1]]; !ok { // the first repository that has it counts
			offers[f[1]] = manager.Offer{Candidate: f[2], Versions: []string{f[2]}}
		}
	}
	cached, err := cachedFiles(v)
	if err != nil {
		return nil, err
	}
	for n, o := range offers {
		for file := range cached {
			if ver, ok := cachedVersion(file, n); ok && !slices.Contains(o.Versions, ver) {
				o.Versions = append(o.Versions, ver)
			}
		}
		slices.Sort(o.Versions)
		offers[n] = o
	}
	return offers, virtual(ctx, v, names, offers)
}

// virtual adds names that only other packages provide.
func virtual(ctx context.Context, v host.View, names []string, offers map[string]manager.Offer) error {
	missing := slices.DeleteFunc(slices.Clone(names), func(n string) bool { _, ok := offers[n]; return ok })
	if len(missing) == 0 {
		return nil
	}
	out, err := v.Query(ctx, host.Cmd{Args: append([]string{"pacman", "-Sp", "--print-format", "%n", "--"}, missing...)})
	if err != nil {
		return fmt.Errorf("pacman -Sp: %w", err)
	}
	for _, n := range missing {
		if !slices.Contains(strings.Fields(string(out.Stderr)), n) { // "error: target not found: NAME"
			offers[n] = manager.Offer{}
		}
	}
	return nil
}

// Refresh fetches the databases if one of a configured repository is missing, or with all.
func (d driver) Refresh(ctx context.Context, s *manager.Session, all bool) error {
	if !all {
		missing, err := unfetched(s)
		if err != nil || !missing {
			return err
		}
	}
	return d.run(ctx, s, nil, "-Sy", nil, nil)
}

func unfetched(v host.View) (bool, error) {
	conf, err := readConf(v)
	if err != nil {
		return false, err
	}
	for _, section := range conf.Names() {
		if section == "options" {
			continue
		}
		st, err := v.Lstat(path.Join(sync, section+".db"))
		if err != nil || st.Kind == host.Absent {
			return true, err
		}
	}
	return false, nil
}

// Commit installs and removes.
func (d driver) Commit(ctx context.Context, s *manager.Session, t manager.Transaction) error {
	install := func() error {
		return conffile.Settle(ctx, s, t.Replace, conffile.Endings{New: ".pacnew"}, func() error { return d.install(ctx, s, t) })
	}
	return t.Exchange(ctx, install, func() error {
		if len(t.Remove) > 0 {
			if err := d.run(ctx, s, t.Env(), "-R", nil, t.Remove); err != nil {
				return err
			}
		}
		if len(t.Purge) > 0 {
			return d.run(ctx, s, t.Env(), "-Rn", nil, t.Purge)
		}
		return nil
	})
}

// install installs from the repositories, and then files.
func (d driver) install(ctx context.Context, s *manager.Session, t manager.Transaction) error {
	if len(t.Install) == 0 {
		return nil
	}
	names := make([]string, len(t.Install))
	for i, target := range t.Install {
		names[i] = target.Name
	}
	offers, err := d.Offers(ctx, s, names, false)
	if err != nil {
		return err
	}
	var repos, files []string
	for _, target := range t.Install {
		switch {
		case target.File != "":
			files = append(files, target.File)
		case target.Version == "" || target.Version == offers[target.Name].Candidate:
			repos = append(repos, target.Name)
		default:
			file, err := cachedFile(s, target)
			if err != nil {
				return err
			}
			files = append(files, file)
		}
	}
	if len(repos) > 0 {
		if err := d.run(ctx, s, t.Env(), "-S", append([]string{"--needed"}, t.Options...), repos); err != nil {
			return err
		}
	}
	if len(files) > 0 {
		return d.run(ctx, s, t.Env(), "-U", t.Options, files)
	}
	return nil
}

// Hold edits IgnorePkg.
func (driver) Hold(ctx context.Context, s *manager.Session, hold bool, names []string) error {
	conf, err := readConf(s)
	if err != nil {
		return err
	}
	options := conf.Section("options")
	if options == nil {
		options = conf.Add("options")
	}
	list := slices.DeleteFunc(ignored(conf), func(n string) bool { return slices.Contains(names, n) })
	if hold {
		list = append(list, names...)
	}
	options.Delete("IgnorePkg")
	if len(list) > 0 {
		options.Set("IgnorePkg", []string{strings.Join(list, " ")})
	}
	file, _, err := host.Resolve(s, confFile)
	if err != nil {
		return err
	}
	return s.WriteFile(ctx, file, host.NewFile{Content: strings.NewReader(conf.String())})
}

func (driver) run(ctx context.Context, s *manager.Session, env []string, verb string, options, names []string) error {
	s.Locked = locked
	args := append([]string{"pacman", verb, "--noconfirm", "--noprogressbar"}, options...)
	if len(names) > 0 {
		args = append(append(args, "--"), names...)
	}
	_, err := s.Exec(ctx, "pacman "+verb, host.Cmd{Args: args, Env: env})
	return err
}

// FileVersion reads a package file's version.
func (driver) FileVersion(ctx context.Context, v host.View, file string) (string, error) {
	out, err := manager.Query(ctx, v, "pacman -Qp "+file, host.Cmd{Args: []string{"pacman", "-Qp", "--", file}})
	if err != nil {
		return "", err
	}
	f := strings.Fields(string(out.Stdout))
	if len(f) != 2 {
		return "", fmt.Errorf("pacman -Qp %s: %q", file, out.Stdout)
	}
	return f[1], nil
}

// locked finds pacman's words for its lock, which does not say whose it is.
func locked(out host.Output) (manager.Holder, bool) {
	if strings.Contains(string(out.Stderr), "unable to lock database") {
		return manager.Holder{Lock: lockFile}, true
	}
	return manager.Holder{}, false
}
