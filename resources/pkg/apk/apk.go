// Package apk drives Alpine's apk: the database is the file of installed packages, the mark that holds a package is a version in
// /etc/apk/world.
//
// It is tested by the format of that file and by a table of commands as apk-tools 2.14 answers them, not with apk itself.
package apk

import (
	"bufio"
	"context"
	"errors"
	"io"
	"regexp"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources/pkg/conffile"
	"github.com/nodeapply/apply/resources/pkg/manager"
	"github.com/nodeapply/apply/resources/pkg/version"
)

const (
	installed = "/lib/apk/db/installed"
	world     = "/etc/apk/world"
	lockFile  = "/lib/apk/db/lock"
)

var name = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._+-]*$`)

// New returns the manager.
func New() *manager.Manager {
	return &manager.Manager{Name: "apk", Lock: "apk", Version: version.APK, ValidName: name.MatchString, Driver: driver{}}
}

type driver struct{}

// Files are the database and the packages that are asked for.
func (driver) Files() []string { return []string{installed, world, "/etc/apk/repositories"} }

// Read reads the database and the pins.
func (driver) Read(_ context.Context, v host.View) (*manager.DB, error) {
	pins, err := host.ReadFile(v, world)
	if err != nil {
		return nil, err
	}
	held := pinned(pins)
	db := manager.NewDB("", "")
	st, err := v.Lstat(installed)
	if err != nil || st.Kind == host.Absent {
		return db, err
	}
	f, err := v.Open(installed)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	err = readInstalled(f, func(p manager.Package) {
		p.Held = held[p.Name]
		db.Put(p)
	})
	return db, err
}

// pinned are the names that have an exact version in /etc/apk/world.
func pinned(text string) map[string]bool {
	held := map[string]bool{}
	for entry := range strings.FieldsSeq(text) {
		if n, ver, ok := strings.Cut(entry, "="); ok && ver != "" && !strings.ContainsAny(n, "<>~!") {
			held[n] = true
		}
	}
	return held
}

// readInstalled yields the packages of the database: paragraphs of lines such as "P:name", "V:version", "A:arch", "p:provides".
func readInstalled(r io.Reader, yield func(manager.Package)) error {
	br := bufio.NewReaderSize(r, 64<<10)
	p := manager.Package{Status: manager.Installed}
	for {
		line, err := br.ReadString('\n')
		line = strings.TrimRight(line, "\r\n")
		key, value, _ := strings.Cut(line, ":")
		switch key {
		case "P":
			p.Name = value
		case "V":
			p.Version = value
		case "A":
			p.Arch = value
		case "p":
			for provided := range strings.FieldsSeq(value) {
				n, _, _ := strings.Cut(provided, "=")
				p.Provides = append(p.Provides, n)
			}
		}
		if line == "" || err != nil {
			if p.Name != "" {
				yield(p)
			}
			p = manager.Package{Status: manager.Installed}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// Offers asks apk policy. A package that is only provided by others is known by its packages alone.
func (driver) Offers(ctx context.Context, v host.View, names []string, _ bool) (map[string]manager.Offer, error) {
	out, err := manager.Query(ctx, v, "apk policy", host.Cmd{Args: append([]string{"apk", "policy", "--"}, names...)})
	if _, ended := errors.AsType[*manager.ExitError](err); err != nil && !ended { // a name that it does not know makes it end with 1
		return nil, err
	}
	return parsePolicy(string(out.Stdout)), nil
}

// parsePolicy reads "NAME policy:", "  VERSION:" and the places that have it; a version that is only installed is not on offer.
func parsePolicy(text string) map[string]manager.Offer {
	offers := map[string]manager.Offer{}
	var current, ver string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		place := strings.TrimSpace(line)
		switch {
		case strings.HasSuffix(line, " policy:") && line[0] != ' ':
			current, ver = strings.TrimSuffix(line, " policy:"), ""
			offers[current] = manager.Offer{}
		case strings.HasPrefix(line, "    "):
			o := offers[current]
			if place == "" || place == strings.TrimPrefix(installed, "/") || place[0] == '@' || ver == "" { // packages of a tagged repository are taken only by their tag
				continue
			}
			o.Versions = append(o.Versions, ver)
			if o.Candidate == "" || version.CompareAPK(ver, o.Candidate) > 0 {
				o.Candidate = ver
			}
			offers[current], ver = o, "" // once for each version
		case strings.HasPrefix(line, "  "):
			ver = strings.TrimSuffix(place, ":")
		}
	}
	return offers
}

// Refresh leaves changed repositories to apk's own update; with all it fetches every index.
func (d driver) Refresh(ctx context.Context, s *manager.Session, all bool) error {
	if !all {
		return nil
	}
	return d.run(ctx, s, "update", nil, nil)
}

// Commit installs and removes.
func (d driver) Commit(ctx context.Context, s *manager.Session, t manager.Transaction) error {
	install := func() error {
		return conffile.Settle(ctx, s, t.Replace, conffile.Endings{New: ".apk-new"}, func() error { return d.install(ctx, s, t) })
	}
	return t.Exchange(ctx, install, func() error {
		if len(t.Remove) > 0 {
			if err := d.run(ctx, s, "del", nil, t.Remove); err != nil {
				return err
			}
		}
		if len(t.Purge) > 0 {
			return d.run(ctx, s, "del", []string{"--purge"}, t.Purge)
		}
		return nil
	})
}

// install installs. A version that is installed by its number would be a pin, and so a hold: it is taken out of the world again.
func (d driver) install(ctx context.Context, s *manager.Session, t manager.Transaction) error {
	var specs, plain []string
	for _, target := range t.Install {
		switch {
		case target.File != "":
			specs = append(specs, target.File)
		case target.Version != "":
			specs, plain = append(specs, target.Name+"="+target.Version), append(plain, target.Name)
		default:
			specs = append(specs, target.Name)
		}
	}
	if len(specs) == 0 {
		return nil
	}
	if err := d.run(ctx, s, "add", t.Options, specs); err != nil || len(plain) == 0 {
		return err
	}
	return d.run(ctx, s, "add", nil, plain)
}

// Hold pins the installed version, or takes the pin back.
func (d driver) Hold(ctx context.Context, s *manager.Session, hold bool, names []string) error {
	if !hold {
		return d.run(ctx, s, "add", nil, names)
	}
	db, err := d.Read(ctx, s)
	if err != nil {
		return err
	}
	specs := make([]string, len(names))
	for i, n := range names {
		specs[i] = n + "=" + db.Find(n).Version
	}
	return d.run(ctx, s, "add", nil, specs)
}

func (driver) run(ctx context.Context, s *manager.Session, verb string, options, names []string) error {
	s.Locked = locked
	args := append([]string{"apk", verb, "--quiet", "--no-progress"}, options...)
	if len(names) > 0 {
		args = append(append(args, "--"), names...)
	}
	_, err := s.Exec(ctx, "apk "+verb, host.Cmd{Args: args})
	return err
}

func locked(out host.Output) (manager.Holder, bool) {
	if strings.Contains(string(out.Stderr), "Unable to lock database") {
		return manager.Holder{Lock: lockFile}, true
	}
	return manager.Holder{}, false
}
