package rehearsal

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/nodeapply/apply/cmd/apply/internal/load"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/sandbox"
	"github.com/nodeapply/apply/sandbox/changes"
	"github.com/nodeapply/apply/sandbox/model"
	"github.com/nodeapply/apply/source"
)

// Theatre is where rehearsals of one manifest are made.
type Theatre struct {
	Stage *sandbox.Stage
	Seed  model.Seed // what is known of the node's units and mounts
	View  changes.View
	Noise []string // names that differ from one run of the same order to the next

}

// ReadsAgain is why nothing of a rehearsal can come through a pipe.
const ReadsAgain = "each rehearsal in the sandbox reads it again"

// Inside says whether this process was started in a box; then it has rehearsed the manifest there.
func Inside(ctx context.Context, l *load.Loader, src source.Source) (bool, error) {
	cell, err := sandbox.Inside()
	if cell == nil || err != nil {
		return false, err
	}
	return true, rehearse(ctx, l, cell, src)
}

// NewTheatre makes a stage for rehearsals of a manifest, and says which mount points of the node are not there.
func NewTheatre(ctx context.Context, l *load.Loader, m *load.Manifest) (t *Theatre, left []string, err error) {
	t = &Theatre{}
	mounts, err := m.Host.Mounts(ctx)
	if err != nil {
		return nil, nil, err
	}
	dir, err := l.StateDir()
	if err == nil {
		dir, err = filepath.Abs(dir)
	}
	if err == nil {
		t.Seed, err = known(ctx, m, mounts)
	}
	if err != nil {
		return nil, nil, err
	}
	t.View = changes.View{Skip: append([]string{dir, private}, volatile...), Essence: essence}
	layers, left := sandbox.Layers(mounts)
	t.Stage, err = sandbox.NewStage(layers)
	return t, left, err
}

// known is what the model of units and mounts begins with.
func known(ctx context.Context, m *load.Manifest, mounts []host.Mount) (model.Seed, error) {
	seed := model.Seed{Mounts: mounts}
	for _, e := range m.Catalog().Entries() {
		for _, name := range units(e.Resource) {
			u, err := m.Host.Unit(ctx, name)
			if errors.Is(err, host.ErrNoSystemd) {
				seed.NoSystemd = true
				return seed, nil
			}
			if err != nil {
				return seed, err
			}
			seed.Units = append(seed.Units, u)
		}
	}
	return seed, nil
}

// units are the names of those that a resource declares.
func units(r resources.Resource) (names []string) {
	if r, ok := r.(resources.Identified); ok {
		for _, id := range r.Provides() {
			if id.Kind == "unit" {
				names = append(names, id.Name)
			}
		}
	}
	return names
}

// Accounts are files in which the order of lines is that in which they were added.
var Accounts = []string{"/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow"}

// volatile names hold what differs from one run to the next and says nothing of the state: logs, caches, what is left of the files before, and the ranges of
// ids that users are given as they come.
var volatile = []string{
	"/etc/subuid", "/etc/subgid",
	"/var/log", "/var/cache", "/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-", "/etc/subuid-", "/etc/subgid-", "/etc/.pwd.lock",
	"/var/lib/dpkg/status-old", "/var/lib/dpkg/lock", "/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/triggers/Lock", "/var/lib/apt/lists/lock",
}
