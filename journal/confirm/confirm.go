// Package confirm lets a run undo itself by a timer of systemd unless it is confirmed in time: for changes that may cut the operator off.
package confirm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/journal"
)

// pending is a run that waits to be confirmed: the state folder keeps it as confirm.json.
type pending struct {
	Run      string        `json:"run"`
	Unit     string        `json:"unit"` // of the transient timer that undoes the run
	Within   time.Duration `json:"within"`
	Deadline time.Time     `json:"deadline"`
}

const pendingName = "confirm.json"

func read(state *journal.State) (*pending, error) {
	b, err := state.Load(pendingName)
	if err != nil || b == nil {
		return nil, err
	}
	var p pending
	if err := json.Unmarshal(b, &p); err != nil {
		return nil, fmt.Errorf("%s: %w", pendingName, err)
	}
	return &p, nil
}

func until(p *pending) string { return p.Deadline.Local().Format(time.DateTime) }

// Arm starts the timer that undoes a run by the command undo, or starts it anew for the run that it is of: before the run, which may cut itself off,
// and after it, so that the operator has the whole time. Another run that waits to be confirmed is an error.
func Arm(ctx context.Context, state *journal.State, h host.Host, run string, within time.Duration, undo []string) error {
	p := pending{Run: run, Unit: "apply-undo-" + strings.ToLower(run), Within: within, Deadline: time.Now().Add(within)}
	old, err := read(state)
	switch {
	case err != nil:
		return err
	case old != nil && old.Run == run:
		// The run may have taken longer than that: then the undo waits for its lock already.
		if err := stop(ctx, h, old.Unit+".timer", old.Unit+".service"); err != nil {
			return err
		}
	case old != nil && time.Now().Before(old.Deadline):
		return fmt.Errorf("run %s waits to be confirmed until %s; apply confirm keeps it", old.Run, until(old))
	}
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if err := state.Store(pendingName, b); err != nil {
		return err
	}
	timer := []string{
		"systemd-run", "--quiet", "--collect", "--unit=" + p.Unit, fmt.Sprintf("--on-active=%dms", p.Within.Milliseconds()), "--timer-property=AccuracySec=1s", "--",
	}
	out, err := h.Run(ctx, host.Cmd{Args: append(timer, undo...)})
	if err == nil && out.ExitCode != 0 {
		err = errors.New(strings.TrimSpace(string(out.Stderr)))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("--confirm-within needs a timer of systemd: %w", err), state.Forget(pendingName))
	}
	return nil
}

// Disarm stops the timer of a run that has nothing to be undone, or nothing any more. Of a run that does not wait to be confirmed there is none.
func Disarm(ctx context.Context, state *journal.State, h host.Host, run string) error {
	p, err := read(state)
	if err != nil || p == nil || p.Run != run {
		return err
	}
	return errors.Join(stop(ctx, h, p.Unit+".timer"), state.Forget(pendingName))
}

// Stranded tells of a run that waits to be confirmed though nothing undoes it any more, "" where there is none.
func Stranded(ctx context.Context, state *journal.State, h host.Host) (string, error) {
	p, err := read(state)
	if err != nil || p == nil || armed(ctx, h, p) {
		return "", err
	}
	return fmt.Sprintf("run %s was to be undone unless it was confirmed until %s, and nothing undoes it any more: the node was restarted, or the undo failed; "+
		"apply undo %[1]s undoes it, apply confirm keeps it", p.Run, until(p)), nil
}

// armed says whether the timer, which does not outlive a boot of the node, or the undo that it has started is there.
func armed(ctx context.Context, h host.Host, p *pending) bool {
	out, err := h.Run(ctx, host.Cmd{Args: []string{"systemctl", "is-active", "--quiet", p.Unit + ".timer", p.Unit + ".service"}})
	return err == nil && out.ExitCode == 0
}

// Keep confirms the run that waits for it, and returns its id. It fails where none does, or its undo has begun.
func Keep(ctx context.Context, state *journal.State, h host.Host) (run string, err error) {
	p, err := read(state)
	switch {
	case err != nil:
		return "", err
	case p == nil:
		return "", errors.New("no run waits to be confirmed")
	case time.Now().After(p.Deadline) && armed(ctx, h, p):
		return "", fmt.Errorf("run %s was to be confirmed until %s: its undo has begun", p.Run, until(p))
	}
	if err := stop(ctx, h, p.Unit+".timer"); err != nil {
		return "", err
	}
	return p.Run, state.Forget(pendingName)
}

// notLoaded is how systemctl says that a unit is not there: a transient one goes when it has ended.
const notLoaded = 5

func stop(ctx context.Context, h host.Host, units ...string) error {
	args := append([]string{"systemctl", "stop"}, units...)
	out, err := h.Run(ctx, host.Cmd{Args: args})
	if err == nil && out.ExitCode != 0 && out.ExitCode != notLoaded {
		err = fmt.Errorf("%s: %s", strings.Join(args, " "), strings.TrimSpace(string(out.Stderr)))
	}
	return err
}
