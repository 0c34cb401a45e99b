package service

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
)

// sysv is the provider of nodes with init scripts, through service(8) and update-rc.d(8) or chkconfig(8).
type sysv struct{ s *Service }

func (p sysv) script() string { return "/etc/init.d/" + strings.TrimSuffix(p.s.Name, ".service") }

func (p sysv) name() string { return strings.TrimSuffix(p.s.Name, ".service") }

func (p sysv) state(ctx context.Context, v host.View) (state, error) {
	st, err := v.Lstat(p.script())
	if err != nil {
		return state{}, err
	}
	out := state{missing: st.Kind == host.Absent, enable: disabled}
	if out.missing && p.s.Status == "" {
		return out, nil
	}
	if p.s.Enable == mask {
		return out, &resources.AttrError{Attr: "enable", Err: errors.New("this node has no systemd, and an init script cannot be masked")}
	}
	if out.running, err = p.runs(ctx, v); err != nil {
		return out, err
	}
	if p.s.Enable == "" {
		return out, nil
	}
	out.enable, err = p.enablement(v)
	return out, err
}

// runs asks the status command, the init script, or the table of processes.
func (p sysv) runs(ctx context.Context, v host.View) (bool, error) {
	switch {
	case p.s.Status != "":
		return succeeds(ctx, v, p.s.Status)
	case !p.s.HasStatus:
		return p.matches(ctx, v)
	}
	out, err := v.Query(ctx, host.Cmd{Args: []string{"service", p.name(), "status"}})
	return out.ExitCode == 0, err
}

// matches looks for a process by its command line.
func (p sysv) matches(ctx context.Context, v host.View) (bool, error) {
	pattern := p.s.Pattern
	if pattern == "" {
		pattern = regexp.QuoteMeta(p.name())
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return false, &resources.AttrError{Attr: "pattern", Err: err}
	}
	out, err := v.Query(ctx, host.Cmd{Args: []string{"ps", "-eo", "args="}})
	if err != nil || out.ExitCode != 0 {
		return false, errors.Join(err, exitError("ps", out))
	}
	for line := range strings.Lines(string(out.Stdout)) {
		if re.MatchString(strings.TrimSpace(line)) && !strings.HasPrefix(line, "ps -eo args=") {
			return true, nil
		}
	}
	return false, nil
}

// enablement reads the links of the run levels: no process is needed for it.
func (p sysv) enablement(v host.View) (string, error) {
	for _, level := range []string{"2", "3", "4", "5"} {
		for _, dir := range []string{"/etc/rc" + level + ".d", "/etc/rc.d/rc" + level + ".d"} {
			st, err := v.Lstat(dir)
			if err != nil {
				return "", err
			}
			if st.Kind != host.Directory {
				continue
			}
			for name, err := range v.ReadDir(dir) {
				if err != nil {
					return "", err
				}
				if len(name) > 3 && name[0] == 'S' && name[3:] == p.name() {
					return enabled, nil
				}
			}
		}
	}
	return disabled, nil
}

func (p sysv) set(ctx context.Context, h host.Host, enable string) error {
	verb, chk := "enable", "on"
	if enable == disabled {
		verb, chk = "disable", "off"
	}
	commands := [][]string{{"update-rc.d", p.name(), "defaults"}, {"update-rc.d", p.name(), verb}}
	for _, tool := range []string{"/sbin/chkconfig", "/usr/sbin/chkconfig"} {
		st, err := h.Lstat(tool)
		if err != nil {
			return err
		}
		if st.Kind == host.Regular {
			commands = [][]string{{"chkconfig", p.name(), chk}}
		}
	}
	for _, c := range commands {
		out, err := h.Run(ctx, host.Cmd{Args: c})
		if err := errors.Join(err, exitError(c[0], out)); err != nil {
			return err
		}
	}
	return nil
}

func (p sysv) start(ctx context.Context, h host.Host) error { return p.act(ctx, h, "start", p.s.Start) }
func (p sysv) stop(ctx context.Context, h host.Host) error  { return p.act(ctx, h, "stop", p.s.Stop) }

func (p sysv) refresh(ctx context.Context, h host.Host) error {
	verb := strings.ReplaceAll(p.s.OnRefresh, "reload-or-restart", "restart")
	if verb == "restart" && p.s.Restart == "" && !p.s.HasRestart {
		if err := p.stop(ctx, h); err != nil {
			return err
		}
		return p.start(ctx, h)
	}
	command := ""
	if verb == "restart" {
		command = p.s.Restart
	}
	return p.act(ctx, h, verb, command)
}

// patience is how long a service may take to run after its init script has said that it started it. What a status command of the manifest asks
// for may take longer.
func (p sysv) patience() time.Duration {
	if p.s.Status != "" {
		return 0
	}
	return 15 * time.Second
}

// act runs the init script or the manifest's command for it; what should run then must still run after the settle time.
func (p sysv) act(ctx context.Context, h host.Host, verb, command string) error {
	var err error
	if command != "" {
		err = shell(ctx, h, verb, command)
	} else {
		var out host.Output
		out, err = h.Run(ctx, host.Cmd{Args: []string{"service", p.name(), verb}})
		err = errors.Join(err, exitError(verb, out))
	}
	if err != nil || verb == "stop" {
		return err
	}
	return stays(ctx, p.name(), p.patience(), func() (bool, error) { return p.runs(ctx, h) })
}

// shell runs a command that the manifest gives for something.
func shell(ctx context.Context, h host.Host, what, line string) error {
	out, err := h.Run(ctx, host.Cmd{Args: []string{"/bin/sh", "-c", line}})
	if err := errors.Join(err, exitError(what, out)); err != nil {
		return &resources.AttrError{Attr: what, Err: err}
	}
	return nil
}

// succeeds asks a command that changes nothing.
func succeeds(ctx context.Context, v host.View, line string) (bool, error) {
	out, err := v.Query(ctx, host.Cmd{Args: []string{"/bin/sh", "-c", line}})
	if err == nil && (out.ExitCode == 126 || out.ExitCode == 127) {
		err = exitError("status", out)
	}
	if err != nil {
		return false, &resources.AttrError{Attr: "status", Err: err}
	}
	return out.ExitCode == 0, nil
}

// exitError is nil for exit code 0.
func exitError(what string, out host.Output) error {
	if out.ExitCode == 0 {
		return nil
	}
	return fmt.Errorf("%s: %w", what, &resources.CommandError{ExitCode: out.ExitCode, Tail: string(out.Stderr) + string(out.Stdout)})
}
