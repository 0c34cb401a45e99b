package hosttest

import (
	"context"
	"fmt"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest/internal/units"
)

// Unit is a unit of the node's systemd, which is a model here: starting makes a unit active, and executes nothing.
//
//	Unit{Unit: host.Unit{Name: "web.service"}, Aliases: []string{"www.service"}, Fails: "exit-code", DiesAfter: time.Second, Log: "its journal"}
type Unit = units.Unit

// AddUnits gives the node a systemd with these units, and with those that its unit files bring. Without a call, and be it one of no units, the node has none.
func (h *Host) AddUnits(all ...Unit) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var err error
	if h.systemd == nil {
		h.systemd, err = units.New(h.Node)
	}
	if err == nil {
		err = h.systemd.Add(all...)
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

// manager is the node's systemd, once what it was called for is noted.
func (h *Host) manager(call string) (*units.Manager, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if call != "" {
		h.calls = append(h.calls, "systemctl "+call)
	}
	if h.systemd == nil {
		return nil, host.ErrNoSystemd
	}
	return h.systemd, nil
}

// Unit implements [host.UnitReader].
func (h *Host) Unit(ctx context.Context, name string) (host.Unit, error) {
	m, err := h.manager("")
	if err != nil {
		return host.Unit{}, err
	}
	return m.Unit(ctx, name)
}

// UnitLog implements [host.UnitReader].
func (h *Host) UnitLog(_ context.Context, name string, _ int) (string, error) {
	m, err := h.manager("")
	if err != nil {
		return "", err
	}
	return m.Log(name), nil
}

// DoUnit implements [host.UnitWriter]. [Host.Calls] tells of it as "systemctl VERB NAME".
func (h *Host) DoUnit(ctx context.Context, name string, v host.Verb) error {
	m, err := h.manager(fmt.Sprintf("%s %s", v, name))
	if err != nil {
		return err
	}
	return m.Do(ctx, name, v)
}

// DaemonReload implements [host.UnitWriter]. Calls tells of it as "systemctl daemon-reload".
func (h *Host) DaemonReload(ctx context.Context) error {
	m, err := h.manager("daemon-reload")
	if err != nil {
		return err
	}
	return m.Reload(ctx)
}
