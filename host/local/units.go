package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/waiting"
)

const (
	logTimeout = 10 * time.Second
	logMax     = 64 << 10 // bytes
)

// unitName returns the whole name of the unit, if this node runs systemd.
func (n *Node) unitName(name string) (string, error) {
	if n.rootName != "/" {
		return "", host.ErrNoSystemd
	}
	if _, err := os.Stat("/run/systemd/system"); err != nil { // as sd_booted(3) asks
		return "", host.ErrNoSystemd
	}
	return host.UnitName(name)
}

// Unit implements [host.UnitReader].
func (n *Node) Unit(ctx context.Context, name string) (host.Unit, error) {
	unit, err := n.unitName(name)
	if err != nil {
		return host.Unit{}, err
	}
	properties, err := n.systemd.Properties(ctx, unit)
	if err != nil {
		return host.Unit{}, fmt.Errorf("%s: %w", unit, err)
	}
	u := unitOf(properties)
	u.Name = name
	return u, nil
}

// unitOf picks what a Unit holds from the properties by the names of org.freedesktop.systemd1(5). What is not there is zero.
func unitOf(p map[string]any) host.Unit {
	text := func(name string) string { s, _ := p[name].(string); return s }
	number := func(name string) uint32 { n, _ := p[name].(uint32); return n }
	u := host.Unit{
		ID: text("Id"), LoadState: text("LoadState"), ActiveState: text("ActiveState"), SubState: text("SubState"),
		UnitFileState: text("UnitFileState"), Type: text("Type"), Result: text("Result"),
		MainPID: number("MainPID"), NRestarts: number("NRestarts"), FragmentPath: text("FragmentPath"),
	}
	u.NeedDaemonReload, _ = p["NeedDaemonReload"].(bool)
	if usec, _ := p["ActiveEnterTimestamp"].(uint64); usec > 0 {
		u.ActiveEnter = time.UnixMicro(int64(usec))
	}
	return u
}

// UnitLog implements [host.UnitReader].
func (n *Node) UnitLog(ctx context.Context, name string, lines int) (string, error) {
	unit, err := n.unitName(name)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, logTimeout, fmt.Errorf("timed out after %s", logTimeout))
	defer cancel()
	out, err := n.Query(ctx, host.Cmd{
		Args:      []string{"journalctl", "--unit=" + unit, "--lines=" + strconv.Itoa(lines), "--no-pager", "--quiet", "--output=cat"},
		MaxOutput: logMax,
	})
	if err != nil {
		return "", err
	}
	if out.ExitCode != 0 {
		return "", errors.New("journalctl: " + strings.TrimSpace(string(out.Stderr)))
	}
	return string(out.Stdout), nil
}

// DoUnit implements [host.UnitWriter].
func (n *Node) DoUnit(ctx context.Context, name string, v host.Verb) error {
	unit, err := n.unitName(name)
	if err != nil {
		return err
	}
	switch v {
	case host.Enable, host.Disable, host.Mask, host.MaskRuntime, host.Unmask:
		err = n.systemd.SetUnitFile(ctx, string(v), unit)
	default:
		var result string
		waiting.For(ctx, func() { result, err = n.systemd.Job(ctx, string(v), unit) })
		if err == nil && result != "done" {
			said := []string{fmt.Sprintf("the job ended %q", result)}
			if result == "dependency" {
				said = append(said, n.systemd.Lacking(ctx, unit)...)
			}
			err = errors.New(strings.Join(said, "; "))
		}
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", v, unit, err)
	}
	return nil
}

// DaemonReload implements [host.UnitWriter].
func (n *Node) DaemonReload(ctx context.Context) error {
	if _, err := n.unitName("any"); err != nil {
		return err
	}
	if err := n.systemd.Reload(ctx); err != nil {
		return fmt.Errorf("daemon-reload: %w", err)
	}
	return nil
}
