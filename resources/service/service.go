// Package service is the resource type of services: whether they run, and whether they start with the node.
//
// Units of systemd are reached over D-Bus, without a process; on nodes without systemd, init scripts through service(8). A service counts as
// running only after it has stayed so for a second: systemd reports a start as done for a program that is not there, dies at once or restarts in a loop.
package service

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
)

var (
	_ resources.Resource   = (*Service)(nil)
	_ resources.Validator  = (*Service)(nil)
	_ resources.Identified = (*Service)(nil)
	_ resources.Absentee   = (*Service)(nil)
	_ resources.Refresher  = (*Service)(nil)
	_ resources.Restorer   = (*Service)(nil)
	_ resources.Inspector  = (*Service)(nil)
)

// Type is service.
func Type() resources.Type {
	return resources.Type{
		Name: "service",
		New: func(title string) resources.Resource {
			return &Service{Name: title, HasRestart: true, HasStatus: true, OnRefresh: string(host.Restart)}
		},
		Timeout: 3 * time.Minute,
	}
}

// Service is a service of the node.
//
// When it is notified, it is restarted (see on_refresh) if it runs and was not started in the same run; a stopped service is not started by that.
type Service struct {
	// The service's name; with systemd the unit's, where `.service` may be left out. Default: the title.
	Name string `hcl:"name,title,public"`
	// `running` or `stopped`. Not set: left as it is.
	Ensure string `hcl:"ensure"`
	// Whether it starts with the node: `true`, `false`, or `"mask"`, which lets nothing start it. Units that cannot be enabled (static, indirect,
	// generated) are as declared either way. Not set: left as it is.
	Enable resources.Scalar `hcl:"enable"`
	// A shell command that restarts the service, in place of the provider's way.
	Restart string `hcl:"restart,public"`
	// A shell command that starts the service, in place of the provider's way.
	Start string `hcl:"start,public"`
	// A shell command that stops the service, in place of the provider's way.
	Stop string `hcl:"stop,public"`
	// A shell command that succeeds if the service runs, in place of the provider's way.
	Status string `hcl:"status,public"`
	// Whether an init script knows `restart`; false: it is stopped and started. Default: true.
	HasRestart bool `hcl:"hasrestart"`
	// Whether an init script knows `status`; false: the service runs if a process matches `pattern`. Default: true.
	HasStatus bool `hcl:"hasstatus"`
	// A regular expression (RE2) for the command line of the service's process, for `hasstatus = false`. Default: the name.
	Pattern string `hcl:"pattern"`
	// What a notify does: `restart` (default), `reload`, or `reload-or-restart`.
	OnRefresh string `hcl:"on_refresh"`
	// `systemd` or `sysv`. Default: what the node runs.
	Provider string `hcl:"provider"`
}

// The values of ensure.
const (
	running = "running"
	stopped = "stopped"
)

// The values of enable, as they are written.
const (
	enabled  = "true"
	disabled = "false"
	mask     = "mask"
	// maskRuntime is a mask that is gone when the node starts again: none of what can be declared.
	maskRuntime = "mask-runtime"
)

// settle is how long a service must have run to count as running.
const settle = time.Second

// Validate checks the words.
func (s *Service) Validate() error {
	var bad resources.Mistakes
	word := func(attr, value string, words ...string) {
		if value != "" {
			bad.OneOf(attr, value, words...)
		}
	}
	word("ensure", s.Ensure, running, stopped)
	word("enable", string(s.Enable), enabled, disabled, mask)
	word("provider", s.Provider, "systemd", "sysv")
	bad.OneOf("on_refresh", s.OnRefresh, string(host.Restart), string(host.Reload), string(host.ReloadOrRestart))
	if s.Ensure == running && s.Enable == mask {
		bad.Addf("enable", "a masked service cannot run: ensure is \"running\"")
	}
	_, err := regexp.Compile(s.Pattern)
	bad.Add("pattern", err)
	if s.Name == "" || strings.ContainsAny(s.Name, "/ ") || strings.ContainsFunc(s.Name, unicode.IsControl) || strings.HasPrefix(s.Name, "-") {
		bad.Addf("name", "%q is no name of a service", s.Name)
	}
	return bad.Err()
}

// unit is the name as systemd knows it.
func (s *Service) unit() string {
	if i := strings.LastIndexByte(s.Name, '.'); i > 0 {
		switch s.Name[i+1:] {
		case "service", "socket", "target", "timer", "path", "mount", "automount", "swap", "slice", "scope", "device":
			return s.Name
		}
	}
	return s.Name + ".service"
}

// Provides is the unit.
func (s *Service) Provides() []resources.Identity {
	return []resources.Identity{{Kind: "unit", Name: s.unit()}}
}

// Requires lists the files that define the unit, where the catalog manages them.
func (s *Service) Requires() []resources.Identity {
	u := s.unit()
	return []resources.Identity{
		{Kind: "path", Name: "/etc/systemd/system/" + u},
		{Kind: "path", Name: "/etc/systemd/system/" + u + ".d"},
		{Kind: "path", Name: "/lib/systemd/system/" + u},
		{Kind: "path", Name: "/usr/lib/systemd/system/" + u},
		{Kind: "path", Name: "/etc/init.d/" + s.Name},
	}
}

// Absent says whether the service is to be neither running nor enabled.
func (s *Service) Absent() bool { return s.Ensure != running && s.Enable != enabled }

// provider is how a node runs services.
type provider interface {
	// state says whether the service runs and whether it is enabled ("true", "false", "mask", "mask-runtime"; "" if that cannot be changed).
	state(ctx context.Context, v host.View) (state, error)
	// set changes the enablement to one of the values of enable.
	set(ctx context.Context, h host.Host, enable string) error
	start(ctx context.Context, h host.Host) error
	stop(ctx context.Context, h host.Host) error
	// refresh restarts or reloads a running service.
	refresh(ctx context.Context, h host.Host) error
}

type state struct {
	running  bool
	starting bool // on its way up, be it again and again: not running, and not stopped either
	enable   string
	missing  bool // nothing of that name is there
}

// provider is the declared one, else what the node runs.
func (s *Service) provider(ctx context.Context, v host.View) provider {
	switch s.Provider {
	case "systemd":
		return systemd{s}
	case "sysv":
		return sysv{s}
	}
	if _, err := v.Unit(ctx, s.unit()); errors.Is(err, host.ErrNoSystemd) {
		return sysv{s}
	}
	return systemd{s}
}

// Check compares whether the service runs and is enabled.
func (s *Service) Check(ctx context.Context, v host.View) (resources.Diff, error) {
	var d resources.Diff
	p := s.provider(ctx, v)
	st, err := p.state(ctx, v)
	if err != nil {
		return d, err
	}
	if want := string(s.Enable); want != "" && st.enable != "" && want != st.enable && (want != disabled || st.enable != mask) && (!st.missing || want != disabled) {
		d.Changes = append(d.Changes, resources.Change{Attr: "enable", From: st.enable, To: want})
	}
	if s.Ensure != "" && s.Ensure != st.word() {
		d.Changes = append(d.Changes, resources.Change{Attr: "ensure", From: st.word(), To: s.Ensure})
	}
	// With an error goes what would differ: a plan shows it where something earlier brings what is missing.
	switch {
	case st.missing && (s.Ensure == running && !s.byCommands() || s.Enable == enabled):
		return d, fmt.Errorf("%s: there is no such service on this node", s.Name)
	case d.Has("ensure") && s.Ensure == running && (st.enable == mask || st.enable == maskRuntime) && s.Enable == "":
		return d, fmt.Errorf("%s is masked, so that nothing can start it; enable = true takes the mask off", s.Name)
	}
	return d, nil
}

// byCommands says that the manifest's own commands run the service, so that the node need not know it.
func (s *Service) byCommands() bool { return s.Start != "" && s.Status != "" }

// word is the state as ensure says it, or that the service is starting.
func (st state) word() string {
	switch {
	case st.running:
		return running
	case st.starting:
		return "starting"
	}
	return stopped
}

// Apply changes the enablement first: what is masked cannot be started.
func (s *Service) Apply(ctx context.Context, h host.Host, d resources.Diff) error {
	p := s.provider(ctx, h)
	masks := s.Enable == mask || s.Enable == maskRuntime
	if d.Has("enable") && !masks {
		if err := p.set(ctx, h, string(s.Enable)); err != nil {
			return err
		}
	}
	if d.Has("ensure") {
		act := p.stop
		if s.Ensure == running {
			act = p.start
		}
		if err := act(ctx, h); err != nil {
			return err
		}
	}
	if d.Has("enable") && masks {
		return p.set(ctx, h, string(s.Enable))
	}
	return nil
}

// Refreshable says that a running service that was not started in this run would be restarted.
func (s *Service) Refreshable(ctx context.Context, v host.View, applied resources.Diff) (ok bool, why string, err error) {
	if applied.Has("ensure") {
		if s.Ensure == stopped {
			return false, "not running", nil
		}
		return false, "started in this run", nil
	}
	p := s.provider(ctx, v)
	st, err := p.state(ctx, v)
	if err != nil {
		return false, "", err
	}
	if !st.running {
		return false, "not running", nil
	}
	return true, "", nil
}

// Refresh restarts or reloads the service.
func (s *Service) Refresh(ctx context.Context, h host.Host) error {
	p := s.provider(ctx, h)
	return p.refresh(ctx, h)
}

// Inspect fills ensure and enable from the node.
func (s *Service) Inspect(ctx context.Context, v host.View) error {
	p := s.provider(ctx, v)
	s.Enable = disabled // anything: init scripts are asked for what is declared alone
	st, err := p.state(ctx, v)
	if err != nil {
		return err
	}
	if st.missing {
		return fmt.Errorf("%s: there is no such service on this node", s.Name)
	}
	s.Ensure, s.Enable = st.word(), resources.Scalar(st.enable)
	if st.starting {
		s.Ensure = "" // neither of what a manifest can say
	}
	if st.enable == maskRuntime {
		s.Enable = ""
	}
	return nil
}
