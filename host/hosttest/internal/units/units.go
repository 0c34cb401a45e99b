// Package units is a systemd for tests: a small state machine of units, in which starting makes a unit active and masking makes that fail.
package units

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nodeapply/apply/host"
)

// Unit is one unit.
type Unit struct {
	host.Unit               // as it is at first; unset parts are those of an inactive, disabled unit that is loaded
	Aliases   []string      // further names
	Fails     string        // the Result with which every start fails: "exit-code", "timeout"...
	DiesAfter time.Duration // how long it runs after a start that went well; 0: for good
	Log       string        // what its journal holds
}

// Manager holds units, by all their names. It may be used by several goroutines.
type Manager struct {
	mu    sync.Mutex
	units map[string]*Unit
}

// Add gives the manager further units.
func (m *Manager) Add(units ...Unit) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.units == nil {
		m.units = map[string]*Unit{}
	}
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
			m.units[name] = &u
		}
	}
}

// Unit is how a unit is now; of one that is not there LoadState is "not-found".
func (m *Manager) Unit(name string) host.Unit {
	m.mu.Lock()
	defer m.mu.Unlock()
	u := m.units[name]
	if u == nil {
		return host.Unit{Name: name, ID: name, LoadState: "not-found", ActiveState: "inactive", SubState: "dead"}
	}
	if u.DiesAfter > 0 && u.ActiveState == "active" && time.Since(u.ActiveEnter) >= u.DiesAfter {
		u.fail("exit-code")
	}
	state := u.Unit
	state.Name = name
	return state
}

// Log is what the journal of a unit holds.
func (m *Manager) Log(name string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if u := m.units[name]; u != nil {
		return u.Log
	}
	return ""
}

// Do runs the job of a verb for a unit.
func (m *Manager) Do(name string, v host.Verb) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	u := m.units[name]
	if u == nil {
		return fmt.Errorf("%s %s: unit not found", v, name)
	}
	if err := u.do(v); err != nil {
		return fmt.Errorf("%s %s: %w", v, name, err)
	}
	return nil
}

// Reload reads the files of all units again.
func (m *Manager) Reload() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, u := range m.units {
		u.NeedDaemonReload = false
	}
}

func (u *Unit) do(v host.Verb) error {
	running := u.ActiveState == "active"
	switch v {
	case host.Stop:
		u.ActiveState, u.SubState, u.MainPID = "inactive", "dead", 0
	case host.Enable, host.Disable:
		return u.setEnabled(v)
	case host.Mask:
		u.LoadState, u.UnitFileState = "masked", "masked"
	case host.MaskRuntime:
		u.LoadState, u.UnitFileState = "masked", "masked-runtime"
	case host.Unmask:
		if u.LoadState == "masked" {
			u.LoadState, u.UnitFileState = "loaded", "disabled"
		}
	case host.Reload:
		if !running {
			return fmt.Errorf("job ended failed: the unit is not active")
		}
	case host.Start:
		if !running {
			return u.start()
		}
	case host.ReloadOrRestart:
		if !running {
			return u.start()
		}
	case host.Restart:
		return u.start()
	default:
		return fmt.Errorf("unknown verb")
	}
	return nil
}

func (u *Unit) setEnabled(v host.Verb) error {
	switch {
	case u.LoadState == "masked":
		return fmt.Errorf("unit is masked")
	case slices.Contains([]string{"static", "indirect", "generated", "transient"}, u.UnitFileState):
	case v == host.Enable:
		u.UnitFileState = "enabled"
	default:
		u.UnitFileState = "disabled"
	}
	return nil
}

func (u *Unit) start() error {
	switch {
	case u.LoadState != "loaded":
		return fmt.Errorf("unit is %s", u.LoadState)
	case u.Fails != "":
		u.fail(u.Fails)
		return fmt.Errorf("job ended failed")
	}
	u.ActiveState, u.SubState, u.Result, u.ActiveEnter = "active", "running", "success", time.Now()
	u.MainPID = max(u.MainPID, 1000) + 1
	return nil
}

func (u *Unit) fail(result string) {
	u.ActiveState, u.SubState, u.Result, u.MainPID = "failed", "failed", result, 0
}
