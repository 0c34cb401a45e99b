package service

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/nodeapply/apply/host"
)

// logLines is how much of a unit's journal is quoted when a job fails.
const logLines = 10

// poll is how often a unit is looked at while it settles.
const poll = 50 * time.Millisecond

// systemd is the provider of nodes that run it.
type systemd struct{ s *Service }

func (p systemd) state(ctx context.Context, v host.View) (state, error) {
	u, err := v.Unit(ctx, p.s.unit())
	if err != nil {
		return state{}, err
	}
	st := state{missing: u.LoadState == "not-found", enable: enablement(u), running: active(u), starting: u.ActiveState == "activating"}
	if p.s.Status != "" {
		st.starting = false
		if st.running, err = succeeds(ctx, v, p.s.Status); err != nil {
			return state{}, err
		}
	}
	if u.LoadState == "bad-setting" || u.LoadState == "error" {
		return st, fmt.Errorf("%s: systemd cannot load it (%s)", p.s.unit(), u.LoadState)
	}
	return st, nil
}

// active says whether a unit runs. A unit that systemd starts again and again passes through "activating" only.
func active(u host.Unit) bool {
	switch u.ActiveState {
	case "active", "reloading", "refreshing":
		return true
	}
	return false
}

// enablement is the value of enable that u has; "" where it has none of its own to change.
func enablement(u host.Unit) string {
	switch u.UnitFileState {
	case "enabled", "alias":
		return enabled
	case "masked":
		return mask
	case "masked-runtime":
		return maskRuntime
	case "disabled", "enabled-runtime", "linked", "linked-runtime": // a link makes systemd know the file, and starts nothing
		return disabled
	case "":
		if u.LoadState == "masked" {
			return mask
		}
		if u.LoadState == "not-found" {
			return disabled
		}
	}
	return "" // static, indirect, generated, transient: nothing to enable
}

func describe(u host.Unit) string {
	return fmt.Sprintf("%s (%s), result %s", u.ActiveState, u.SubState, u.Result)
}

// fresh makes systemd read its files again where they have changed since: it would run the old unit otherwise.
func (p systemd) fresh(ctx context.Context, h host.Host) error {
	u, err := h.Unit(ctx, p.s.unit())
	if err != nil || !u.NeedDaemonReload {
		return err
	}
	return h.DaemonReload(ctx)
}

func (p systemd) set(ctx context.Context, h host.Host, enable string) error {
	if err := p.fresh(ctx, h); err != nil {
		return err
	}
	u, err := h.Unit(ctx, p.s.unit())
	if err != nil {
		return err
	}
	name := u.ID // systemd refuses to enable a unit by its alias
	switch enable {
	case mask:
		return h.DoUnit(ctx, name, host.Mask)
	case maskRuntime:
		return h.DoUnit(ctx, name, host.MaskRuntime)
	}
	if is := enablement(u); is == mask || is == maskRuntime {
		if err := h.DoUnit(ctx, name, host.Unmask); err != nil {
			return err
		}
	}
	verb := host.Disable
	if enable == enabled {
		verb = host.Enable
	}
	return h.DoUnit(ctx, name, verb)
}

func (p systemd) start(ctx context.Context, h host.Host) error {
	return p.run(ctx, h, host.Start, p.s.Start)
}

func (p systemd) refresh(ctx context.Context, h host.Host) error {
	verb := host.Verb(p.s.OnRefresh)
	command := ""
	if verb == host.Restart {
		command = p.s.Restart
	}
	if command == "" && verb != host.Reload && p.s.byCommands() && p.s.Stop != "" {
		if err := p.stop(ctx, h); err != nil {
			return err
		}
		return p.start(ctx, h)
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
		err = h.DoUnit(ctx, p.s.unit(), verb)
	}
	if err == nil {
		err = p.settled(ctx, h)
	}
	return p.explain(ctx, h, err)
}

func (p systemd) stop(ctx context.Context, h host.Host) error {
	if err := p.fresh(ctx, h); err != nil {
		return err
	}
	if p.s.Stop != "" {
		return shell(ctx, h, "stop", p.s.Stop)
	}
	return p.explain(ctx, h, h.DoUnit(ctx, p.s.unit(), host.Stop))
}

// settled waits until the unit has been active for the settle time without a restart.
func (p systemd) settled(ctx context.Context, h host.Host) error {
	if p.s.Status != "" { // what running means is the manifest's to say
		return stays(ctx, p.s.Name, 0, func() (bool, error) { return p.runsByStatus(ctx, h) })
	}
	first, err := h.Unit(ctx, p.s.unit())
	if err != nil {
		return err
	}
	start := time.Now()
	for {
		u, err := h.Unit(ctx, p.s.unit())
		switch {
		case err != nil:
			return err
		case u.NRestarts > first.NRestarts:
			return fmt.Errorf("%s does not stay up: systemd has restarted it, %s", p.s.unit(), describe(u))
		case u.ActiveState == "activating" && u.SubState != "auto-restart":
			start = time.Now() // it is still on its way
		case u.ActiveState == "inactive" && u.Result == "success" && u.Type == "oneshot":
			return fmt.Errorf("%s is a oneshot unit that has ended well, so that it cannot be running; give it RemainAfterExit=yes, or make it an exec", p.s.unit())
		case !active(u):
			return fmt.Errorf("%s does not stay up: %s", p.s.unit(), describe(u))
		}
		if time.Since(start) >= settle || u.Modelled {
			return nil
		}
		if err := pause(ctx, poll); err != nil {
			return fmt.Errorf("%s is %s still: %w", p.s.unit(), u.ActiveState, err)
		}
	}
}

// runsByStatus asks the status command. Where it says no and the unit, which systemd started, has ended, it will not say yes any more.
func (p systemd) runsByStatus(ctx context.Context, h host.Host) (bool, error) {
	ok, err := succeeds(ctx, h, p.s.Status)
	if err != nil || ok || p.s.Start != "" {
		return ok, err
	}
	u, err := h.Unit(ctx, p.s.unit())
	if err == nil && !active(u) && u.ActiveState != "activating" {
		err = fmt.Errorf("%s does not stay up: %s", p.s.unit(), describe(u))
	}
	return false, err
}

// ask is how often a command is asked whether a service runs, while that settles.
const ask = 250 * time.Millisecond

// stays waits until runs, which takes a process to say, has said for the settle time that the service does. When it has not said so within the
// patience, it is not waited for any more; 0: it may take as long as ctx.
func stays(ctx context.Context, name string, patience time.Duration, runs func() (bool, error)) error {
	var since time.Time
	start := time.Now()
	for {
		ok, err := runs()
		switch {
		case err != nil:
			return err
		case !ok && !since.IsZero():
			return fmt.Errorf("%s does not stay up", name)
		case !ok && patience > 0 && time.Since(start) >= patience:
			return fmt.Errorf("%s does not run, %s after its start has ended well: either that starts nothing, or its status does not see it", name, patience)
		case ok && since.IsZero():
			since = time.Now()
		case ok && time.Since(since) >= settle:
			return nil
		}
		if err := pause(ctx, ask); err != nil {
			return fmt.Errorf("%s is not running still: %w", name, err)
		}
	}
}

// pause waits without keeping others from working.
func pause(ctx context.Context, d time.Duration) error {
	host.Waiting(ctx, func() {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
		}
	})
	return context.Cause(ctx)
}

// explain adds the unit's last log lines to an error.
func (p systemd) explain(ctx context.Context, v host.View, err error) error {
	if err == nil {
		return nil
	}
	// The deadline may have passed: the log is asked for all the same, briefly.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	log, logErr := v.UnitLog(ctx, p.s.unit(), logLines)
	if logErr != nil {
		log = "no journal: " + logErr.Error()
	}
	return &JobError{Err: err, Log: strings.TrimSpace(log)}
}

// JobError says that a service could not be started, stopped or reloaded, with what it had to say last.
type JobError struct {
	Err error
	Log string // the last lines of the unit's journal
}

// Error is the reason.
func (e *JobError) Error() string { return e.Err.Error() }

// Unwrap returns the reason.
func (e *JobError) Unwrap() error { return e.Err }

// Detail returns the last lines of the unit's journal.
func (e *JobError) Detail() string { return e.Log }
