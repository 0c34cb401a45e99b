package cli

import (
	"os"

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

// KnownState opens the state folder if there is one that can be read, else it is nil: a plan makes none.
func (a *App) KnownState() *journal.State {
	dir, err := a.StateDir()
	if err != nil {
		return nil
	}
	if _, err := os.Stat(dir); err != nil {
		return nil
	}
	state, err := journal.OpenState(dir)
	if err != nil {
		return nil
	}
	return state
}
