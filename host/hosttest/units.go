package hosttest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/sandbox/model"
)

// Unit is a unit of the node's systemd, which is a [model.Node]. It needs no unit file.
type Unit struct {
	host.Unit               // as it is at first; unset parts are those of an inactive, disabled unit that is loaded
	Aliases   []string      // further names
	Fails     string        // the Result with which every start fails: "exit-code", "timeout"...
	DiesAfter time.Duration // how long it runs after a start that went well; 0: for good
	Log       string        // what its journal holds
}

// AddUnits gives the node a systemd with these units, and with those that its unit files bring. Without a call, and be it one of no units, the node
// has none.
func (h *Host) AddUnits(units ...Unit) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var now []host.Unit
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
			now = append(now, alias)
			h.units[name] = u
		}
	}
	h.model(now...)
}

// model has the node go on with these units as they are given, and with the others as they have become.
func (h *Host) model(units ...host.Unit) {
	seed := model.Seed{Units: units}
	for name := range h.units {
		if !slices.ContainsFunc(units, func(u host.Unit) bool { return u.ID == h.units[name].ID }) {
			u, err := h.systemd.Unit(h.t.Context(), name)
			if err != nil {
				h.t.Fatal(err)
			}
			seed.Units = append(seed.Units, u)
		}
	}
	var err error
	if h.systemd, err = model.New(h.Node, "", seed); err != nil {
		h.t.Fatal(err)
	}
}

// fail has the unit be one that has ended badly.
func (h *Host) fail(u host.Unit, result string) {
	u.ActiveState, u.SubState, u.Result = "failed", "failed", result
	h.model(u)
}

// Unit implements [host.UnitReader].
func (h *Host) Unit(ctx context.Context, name string) (host.Unit, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.systemd == nil {
		return host.Unit{}, host.ErrNoSystemd
	}
	u, err := h.systemd.Unit(ctx, name)
	if dies := h.units[name].DiesAfter; err == nil && dies > 0 && u.ActiveState == "active" && time.Since(u.ActiveEnter) >= dies {
		h.fail(u, "exit-code")
		return h.systemd.Unit(ctx, name)
	}
	return u, err
}

// UnitLog implements [host.UnitReader].
func (h *Host) UnitLog(_ context.Context, name string, _ int) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.systemd == nil {
		return "", host.ErrNoSystemd
	}
	return h.units[name].Log, nil
}

// DoUnit implements [host.UnitWriter]. [Host.Calls] tells of it as "systemctl VERB NAME".
func (h *Host) DoUnit(ctx context.Context, name string, v host.Verb) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls = append(h.calls, fmt.Sprintf("systemctl %s %s", v, name))
	if h.systemd == nil {
		return host.ErrNoSystemd
	}
	starts := v == host.Start || v == host.Restart || v == host.ReloadOrRestart
	if result := h.units[name].Fails; result != "" && starts {
		u, err := h.systemd.Unit(ctx, name)
		if err != nil {
			return err
		}
		if u.LoadState == "loaded" && u.ActiveState != "active" {
			h.fail(u, result)
			return fmt.Errorf("%s %s: job ended failed", v, name)
		}
	}
	return h.systemd.DoUnit(ctx, name, v)
}

// DaemonReload implements [host.UnitWriter]. Calls tells of it as "systemctl daemon-reload".
func (h *Host) DaemonReload(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls = append(h.calls, "systemctl daemon-reload")
	if h.systemd == nil {
		return host.ErrNoSystemd
	}
	return h.systemd.DaemonReload(ctx)
}
