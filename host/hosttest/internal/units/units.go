// Package units is a systemd for tests: a [model.Node] with units that need no unit files, and that can fail and die.
package units

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/sandbox/model"
)

// Unit is one unit.
type Unit struct {
	host.Unit               // as it is at first; unset parts are those of an inactive, disabled unit that is loaded
	Aliases   []string      // further names
	Fails     string        // the Result with which every start fails: "exit-code", "timeout"...
	DiesAfter time.Duration // how long it runs after a start that went well; 0: for good
	Log       string        // what its journal holds
}

// Manager is the systemd. It may be used by several goroutines.
type Manager struct {
	mu    sync.Mutex
	node  *model.Node
	units map[string]Unit // that were added, by all their names
}

// New returns a manager that knows the units whose files h has.
func New(h host.Host) (*Manager, error) {
	node, err := model.New(h, "", model.Seed{})
	return &Manager{node: node, units: map[string]Unit{}}, err
}

// Add gives the manager further units.
func (m *Manager) Add(units ...Unit) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var names []host.Unit
	for _, u := range units {
		u.ID = u.Name
		for _, d := range []struct {
			field *string
			value string
		}{
			{&u.LoadState, "loaded"}, {&u.ActiveState, "inactive"}, {&u.SubState, "dead"}, {&u.UnitFileState, "disabled"},
			{&u.Type, "simple"}, {&u.Result, "success"}, {&u.FragmentPath, "/lib/systemd/system/" + u.Name},
		} {
			if *d.field == "" {
				*d.field = d.value
			}
		}
		for _, name := range append(u.Aliases, u.Name) {
			alias := u.Unit
			alias.Name = name
			names = append(names, alias)
			m.units[name] = u
		}
	}
	return m.put(names...)
}

// put has the model go on with these units as they are given, and with the others as they have become.
func (m *Manager) put(units ...host.Unit) error {
	for name, u := range m.units {
		if slices.ContainsFunc(units, func(given host.Unit) bool { return given.ID == u.ID }) {
			continue
		}
		is, err := m.node.Unit(context.Background(), name)
		if err != nil {
			return err
		}
		units = append(units, is)
	}
	node, err := model.New(m.node.Host, "", model.Seed{Units: units})
	if err == nil {
		m.node = node
	}
	return err
}

// fail has a unit end badly.
func (m *Manager) fail(u host.Unit, result string) error {
	u.ActiveState, u.SubState, u.Result = "failed", "failed", result
	return m.put(u)
}

// Unit is how a unit is now; of one that is not there LoadState is "not-found".
func (m *Manager) Unit(ctx context.Context, name string) (host.Unit, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	u, err := m.node.Unit(ctx, name)
	if dies := m.units[name].DiesAfter; err == nil && dies > 0 && u.ActiveState == "active" && time.Since(u.ActiveEnter) >= dies {
		if err = m.fail(u, "exit-code"); err == nil {
			return m.node.Unit(ctx, name)
		}
	}
	return u, err
}

// Log is what the journal of a unit holds.
func (m *Manager) Log(name string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.units[name].Log
}

// Do runs the job of a verb for a unit.
func (m *Manager) Do(ctx context.Context, name string, v host.Verb) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	starts := v == host.Start || v == host.Restart || v == host.ReloadOrRestart
	if result := m.units[name].Fails; result != "" && starts {
		u, err := m.node.Unit(ctx, name)
		if err != nil {
			return err
		}
		if u.LoadState == "loaded" && (u.ActiveState != "active" || v == host.Restart) {
			if err := m.fail(u, result); err != nil {
				return err
			}
			return fmt.Errorf("%s %s: job ended failed", v, name)
		}
	}
	return m.node.DoUnit(ctx, name, v)
}

// Reload reads the files of all units again.
func (m *Manager) Reload(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.node.DaemonReload(ctx)
}
