package initsystem

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/internal/tool"
)

// sysv are init scripts, through service(8) and update-rc.d(8) or chkconfig(8).
type sysv struct{ d Definition }

func (p sysv) script() string { return "/etc/init.d/" + p.name() }

func (p sysv) name() string { return strings.TrimSuffix(p.d.Name, ".service") }

func (p sysv) State(ctx context.Context, v host.View) (State, error) {
	st, err := v.Lstat(p.script())
	if err != nil {
		return State{}, err
	}
	out := State{Missing: st.Kind == host.Absent, Enable: Disabled}
	if out.Missing && p.d.Status == "" {
		return out, nil
	}
	if out.Running, err = p.runs(ctx, v); err != nil {
		return out, err
	}
	out.Enable, err = p.enablement(v)
	return out, err
}

// runs asks the status command, the init script, or the table of processes.
func (p sysv) runs(ctx context.Context, v host.View) (bool, error) {
	switch {
	case p.d.Status != "":
		return succeeds(ctx, v, p.d.Status)
	case !p.d.HasStatus:
		return p.matches(ctx, v)
	}
	out, err := v.Query(ctx, host.Cmd{Args: []string{"service", p.name(), "status"}})
	return out.ExitCode == 0, err
}

// matches looks for a process by its command line.
func (p sysv) matches(ctx context.Context, v host.View) (bool, error) {
	pattern := p.d.Pattern
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
func (p sysv) enablement(v host.View) (Enablement, error) {
	for _, level := range []string{"2", "3", "4", "5"} {
		for _, dir := range []string{"/etc/rc" + level + ".d", "/etc/rc.d/rc" + level + ".d"} {
			names, err := host.ReadDir(v, dir)
			if err != nil {
				return "", err
			}
			if slices.ContainsFunc(names, func(name string) bool { return len(name) > 3 && name[0] == 'S' && name[3:] == p.name() }) {
				return Enabled, nil
			}
		}
	}
	return Disabled, nil
}

func (p sysv) Enable(ctx context.Context, h host.Host, to Enablement) error {
	verb, chk := "enable", "on"
	if to == Disabled {
		verb, chk = "disable", "off"
	}
	commands := [][]string{{"update-rc.d", p.name(), "defaults"}, {"update-rc.d", p.name(), verb}}
	redHat, err := tool.There(h, "chkconfig")
	if err != nil {
		return err
	}
	if redHat {
		commands = [][]string{{"chkconfig", p.name(), chk}}
	}
	for _, c := range commands {
		out, err := h.Run(ctx, host.Cmd{Args: c})
		if err := errors.Join(err, exitError(c[0], out)); err != nil {
			return err
		}
	}
	return nil
}

func (p sysv) Start(ctx context.Context, h host.Host) error {
	return p.act(ctx, h, host.Start, p.d.Start)
}
func (p sysv) Stop(ctx context.Context, h host.Host) error { return p.act(ctx, h, host.Stop, p.d.Stop) }

func (p sysv) Refresh(ctx context.Context, h host.Host) error {
	verb := p.d.OnRefresh
	if verb == host.ReloadOrRestart {
		verb = host.Restart // which every script knows
	}
	if verb == host.Restart && p.d.Restart == "" && (!p.d.HasRestart || p.d.ByCommands() && p.d.Stop != "") {
		if err := p.Stop(ctx, h); err != nil {
			return err
		}
		return p.Start(ctx, h)
	}
	command := ""
	if verb == host.Restart {
		command = p.d.Restart
	}
	return p.act(ctx, h, verb, command)
}

// patience is how long a service may take to run after its init script has said that it started it. What a status command of the manifest asks
// for may take longer.
func (p sysv) patience() time.Duration {
	if p.d.Status != "" {
		return 0
	}
	return 15 * time.Second
}

// act runs the init script or the manifest's command for it; what should run then must still run after the settle time.
func (p sysv) act(ctx context.Context, h host.Host, verb host.Verb, command string) error {
	var err error
	if command != "" {
		err = shell(ctx, h, string(verb), command)
	} else {
		var out host.Output
		out, err = h.Run(ctx, host.Cmd{Args: []string{"service", p.name(), string(verb)}})
		err = errors.Join(err, exitError(string(verb), out))
	}
	if err != nil || verb == host.Stop {
		return err
	}
	return stays(ctx, p.name(), p.patience(), func() (bool, error) { return p.runs(ctx, h) })
}
