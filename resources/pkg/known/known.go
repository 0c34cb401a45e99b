// Package known is what a run knows of the package managers of its node: their databases, what is on offer, and what removals left, each read
// once for all packages and kept until it changes.
package known

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources/pkg/apk"
	"github.com/nodeapply/apply/resources/pkg/apt"
	"github.com/nodeapply/apply/resources/pkg/conffile"
	"github.com/nodeapply/apply/resources/pkg/dnf"
	"github.com/nodeapply/apply/resources/pkg/manager"
	"github.com/nodeapply/apply/resources/pkg/pacman"
	"github.com/nodeapply/apply/resources/pkg/yum"
	"github.com/nodeapply/apply/resources/pkg/zypper"
)

// Providers returns the words of the provider attribute.
func Providers() []string { return []string{"apt", "dnf", "yum", "zypper", "pacman", "apk"} }

// NewManager returns the manager of that name, which is one of Providers.
func NewManager(name string) *manager.Manager {
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

// Run is what the packages of one run share.
type Run struct {
	mu       sync.Mutex
	wanted   map[string][]string // names by provider, "" for the node's own
	latest   map[string]bool     // by provider: some package is to be the latest
	managers map[string]*Manager
}

// NewRun returns that of a run which begins.
func NewRun() *Run {
	return &Run{wanted: map[string][]string{}, latest: map[string]bool{}, managers: map[string]*Manager{}}
}

// Announce tells names that will be asked for, and whether they are to be the latest.
func (r *Run) Announce(provider string, names []string, newest bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.latest[provider] = r.latest[provider] || newest
	r.wanted[provider] = append(r.wanted[provider], names...)
}

// Manager returns the manager for a provider, "" for the node's own.
func (r *Run) Manager(v host.View, provider string) (*Manager, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m, ok := r.managers[provider]; ok {
		return m, nil
	}
	name := provider
	if name == "" {
		found, err := manager.Detect(v)
		if err != nil {
			return nil, err
		}
		name = found
	}
	if !slices.Contains(Providers(), name) {
		return nil, fmt.Errorf("packages of %s cannot be managed", name)
	}
	m, ok := r.managers[name]
	if !ok {
		made := NewManager(name)
		if name == "yum" {
			classic, err := yum.There(v)
			if err != nil {
				return nil, err
			}
			if classic {
				made = yum.New()
			}
		}
		m = &Manager{Manager: made, run: r, known: map[string]manager.Offer{}, asked: map[string]bool{}}
	}
	r.managers[name], r.managers[provider] = m, m
	return m, nil
}

// names returns all names that were announced for m, and whether some package of it is to be the latest.
func (r *Run) names(m *Manager) (names []string, newest bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for provider, list := range r.wanted {
		if r.managers[provider] == m {
			names = append(names, list...)
			newest = newest || r.latest[provider]
		}
	}
	return names, newest
}

// Manager is one package manager as a run uses it: what was read of it is kept until it changes.
type Manager struct {
	*manager.Manager
	run *Run

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

// DB returns the database, read again only if it changed.
func (m *Manager) DB(ctx context.Context, v host.View) (*manager.DB, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	stamp, err := stampOf(v, m.Files())
	if err != nil {
		return nil, err
	}
	if m.db != nil && stamp == m.stamp {
		return m.db, nil
	}
	db, err := m.Read(ctx, v)
	if err != nil {
		return nil, fmt.Errorf("package database of %s: %w", m.Name, err)
	}
	m.db, m.stamp = db, stamp
	m.dropOffers()
	return db, nil
}

// dropOffers forgets what was asked beside the database.
func (m *Manager) dropOffers() {
	m.known, m.asked, m.fresh = map[string]manager.Offer{}, map[string]bool{}, false
	m.saved, m.left = nil, nil
}

// Forget makes the next reading a new one.
func (m *Manager) Forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.db = nil
	m.dropOffers()
}

// Leftovers are the files that an earlier removal of the package kept of its configuration, as they are called now; none where the database
// itself knows them.
func (m *Manager) Leftovers(ctx context.Context, v host.View, name string) (files []string, err error) {
	l, ok := m.Driver.(manager.Leaver)
	if !ok {
		return nil, nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.left == nil {
		if m.saved, err = conffile.Saved(v, l.Ending()); err != nil {
			return nil, err
		}
		m.left = map[string][]string{}
	}
	if _, asked := m.left[name]; !asked && len(m.saved) > 0 {
		owned, err := l.Owned(ctx, v, []string{name}, m.saved)
		if err != nil {
			return nil, err
		}
		m.left[name] = owned[name]
	}
	for _, file := range m.left[name] {
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

// Offered says what the repositories offer of names. The first question is asked for all packages of the run, in one process.
func (m *Manager) Offered(ctx context.Context, v host.View, names []string, fresh bool) (map[string]manager.Offer, error) {
	all, newest := m.run.names(m)
	fresh = fresh || newest
	m.mu.Lock()
	defer m.mu.Unlock()
	if fresh && !m.fresh {
		m.dropOffers()
	}
	missing := func(n string) bool { return !m.asked[n] }
	if slices.ContainsFunc(names, missing) {
		ask := map[string]bool{}
		for _, n := range slices.Concat(names, all) {
			if missing(n) && m.ValidName(n) {
				ask[n] = true
			}
		}
		found, err := m.Offers(ctx, v, slices.Sorted(maps.Keys(ask)), fresh)
		if err != nil {
			return nil, err
		}
		maps.Copy(m.asked, ask)
		maps.Copy(m.known, found)
		m.fresh = m.fresh || fresh
	}
	offers := map[string]manager.Offer{}
	for _, n := range names {
		if o, ok := m.known[n]; ok {
			offers[n] = o
		}
	}
	return offers, nil
}

// VersionOf returns the version of a package file; "" where there is no such file yet, or the manager cannot tell.
func (m *Manager) VersionOf(ctx context.Context, v host.View, file string) (string, error) {
	reader, ok := m.Driver.(manager.FileVersioner)
	if !ok {
		return "", nil
	}
	_, st, err := host.Resolve(v, file)
	if err != nil || st.Kind == host.Absent {
		return "", err
	}
	return reader.FileVersion(ctx, v, file)
}

// RefreshAll fetches all metadata, once in a run.
func (m *Manager) RefreshAll(ctx context.Context, s *manager.Session) error {
	if !m.refreshed {
		m.failed = m.Refresh(ctx, s, true)
		m.refreshed = ctx.Err() == nil
		m.Forget()
	}
	return m.failed
}

// List tells the files of all installed packages of the node's own package manager. A node that has none, or one that is not asked for files, has none to
// tell.
func List(ctx context.Context, v host.View, file func(p *manager.Content, name string)) error {
	name, err := manager.Detect(v)
	if errors.Is(err, manager.ErrNone) {
		return nil
	}
	if err != nil {
		return err
	}
	if l, ok := NewManager(name).Driver.(manager.Lister); ok {
		return l.List(ctx, v, file)
	}
	return nil
}
