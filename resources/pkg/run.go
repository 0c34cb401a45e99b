package pkg

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources/pkg/apk"
	"github.com/nodeapply/apply/resources/pkg/apt"
	"github.com/nodeapply/apply/resources/pkg/dnf"
	"github.com/nodeapply/apply/resources/pkg/manager"
	"github.com/nodeapply/apply/resources/pkg/pacman"
	"github.com/nodeapply/apply/resources/pkg/yum"
	"github.com/nodeapply/apply/resources/pkg/zypper"
)

// providers are the words of the provider attribute.
var providers = [...]string{"apt", "dnf", "yum", "zypper", "pacman", "apk"}

// newManager returns the manager of that name, which is one of providers.
func newManager(name string) *manager.Manager {
	switch name {
	case "dnf", "yum":
		return dnf.New(name)
	case "zypper":
		return zypper.New()
	case "pacman":
		return pacman.New()
	case "apk":
		return apk.New()
	default:
		return apt.New()
	}
}

// run is what the packages of one run share.
type run struct {
	mu     sync.Mutex
	wanted map[string][]string // names by provider, "" for the node's own
	latest map[string]bool     // by provider: some package is to be the latest
	uses   map[string]*use
}

func newRun() *run {
	return &run{wanted: map[string][]string{}, latest: map[string]bool{}, uses: map[string]*use{}}
}

// announce tells names that will be asked for.
func (r *run) announce(provider string, names []string, ensure string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.latest[provider] = r.latest[provider] || ensure == latest
	r.wanted[provider] = append(r.wanted[provider], names...)
}

// use returns the manager for a provider, "" for the node's own.
func (r *run) use(v host.View, provider string) (*use, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if u, ok := r.uses[provider]; ok {
		return u, nil
	}
	name := provider
	if name == "" {
		found, err := manager.Detect(v)
		if err != nil {
			return nil, err
		}
		name = found
	}
	if !slices.Contains(providers[:], name) {
		return nil, fmt.Errorf("packages of %s cannot be managed", name)
	}
	u, ok := r.uses[name]
	if !ok {
		m := newManager(name)
		if name == "yum" {
			classic, err := yum.There(v)
			if err != nil {
				return nil, err
			}
			if classic {
				m = yum.New()
			}
		}
		u = &use{Manager: m, run: r, known: map[string]manager.Offer{}, asked: map[string]bool{}}
	}
	r.uses[name], r.uses[provider] = u, u
	return u, nil
}

// names returns all names that were announced for the manager of u, and whether some package of it is to be the latest.
func (r *run) names(u *use) (names []string, newest bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for provider, list := range r.wanted {
		if r.uses[provider] == u {
			names = append(names, list...)
			newest = newest || r.latest[provider]
		}
	}
	return names, newest
}

// use is one package manager as a run uses it: what was read of it is kept until it changes.
type use struct {
	*manager.Manager
	run *run

	mu        sync.Mutex
	db        *manager.DB
	stamp     string
	known     map[string]manager.Offer
	asked     map[string]bool
	fresh     bool  // known was asked for with expired metadata fetched again
	refreshed bool  // all metadata were fetched in this run
	failed    error // by which that ended
	// What removals left, as far as it was asked; nil: not looked for yet.
	saved []string
	left  map[string][]string
}

// read returns the database, read again only if it changed.
func (u *use) read(ctx context.Context, v host.View) (*manager.DB, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	stamp, err := stampOf(v, u.Files())
	if err != nil {
		return nil, err
	}
	if u.db != nil && stamp == u.stamp {
		return u.db, nil
	}
	db, err := u.Read(ctx, v)
	if err != nil {
		return nil, fmt.Errorf("package database of %s: %w", u.Name, err)
	}
	u.db, u.stamp = db, stamp
	u.dropOffers()
	return db, nil
}

// dropOffers forgets what was asked beside the database.
func (u *use) dropOffers() {
	u.known, u.asked, u.fresh = map[string]manager.Offer{}, map[string]bool{}, false
	u.saved, u.left = nil, nil
}

// forget makes the next reading a new one.
func (u *use) forget() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.db = nil
	u.dropOffers()
}

// leftovers are the files that an earlier removal of the package kept of its configuration, as they are called now; none where the database
// itself knows them.
func (u *use) leftovers(ctx context.Context, v host.View, name string) (files []string, err error) {
	l, ok := u.Driver.(manager.Leaver)
	if !ok {
		return nil, nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.left == nil {
		if u.saved, err = manager.Saved(v, l.Ending()); err != nil {
			return nil, err
		}
		u.left = map[string][]string{}
	}
	if _, asked := u.left[name]; !asked && len(u.saved) > 0 {
		owned, err := l.Owned(ctx, v, []string{name}, u.saved)
		if err != nil {
			return nil, err
		}
		u.left[name] = owned[name]
	}
	for _, file := range u.left[name] {
		files = append(files, file+l.Ending())
	}
	return files, nil
}

// stampOf changes when one of the files does.
func stampOf(v host.View, files []string) (string, error) {
	var b strings.Builder
	for _, f := range files {
		st, err := v.Lstat(f)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "%d %d %d %d %d\n", st.Kind, st.Dev, st.Ino, st.Size, st.ModTime.UnixNano())
	}
	return b.String(), nil
}

// offers says what the repositories offer of names. The first question is asked for all packages of the run, in one process.
func (u *use) offers(ctx context.Context, v host.View, names []string, fresh bool) (map[string]manager.Offer, error) {
	all, newest := u.run.names(u)
	fresh = fresh || newest
	u.mu.Lock()
	defer u.mu.Unlock()
	if fresh && !u.fresh {
		u.dropOffers()
	}
	missing := func(n string) bool { return !u.asked[n] }
	if slices.ContainsFunc(names, missing) {
		ask := map[string]bool{}
		for _, n := range slices.Concat(names, all) {
			if missing(n) && u.ValidName(n) {
				ask[n] = true
			}
		}
		found, err := u.Offers(ctx, v, slices.Sorted(maps.Keys(ask)), fresh)
		if err != nil {
			return nil, err
		}
		maps.Copy(u.asked, ask)
		maps.Copy(u.known, found)
		u.fresh = u.fresh || fresh
	}
	offers := map[string]manager.Offer{}
	for _, n := range names {
		if o, ok := u.known[n]; ok {
			offers[n] = o
		}
	}
	return offers, nil
}

// fileVersion returns the version of a package file; "" where there is no such file yet, or the manager cannot tell.
func (u *use) fileVersion(ctx context.Context, v host.View, file string) (string, error) {
	reader, ok := u.Driver.(manager.FileVersioner)
	if !ok {
		return "", nil
	}
	_, st, err := manager.Resolve(v, file)
	if err != nil || st.Kind == host.Absent {
		return "", err
	}
	return reader.FileVersion(ctx, v, file)
}

// refreshAll fetches all metadata, once in a run.
func (u *use) refreshAll(ctx context.Context, s *manager.Session) error {
	if !u.refreshed {
		u.failed = u.Refresh(ctx, s, true)
		u.refreshed = ctx.Err() == nil
		u.forget()
	}
	return u.failed
}
