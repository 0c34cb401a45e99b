package initsystem

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
)

// logLines is how much of a unit's journal is quoted when a job fails.
const logLines = 10

type systemd struct{ d Definition }

func (p systemd) State(ctx context.Context, v host.View) (State, error) {
	u, err := v.Unit(ctx, p.d.Unit())
	if err != nil {
		return State{}, err
	}
	st := State{Missing: u.LoadState == "not-found", Enable: enablement(u), Running: active(u), Starting: u.ActiveState == "activating"}
	if u.FragmentPath == "/etc/systemd/system/"+cmp.Or(u.ID, p.d.Unit()) && !st.Enable.Masked() { // that of a template is not in the way
		st.Instead = u.FragmentPath
	}
	if p.d.Status != "" {
		st.Starting = false
		if st.Running, err = succeeds(ctx, v, p.d.Status); err != nil {
			return State{}, err
		}
	}
	if st.Unread = unread(u); st.Unread && u.ActiveState == "inactive" { // of such a one the file is read whenever somebody asks
		return st, fmt.Errorf("%s: systemd cannot load it (%s)", p.d.Unit(), u.LoadState)
	}
	return st, nil
}

func unread(u host.Unit) bool { return u.LoadState == "bad-setting" || u.LoadState == "error" }

// active says whether a unit runs. A unit that systemd starts again and again passes through "activating" only.
func active(u host.Unit) bool {
	switch u.ActiveState {
	case "active", "reloading", "refreshing":
		return true
	}
	return false
}

// enablement is the value of enable that u has.
func enablement(u host.Unit) Enablement {
	switch u.UnitFileState {
	case "enabled", "alias":
		return Enabled
	case "masked":
		return Mask
	case "masked-runtime":
		return MaskRuntime
	case "disabled", "enabled-runtime", "linked", "linked-runtime": // a link makes systemd know the file, and starts nothing
		return Disabled
	case "":
		if u.LoadState == "masked" {
			return Mask
		}
		if u.LoadState == "not-found" {
			return Disabled
		}
	}
	return Enablement(cmp.Or(u.UnitFileState, "static")) // or indirect, generated, transient: nothing to enable
}

func describe(u host.Unit) string {
	return fmt.Sprintf("%s (%s), result %s", u.ActiveState, u.SubState, u.Result)
}

// fresh makes systemd read its files again where they have changed since: it would run the old unit otherwise.
func (p systemd) fresh(ctx context.Context, h host.Host) error {
	u, err := h.Unit(ctx, p.d.Unit())
	if err != nil || !u.NeedDaemonReload && !unread(u) {
		return err
	}
	return h.DaemonReload(ctx)
}

func (p systemd) Enable(ctx context.Context, h host.Host, to Enablement) error {
	if err := p.fresh(ctx, h); err != nil {
		return err
	}
	u, err := h.Unit(ctx, p.d.Unit())
	if err != nil {
		return err
	}
	name := u.ID // systemd refuses to enable a unit by its alias
	if to == Mask {
		return h.DoUnit(ctx, name, host.Mask)
	}
	if enablement(u).Masked() {
		if err := h.DoUnit(ctx, name, host.Unmask); err != nil {
			return err
		}
	}
	switch {
	case to.Fixed():
		return nil
	case to == MaskRuntime:
		return h.DoUnit(ctx, name, host.MaskRuntime)
	case to == Enabled:
		return h.DoUnit(ctx, name, host.Enable)
	}
	return h.DoUnit(ctx, name, host.Disable)
}

func (p systemd) Start(ctx context.Context, h host.Host) error {
	return p.run(ctx, h, host.Start, p.d.Start)
}

func (p systemd) Refresh(ctx context.Context, h host.Host) error {
	verb := p.d.OnRefresh
	command := ""
	if verb == host.Restart {
		command = p.d.Restart
	}
	if command == "" && verb != host.Reload && p.d.ByCommands() && p.d.Stop != "" {
		if err := p.Stop(ctx, h); err != nil {
			return err
		}
		return p.Start(ctx, h)
	}
	return p.run(ctx, h, verb, command)
}

// run starts the unit by the verb or by a command of the manifest, and waits until it has settled.
func (p systemd) run(ctx context.Context, h host.Host, verb host.Verb, command string) error {
	if err := p.fresh(ctx, h); err != nil {
		return err
	}
	var err error
	if command != "" {
		err = shell(ctx, h, string(verb), command)
	} else {
		err = h.DoUnit(ctx, p.d.Unit(), verb)
	}
	if err == nil {
		err = p.settled(ctx, h)
	}
	return p.explain(ctx, h, err)
}

func (p systemd) Stop(ctx context.Context, h host.Host) error {
	if err := p.fresh(ctx, h); err != nil {
		return err
	}
	if p.d.Stop != "" {
		return shell(ctx, h, "stop", p.d.Stop)
	}
	return p.explain(ctx, h, h.DoUnit(ctx, p.d.Unit(), host.Stop))
}

// settled waits until the unit has been active for the settle time without a restart.
func (p systemd) settled(ctx context.Context, h host.Host) error {
	if p.d.Status != "" { // what running means is the manifest's to say
		return stays(ctx, p.d.Name, 0, func() (bool, error) { return p.runsByStatus(ctx, h) })
	}
	first, err := h.Unit(ctx, p.d.Unit())
	if err != nil {
		return err
	}
	start := time.Now()
	for {
		u, err := h.Unit(ctx, p.d.Unit())
		switch {
		case err != nil:
			return err
		case u.NRestarts > first.NRestarts:
			return fmt.Errorf("%s does not stay up: systemd has restarted it, %s", p.d.Unit(), describe(u))
		case u.ActiveState == "activating" && u.SubState != "auto-restart":
			start = time.Now() // it is still on its way
		case u.ActiveState == "inactive" && u.Result == "success" && u.Type == "oneshot":
			return fmt.Errorf("%s is a oneshot unit that has ended well, so that it cannot be running; give it RemainAfterExit=yes, or make it an exec", p.d.Unit())
		case !active(u):
			return fmt.Errorf("%s does not stay up: %s", p.d.Unit(), describe(u))
		}
		if time.Since(start) >= settle || u.Modelled {
			return nil
		}
		if err := pause(ctx, poll); err != nil {
			return fmt.Errorf("%s is %s still: %w", p.d.Unit(), u.ActiveState, err)
		}
	}
}

// runsByStatus asks the status command. Where it says no and the unit, which systemd started, has ended, it will not say yes any more.
func (p systemd) runsByStatus(ctx context.Context, h host.Host) (bool, error) {
	ok, err := succeeds(ctx, h, p.d.Status)
	if err != nil || ok || p.d.Start != "" {
		return ok, err
	}
	u, err := h.Unit(ctx, p.d.Unit())
	if err == nil && !active(u) && u.ActiveState != "activating" {
		err = fmt.Errorf("%s does not stay up: %s", p.d.Unit(), describe(u))
	}
	return false, err
}

// explain adds the unit's last log lines to an error, unless it is a command's that said itself what went wrong.
func (p systemd) explain(ctx context.Context, v host.View, err error) error {
	var told *resources.CommandError
	if err == nil || errors.As(err, &told) && strings.TrimSpace(told.Tail) != "" {
		return err
	}
	// The deadline may have passed: the log is asked for all the same, briefly.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	log, logErr := v.UnitLog(ctx, p.d.Unit(), logLines)
	if logErr != nil {
		log = "no journal: " + logErr.Error()
	}
	return &jobError{err: err, log: strings.TrimSpace(log)}
}

// jobError says that a service could not be started, stopped or reloaded, with what it had to say last.
type jobError struct {
	err error
	log string // the last lines of the unit's journal
}

func (e *jobError) Error() string { return e.err.Error() }
func (e *jobError) Unwrap() error { return e.err }

// Detail is what a report shows beneath the reason.
func (e *jobError) Detail() string { return e.log }
