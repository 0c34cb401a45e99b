// Package apt drives dpkg and apt: the database is dpkg's status file, transactions are apt-get's.
//
// Nothing here prompts: debconf is told to be silent, conffiles are kept or replaced as declared, and no command has an input.
package apt

import (
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources/pkg/apt/sources"
	"github.com/nodeapply/apply/resources/pkg/manager"
	"github.com/nodeapply/apply/resources/pkg/version"
)

const (
	statusFile = "/var/lib/dpkg/status"
	updatesDir = "/var/lib/dpkg/updates"
	cacheFile  = "/var/cache/apt/srcpkgcache.bin"
)

// name is deb-control(5)'s grammar, with an optional architecture. That a name ending in + or - is not taken for an order to apt-get is
// made sure by asking for the package first: apt prefers a package that has exactly that name.
var name = regexp.MustCompile(`^[a-z0-9][a-z0-9.+-]+(:[a-z0-9][a-z0-9-]*)?$`)

// New returns the manager.
func New() *manager.Manager {
	return &manager.Manager{Name: "apt", Lock: "dpkg", Version: version.Debian, ValidName: name.MatchString, Driver: &driver{tried: map[string]error{}}}
}

// driver is one for each run.
type driver struct {
	since    time.Time // the status file's time when the run first read it: when packages last changed before the run
	fetching sync.Mutex
	tried    map[string]error // what became of fetching a file of sources, by its name and time
}

func (*driver) Files() []string {
	return []string{statusFile, updatesDir, sources.Lists, sources.MainFile, sources.Parts, "/etc/apt/preferences.d"}
}

// Read reads dpkg's status file and the changes to it that an interrupted dpkg has not merged yet.
func (d *driver) Read(_ context.Context, v host.View) (*manager.DB, error) {
	var all []manager.Package
	read := func(name string) error {
		f, err := v.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := readStatus(f, func(p manager.Package) { all = append(all, p) }); err != nil {
			return statusError(name, err)
		}
		return nil
	}
	st, err := v.Lstat(statusFile)
	if err != nil {
		return nil, err
	}
	if d.since.IsZero() {
		d.since = st.ModTime
	}
	if st.Kind != host.Absent {
		if err := read(statusFile); err != nil {
			return nil, err
		}
	}
	updates, err := pendingUpdates(v)
	if err != nil {
		return nil, err
	}
	for _, u := range updates {
		if err := read(path.Join(updatesDir, u)); err != nil {
			return nil, err
		}
	}
	native := nativeArch(all)
	db := manager.NewDB(native, ":")
	for _, p := range all {
		if p.Arch != native && p.Arch != "all" { // dpkg holds each architecture by itself
			p.HoldAs = p.Name + ":" + p.Arch
		}
		db.Put(p)
	}
	if len(updates) > 0 {
		db.Interrupted = "an earlier dpkg was interrupted"
	} else if broken := db.BrokenNames(); len(broken) > 0 {
		db.Interrupted = "an earlier dpkg left " + manager.List(broken) + " unconfigured"
	}
	return db, nil
}

// pendingUpdates lists the numbered files of dpkg's journal.
func pendingUpdates(v host.View) ([]string, error) {
	names, err := host.ReadDir(v, updatesDir)
	return slices.DeleteFunc(names, func(n string) bool {
		_, err := strconv.Atoi(n)
		return err != nil
	}), err
}

// Offers asks apt-cache policy. apt's caches are not written: pkgcache is kept in memory, and so is srcpkgcache when it is older than
// the lists. With fresh, lists of sources that were changed and have none are fetched before, unless another apt holds their lock: it is at that itself.
func (d *driver) Offers(ctx context.Context, v host.View, names []string, fresh bool) (map[string]manager.Offer, error) {
	if fresh {
		err := d.fetch(ctx, v, func(what string, c host.Cmd) error {
			_, err := manager.Query(ctx, v, what, c)
			return err
		})
		if err != nil && !busy(err) {
			return nil, fmt.Errorf("package lists: %w", err)
		}
	}
	args := []string{"apt-cache", "-o", "Dir::Cache::pkgcache="}
	lists, err := v.Lstat(sources.Lists)
	if err != nil {
		return nil, err
	}
	if cache, err := v.Lstat(cacheFile); err != nil || cache.Kind == host.Absent || cache.ModTime.Before(lists.ModTime) {
		args = append(args, "-o", "Dir::Cache::srcpkgcache=")
	}
	args = append(args, "policy", "--")
	out, err := manager.Query(ctx, v, "apt-cache policy", host.Cmd{Args: append(args, names...), MaxOutput: 64 << 20})
	if err != nil {
		return nil, err
	}
	found := parsePolicy(string(out.Stdout))
	offers := map[string]manager.Offer{}
	for _, n := range names {
		o, ok := found[n]
		if !ok { // apt names packages of the own architecture without it
			base, _, _ := strings.Cut(n, ":")
			o, ok = found[base]
		}
		if ok {
			offers[n] = o
		}
	}
	return offers, nil
}

// versionLine is a line of the version table: a version and its priority, after " *** " for the installed one.
var versionLine = regexp.MustCompile(`^ (?:\*\*\*|   ) (\S+) -?[0-9]+$`)

// parsePolicy reads the output of apt-cache policy. Versions that only the status file knows are not on offer.
func parsePolicy(text string) map[string]manager.Offer {
	found := map[string]manager.Offer{}
	var current, ver string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if n, ok := strings.CutSuffix(line, ":"); ok && !strings.HasPrefix(line, " ") {
			current, ver = n, ""
			found[current] = manager.Offer{}
			continue
		}
		o := found[current]
		if candidate, ok := strings.CutPrefix(line, "  Candidate: "); ok {
			if candidate != "(none)" {
				o.Candidate = candidate
			}
		} else if m := versionLine.FindStringSubmatch(line); m != nil {
			ver = m[1]
		} else if ver != "" && !strings.HasSuffix(line, " "+statusFile) && !slices.Contains(o.Versions, ver) {
			o.Versions = append(o.Versions, ver)
		}
		found[current] = o
	}
	return found
}

// Hold uses apt-mark.
func (*driver) Hold(ctx context.Context, s *manager.Session, hold bool, names []string) error {
	s.Locked = locked
	verb := "unhold"
	if hold {
		verb = "hold"
	}
	_, err := s.Exec(ctx, "apt-mark "+verb, command(append([]string{"apt-mark", verb, "--"}, names...), nil))
	return err
}

// Refresh fetches what [driver.fetch] says or, with all, everything.
func (d *driver) Refresh(ctx context.Context, s *manager.Session, all bool) error {
	s.Locked = locked
	run := func(what string, c host.Cmd) error {
		_, err := s.Exec(ctx, what, c)
		return err
	}
	if all {
		return run("apt-get update", command(update(), nil))
	}
	return d.fetch(ctx, s, run)
}

// fetch updates the lists of the sources that have none and were changed since packages last changed before this run, each file by
// itself and without touching the other lists. Older sources without lists are somebody else's choice. Nothing is tried twice in a run.
func (d *driver) fetch(ctx context.Context, v host.View, run func(what string, c host.Cmd) error) error {
	d.fetching.Lock()
	defer d.fetching.Unlock()
	files, err := sources.Read(v)
	if err != nil {
		return err
	}
	files, err = sources.Unfetched(v, files)
	if err != nil {
		return err
	}
	var errs []error
	for _, f := range files {
		if !f.ModTime.After(d.since) {
			continue
		}
		key := f.Name + " " + f.ModTime.String()
		err, tried := d.tried[key]
		if !tried {
			err = run("apt-get update of "+f.Name, command(update(
				"-o", "Dir::Etc::sourcelist="+f.Name, "-o", "Dir::Etc::sourceparts=-", "-o", "APT::Get::List-Cleanup=0"), nil))
			if ctx.Err() != nil || busy(err) {
				return err
			}
			d.tried[key] = err
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// busy says whether a command ended because another apt holds the lock.
func busy(err error) bool {
	var ended *manager.ExitError
	if !errors.As(err, &ended) {
		return false
	}
	_, held := locked(ended.Output)
	return held
}

// update makes the exit code of apt-get update tell the truth: without Error-Mode an unreachable repository is a success.
func update(options ...string) []string {
	args := []string{"apt-get", "-q", "-o", "APT::Update::Error-Mode=any", "-o", "Acquire::Retries=3"}
	return append(append(args, options...), "update")
}

// silent is the environment in which nothing asks or pages.
var silent = [...]string{"DEBIAN_FRONTEND=noninteractive", "APT_LISTCHANGES_FRONTEND=none", "APT_LISTBUGS_FRONTEND=none"}

func command(args, env []string) host.Cmd {
	return host.Cmd{Args: args, Env: append(silent[:], env...)}
}

// The ways in which apt and dpkg speak of a held lock.
var (
	aptLocked  = regexp.MustCompile(`Could not get lock (/\S*[^\s.])\.?(?:[^\n]*held by process ([0-9]+)(?: \(([^)]*)\))?)?`)
	dpkgLocked = regexp.MustCompile(`dpkg: error: [^\n]*lock[^\n]* locked by another process(?: with pid ([0-9]+))?`)
)

func locked(out host.Output) (manager.Holder, bool) {
	text := string(out.Stderr)
	if m := aptLocked.FindStringSubmatch(text); m != nil {
		pid, _ := strconv.Atoi(m[2])
		return manager.Holder{Lock: m[1], PID: pid, Name: m[3]}, true
	}
	if m := dpkgLocked.FindStringSubmatch(text); m != nil {
		pid, _ := strconv.Atoi(m[1])
		return manager.Holder{Lock: "/var/lib/dpkg/lock-frontend", PID: pid}, true
	}
	return manager.Holder{}, false
}

// targetArg is how apt-get names what is to be installed.
func targetArg(t manager.Target) string {
	switch {
	case t.File != "":
		return t.File
	case t.Version != "":
		return fmt.Sprintf("%s=%s", t.Name, t.Version)
	}
	return t.Name
}

// FileVersion reads a .deb's version.
func (*driver) FileVersion(ctx context.Context, v host.View, file string) (string, error) {
	out, err := manager.Query(ctx, v, "dpkg-deb -f "+file, host.Cmd{Args: []string{"dpkg-deb", "-f", "--", file, "Version"}})
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(out.Stdout)), nil
}
