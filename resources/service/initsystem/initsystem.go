// Package initsystem is what runs a node's services: systemd, reached over D-Bus without a process, or init scripts, through service(8).
//
// A service counts as started only after it has run for a second: systemd reports a start as done for a program that is not there, dies at once
// or restarts in a loop, and an init script may start nothing and say that all is well.
package initsystem

import (
	"context"
	"errors"

	"github.com/nodeapply/apply/host"
)

// Name is an init system, as the attribute provider says it.
type Name string

// The init systems.
const (
	Systemd Name = "systemd"
	SysV    Name = "sysv"
)

// Enablement says whether a service starts with the node, as the attribute enable does, or in systemd's word that this cannot be changed: static,
// indirect, generated.
type Enablement string

// The enablements. A mask lets nothing start the service.
const (
	Enabled  Enablement = "true"
	Disabled Enablement = "false"
	Mask     Enablement = "mask"
	// MaskRuntime is a mask that is gone when the node starts again: none of what can be declared.
	MaskRuntime Enablement = "mask-runtime"
)

// Masked says whether nothing can start the service.
func (e Enablement) Masked() bool { return e == Mask || e == MaskRuntime }

// Fixed says whether a service can be neither enabled nor disabled, only masked.
func (e Enablement) Fixed() bool { return e != "" && e != Enabled && e != Disabled && !e.Masked() }

// State is how a service was found.
type State struct {
	Running  bool
	Starting bool       // on its way up, be it again and again: not running, and not stopped either
	Enable   Enablement // "": it has none of its own to change
	Missing  bool       // nothing of that name is there
	Instead  string     // the file that stands where a mask would; "": none
	Unread   bool       // it runs, or has failed, and systemd could not load its file since: only to read it again tells whether it is right by now
}

// Definition is how a service is known, started, stopped and looked at.
type Definition struct {
	Name string
	// Shell commands in place of the init system's ways; "": its way.
	Start, Stop, Restart, Status string
	HasRestart, HasStatus        bool      // whether the service's init script knows them
	Pattern                      string    // of its process's command line (RE2), where its script knows no status; "": the name
	OnRefresh                    host.Verb // host.Restart, host.Reload or host.ReloadOrRestart
}

// Unit is the name as systemd knows it.
func (d Definition) Unit() string {
	if unit, err := host.UnitName(d.Name); err == nil {
		return unit
	}
	return d.Name + ".service" // which no unit has
}

// ByCommands says that a service's own commands run it, so that the node need not know it.
func (d Definition) ByCommands() bool { return d.Start != "" && d.Status != "" }

// System is an init system, asked about one service. Its errors about a command or a pattern of the definition are of resources.AttrError;
// one about a job has the last lines of the unit's journal as its Detail() string.
type System interface {
	State(ctx context.Context, v host.View) (State, error)
	// Enable changes the enablement; init scripts know Enabled and Disabled alone.
	Enable(ctx context.Context, h host.Host, to Enablement) error
	Start(ctx context.Context, h host.Host) error
	Stop(ctx context.Context, h host.Host) error
	// Refresh restarts or reloads a running service.
	Refresh(ctx context.Context, h host.Host) error
}

// New returns the system of that name for a service.
func New(name Name, d Definition) System {
	if name == SysV {
		return sysv{d}
	}
	return systemd{d}
}

// Of says what a node runs, which is asked for the unit that is wanted next.
func Of(ctx context.Context, v host.View, unit string) Name {
	if _, err := v.Unit(ctx, unit); errors.Is(err, host.ErrNoSystemd) {
		return SysV
	}
	return Systemd
}
