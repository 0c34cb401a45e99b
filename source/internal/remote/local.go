package remote

import (
	"context"

	"github.com/nodeapply/apply/source/internal/odb"
	"github.com/nodeapply/apply/source/internal/worktree"
)

// local is a repository on this node. Its objects are read in this process: no program of git is started.
type local struct {
	store *odb.Store
	refs  map[string]Hash
}

func openLocal(path string, getenv Getenv) (Remote, error) {
	repository, err := worktree.At(path, worktree.User(getenv))
	if err != nil {
		return nil, err
	}
	store, err := odb.Open(repository.CommonDir)
	if err != nil {
		return nil, err
	}
	refs, err := store.Refs()
	if err != nil {
		store.Close()
		return nil, err
	}
	return &local{store, refs}, nil
}

func (l *local) Refs() map[string]Hash { return l.refs }
func (l *local) Close() error          { return l.store.Close() }

func (l *local) Fetch(ctx context.Context, dst *odb.Store, want Hash) error {
	return l.store.Copy(ctx, dst, want)
}

func (l *local) Commits(_ context.Context, _ *odb.Store, digits string) ([]Hash, error) {
	return l.store.Prefixed(digits)
}
