package model

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/unitfile"
)

// unit is a unit as systemd has it in memory, which may be another than its files say.
type unit struct {
	host.Unit
	Bare    bool   `json:",omitempty"` // there, without a file below the host: a generated one, say
	Read    string `json:",omitempty"` // the sum of the files when they were read last
	Runs    string `json:",omitempty"` // that sum when it was started
	Remains bool   `json:",omitempty"` // RemainAfterExit=
	Reloads bool   `json:",omitempty"` // can be reloaded
}

// seeded is a unit as the real node has it.
func seeded(is host.Unit, d unitfile.Unit) *unit {
	u := &unit{Unit: is, Read: d.Sum, Runs: d.Sum}
	u.Bare = d.File == "" && is.LoadState != "not-found"
	u.Remains, u.Reloads = d.Remains(), d.Reloads()
	return u
}

// load takes in what the files say.
func (u *unit) load(d unitfile.Unit) {
	u.NeedDaemonReload = false
	switch {
	case d.Masked:
		u.LoadState, u.FragmentPath = "masked", d.File
	case d.File != "":
		u.Bare, u.LoadState, u.Type, u.FragmentPath = false, d.LoadState(), d.Type(), d.File
		u.Remains, u.Reloads = d.Remains(), d.Reloads()
	case !u.Bare:
		u.LoadState, u.FragmentPath = "not-found", ""
	case u.Read != "": // its mask is gone
		u.LoadState, u.FragmentPath = "loaded", ""
	}
	u.Read = d.Sum
}

func (u *unit) active() bool {
	return slices.Contains([]string{"active", "reloading", "refreshing"}, u.ActiveState)
}

// describe is the unit's state as a text that is the same for all states that are as good. Now is how it shows itself.
func (u *unit) describe(now host.Unit) string {
	s := now.ActiveState + "/" + now.SubState
	if now.UnitFileState != "" {
		s += " " + now.UnitFileState
	}
	if now.LoadState != "loaded" && now.LoadState != now.UnitFileState {
		s += " " + now.LoadState
	}
	if now.NeedDaemonReload {
		s += ", needs a daemon-reload"
	}
	if u.active() && u.LoadState == "loaded" && u.Runs != u.Read {
		s += ", runs by an older unit file"
	}
	return s
}

// lookup returns the unit, known from then on, and how systemd would show it.
func (n *Node) lookup(name string) (*unit, host.Unit, error) {
	if n.state.NoSystemd {
		return nil, host.Unit{}, host.ErrNoSystemd
	}
	whole, err := host.UnitName(name)
	if err != nil {
		return nil, host.Unit{}, err
	}
	if id, ok := n.state.Aliases[whole]; ok {
		whole = id
	}
	d, err := unitfile.Read(n.Host, whole)
	if err != nil {
		return nil, host.Unit{}, fmt.Errorf("%s: %w", whole, err)
	}
	u := n.state.Units[d.ID]
	if u == nil {
		u = &unit{Unit: host.Unit{ID: d.ID, ActiveState: "inactive", SubState: "dead", Result: "success"}}
		n.state.Units[d.ID] = u
	}
	if was := u.LoadState; was == "" || was == "not-found" && !u.active() { // which systemd does not keep
		if u.load(d); u.LoadState != was {
			if err := n.save(); err != nil {
				return nil, host.Unit{}, err
			}
		}
	}
	now := u.Unit
	now.Name = name
	now.NeedDaemonReload = u.NeedDaemonReload || u.Read != d.Sum
	if d.File != "" || !u.Bare {
		if now.UnitFileState, err = d.Enablement(n.Host); err != nil {
			return nil, host.Unit{}, fmt.Errorf("%s: %w", d.ID, err)
		}
	}
	return u, now, nil
}

// Unit implements [host.UnitReader].
func (n *Node) Unit(_ context.Context, name string) (host.Unit, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, now, err := n.lookup(name)
	return now, err
}

// UnitLog implements [host.UnitReader]: of what nobody executes there is none.
func (n *Node) UnitLog(context.Context, string, int) (string, error) {
	if n.state.NoSystemd {
		return "", host.ErrNoSystemd
	}
	return "", nil
}

// DaemonReload implements [host.UnitWriter].
func (n *Node) DaemonReload(context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.state.NoSystemd {
		return host.ErrNoSystemd
	}
	return n.reload()
}

func (n *Node) reload() error {
	for id, u := range n.state.Units {
		d, err := unitfile.Read(n.Host, id)
		if err != nil {
			return fmt.Errorf("daemon-reload: %s: %w", id, err)
		}
		u.load(d)
	}
	return n.save()
}

// DoUnit implements [host.UnitWriter].
func (n *Node) DoUnit(ctx context.Context, name string, v host.Verb) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	u, now, err := n.lookup(name)
	if err != nil {
		return err
	}
	whole, _ := host.UnitName(name) // which lookup has had
	switch v {
	case host.Enable, host.Disable, host.Mask, host.MaskRuntime, host.Unmask:
		err = n.setUnitFile(ctx, whole, v, u, now)
	default:
		var did host.Verb
		if did, err = u.job(v); did != "" {
			n.state.Jobs = append(n.state.Jobs, Job{Unit: u.ID, Verb: did})
			n.used["unit "+u.ID] = true
		}
		err = errors.Join(err, n.save())
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", v, whole, err)
	}
	return nil
}

// setUnitFile changes the links among the unit files and has them read again, as systemctl does. A unit without a file changes in the model.
func (n *Node) setUnitFile(ctx context.Context, name string, v host.Verb, u *unit, now host.Unit) (err error) {
	switch {
	case v == host.Mask:
		err = unitfile.Mask(ctx, n.Host, name, false)
	case v == host.MaskRuntime:
		err = unitfile.Mask(ctx, n.Host, name, true)
	case v == host.Unmask:
		if err = unitfile.Unmask(ctx, n.Host, name); u.Bare && u.Read == "" && u.LoadState == "masked" {
			n.used["unit "+u.ID] = true
			u.LoadState, u.UnitFileState = "loaded", "disabled"
		}
	case u.Bare && now.LoadState == "masked":
		err = fmt.Errorf("unit file %s is masked", name)
	case u.Bare:
		is := map[host.Verb]string{host.Enable: "enabled", host.Disable: "disabled"}[v]
		if slices.Contains([]string{"enabled", "disabled", "enabled-runtime", "linked", "linked-runtime", "alias"}, u.UnitFileState) && u.UnitFileState != is {
			n.used["unit "+u.ID] = true
			u.UnitFileState = is
		}
	case v == host.Enable:
		err = unitfile.Enable(ctx, n.Host, name)
	default:
		err = unitfile.Disable(ctx, n.Host, name)
	}
	if err != nil {
		return err
	}
	return n.reload()
}

// job does what systemd does on start, stop, restart, reload or reload-or-restart. It returns what was really done, "" for nothing.
func (u *unit) job(v host.Verb) (host.Verb, error) {
	if v == host.ReloadOrRestart {
		if v = host.Restart; u.active() && u.Reloads {
			v = host.Reload
		}
	}
	if v != host.Stop {
		if err := u.startable(); err != nil {
			return "", err
		}
	}
	was := u.active()
	switch v {
	case host.Start, host.Restart:
		if was && v == host.Start {
			return "", nil
		}
		u.start()
		if !was {
			v = host.Start
		}
	case host.Stop:
		if u.LoadState == "not-found" && u.ActiveState == "inactive" {
			return "", fmt.Errorf("unit %s not loaded", u.ID)
		}
		if u.ActiveState == "inactive" || u.ActiveState == "failed" {
			return "", nil
		}
		u.ActiveState, u.SubState, u.Result, u.MainPID = "inactive", "dead", "success", 0
	case host.Reload:
		if !u.Bare && !u.Reloads {
			return "", fmt.Errorf("job type reload is not applicable for unit %s", u.ID)
		}
		if !was {
			return "", errors.New(`the job ended "invalid"`)
		}
	default:
		return "", errors.New("unknown verb")
	}
	return v, nil
}

func (u *unit) startable() error {
	switch u.LoadState {
	case "loaded":
		return nil
	case "not-found":
		return fmt.Errorf("unit %s not found", u.ID)
	case "masked":
		return fmt.Errorf("unit %s is masked", u.ID)
	case "bad-setting":
		return fmt.Errorf("unit %s has a bad unit file setting", u.ID)
	}
	return fmt.Errorf("unit %s failed to load properly", u.ID)
}

// subStates are those of units that are active, by their types.
var subStates = map[string]string{
	".service": "running", ".socket": "listening", ".timer": "waiting", ".path": "waiting", ".mount": "mounted", ".automount": "waiting",
	".device": "plugged", ".scope": "running",
}

func (u *unit) start() {
	u.ActiveState, u.SubState, u.Result, u.MainPID, u.Runs = "active", "active", "success", 0, u.Read
	if s := subStates[path.Ext(u.ID)]; s != "" {
		u.SubState = s
	}
	switch {
	case u.Type == "oneshot" && !u.Remains: // it has ended
		u.ActiveState, u.SubState = "inactive", "dead"
		return
	case u.Type == "oneshot":
		u.SubState = "exited"
	}
	u.ActiveEnter = time.Now()
}
