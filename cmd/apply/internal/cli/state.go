package cli

import (
	"errors"
	"io/fs"

	"github.com/nodeapply/apply/journal"
)

// StateDir is the state folder that the flags name, or the default one.
func (a *App) StateDir() (string, error) {
	if a.State != "" {
		return a.State, nil
	}
	return journal.DefaultDir(a.Env)
}

// OpenState opens the state folder, and makes it where there is none.
func (a *App) OpenState() (*journal.State, error) {
	dir, err := a.StateDir()
	if err != nil {
		return nil, err
	}
	return journal.OpenState(dir)
}

// KnownState is the state folder for who only reads it: nil where there is none.
func (a *App) KnownState() (*journal.State, error) {
	dir, err := a.StateDir()
	if err != nil {
		return nil, err
	}
	state, err := journal.ReadState(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return state, err
}
