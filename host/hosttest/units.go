package hosttest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/nodeapply/apply/host"
)

// Unit is a unit of the node's systemd, which is a small state machine here: starting makes a unit active, masking makes that fail.
type Unit struct {
	host.Unit               // as it is at first; unset parts are those of an inactive, disabled unit that is loaded
	Aliases   []string      // further names
	Fails     string        // the Result with which every start fails: "exit-code", "timeout"...
	DiesAfter time.Duration // how long it runs after a start that went well; 0: for good
	Log       string        // what its journal holds
}

// AddUnits gives the node a systemd with these units. Without a call, and be it one of no units, the node has none.
func (h *Host) AddUnits(units ...Unit) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.units == nil {
		h.units = map[string]*Unit{}
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
			h.units[name] = &u
		}
	}
}

// Unit implements [host.UnitReader].
func (h *Host) Unit(_ context.Context, name string) (host.Unit, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.units == nil {
		return host.Unit{}, host.ErrNoSystemd
	}
	u := h.units[name]
	if u == nil {
		return host.Unit{Name: name, ID: name, LoadState: "not-found", ActiveState: "inactive", SubState: "dead"}, nil
	}
	if u.DiesAfter > 0 && u.ActiveState == "active" && time.Since(u.ActiveEnter) >= u.DiesAfter {
		u.fail("exit-code")
	}
	state := u.Unit
	state.Name = name
	return state, nil
}

// UnitLog implements [host.UnitReader].
func (h *Host) UnitLog(_ context.Context, name string, _ int) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.units == nil {
		return "", host.ErrNoSystemd
	}
	if u := h.units[name]; u != nil {
		return u.Log, nil
	}
	return "", nil
}

// DoUnit implements [host.UnitWriter]. [Host.Calls] tells of it as "systemctl VERB NAME".
func (h *Host) DoUnit(_ context.Context, name string, v host.Verb) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls = append(h.calls, fmt.Sprintf("systemctl %s %s", v, name))
	if h.units == nil {
		return host.ErrNoSystemd
	}
	u := h.units[name]
	if u == nil {
		return fmt.Errorf("%s %s: unit not found", v, name)
	}
	if err := u.do(v); err != nil {
		return fmt.Errorf("%s %s: %w", v, name, err)
	}
	return nil
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

// DaemonReload implements [host.UnitWriter]. Calls tells of it as "systemctl daemon-reload".
func (h *Host) DaemonReload(context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls = append(h.calls, "systemctl daemon-reload")
	if h.units == nil {
		return host.ErrNoSystemd
	}
	for _, u := range h.units {
		u.NeedDaemonReload = false
	}
	return nil
}
