// Package service is the resource type of services: whether they run, and whether they start with the node.
//
// What runs them on a node is in initsystem: systemd, or init scripts.
package service

import (
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/service/initsystem"
)

var (
	_ resources.Resource   = (*Service)(nil)
	_ resources.Validator  = (*Service)(nil)
	_ resources.Identified = (*Service)(nil)
	_ resources.Absentee   = (*Service)(nil)
	_ resources.Runner     = (*Service)(nil)
	_ resources.Refresher  = (*Service)(nil)
	_ resources.Restorer   = (*Service)(nil)
	_ resources.Inspector  = (*Service)(nil)
	_ resources.Lister     = (*Service)(nil)
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
	// generated) are as declared with `true` and `false`. Not set: left as it is.
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

// Validate checks the words.
func (s *Service) Validate() error {
	var bad resources.Mistakes
	word := func(attr, value string, words ...string) {
		if value != "" {
			bad.OneOf(attr, value, words...)
		}
	}
	word("ensure", s.Ensure, running, stopped)
	word("enable", string(s.Enable), string(initsystem.Enabled), string(initsystem.Disabled), string(initsystem.Mask))
	word("provider", s.Provider, string(initsystem.Systemd), string(initsystem.SysV))
	bad.OneOf("on_refresh", s.OnRefresh, string(host.Restart), string(host.Reload), string(host.ReloadOrRestart))
	if s.Ensure == running && s.enable() == initsystem.Mask {
		bad.Addf("enable", "a masked service cannot run: ensure is \"running\"")
	}
	_, err := regexp.Compile(s.Pattern)
	bad.Add("pattern", err)
	if s.Name == "" || strings.ContainsAny(s.Name, "/ ") || strings.ContainsFunc(s.Name, unicode.IsControl) || strings.HasPrefix(s.Name, "-") {
		bad.Addf("name", "%q is no name of a service", s.Name)
	}
	if template := strings.TrimSuffix(s.Name, ".service"); strings.HasSuffix(template, "@") {
		bad.Addf("name", "%q is a template, of which nothing runs: name one of its instances, such as %q", s.Name, template+"one")
	}
	return bad.Err()
}

// definition is what an init system has to know of the service.
func (s *Service) definition() initsystem.Definition {
	return initsystem.Definition{
		Name: s.Name, Start: s.Start, Stop: s.Stop, Restart: s.Restart, Status: s.Status,
		HasRestart: s.HasRestart, HasStatus: s.HasStatus, Pattern: s.Pattern, OnRefresh: host.Verb(s.OnRefresh),
	}
}

func (s *Service) enable() initsystem.Enablement { return initsystem.Enablement(s.Enable) }

// Provides is the unit.
func (s *Service) Provides() []resources.Identity {
	return []resources.Identity{{Kind: "unit", Name: s.definition().Unit()}}
}

// Requires lists the files that define the unit, those that add to it included, where the catalog manages them.
func (s *Service) Requires() []resources.Identity {
	u := s.definition().Unit()
	units := []string{u}
	if name, instance, ok := strings.Cut(u, "@"); ok {
		if suffix := path.Ext(instance); instance != suffix {
			units = append(units, name+"@"+suffix) // the template that it is an instance of
		}
	}
	var ids []resources.Identity
	for _, u := range units {
		ids = append(ids,
			resources.Identity{Kind: "path", Name: "/etc/systemd/system/" + u},
			resources.Identity{Kind: "path", Name: "/etc/systemd/system/" + u + ".d", Below: true},
			resources.Identity{Kind: "path", Name: "/lib/systemd/system/" + u},
			resources.Identity{Kind: "path", Name: "/usr/lib/systemd/system/" + u})
	}
	return append(ids, resources.Identity{Kind: "path", Name: "/etc/init.d/" + strings.TrimSuffix(s.Name, ".service")})
}

// Absent says whether the service is to be neither running nor enabled.
func (s *Service) Absent() bool { return s.Ensure != running && s.enable() != initsystem.Enabled }

// Runs says whether the service is declared to run.
func (s *Service) Runs() bool { return s.Ensure == running }

// provider is the declared one, else what the node runs.
func (s *Service) provider(ctx context.Context, v host.View) initsystem.Name {
	if s.Provider != "" {
		return initsystem.Name(s.Provider)
	}
	return initsystem.Of(ctx, v, s.definition().Unit())
}

func (s *Service) system(ctx context.Context, v host.View) initsystem.System {
	return initsystem.New(s.provider(ctx, v), s.definition())
}

// Check compares whether the service runs and is enabled.
func (s *Service) Check(ctx context.Context, v host.View) (resources.Diff, error) {
	return s.compare(ctx, v, false)
}

// compare is Check; exactly: what is masked is not as good as disabled.
func (s *Service) compare(ctx context.Context, v host.View, exactly bool) (resources.Diff, error) {
	var d resources.Diff
	name, want := s.provider(ctx, v), s.enable()
	if want == initsystem.Mask && name == initsystem.SysV {
		return d, &resources.AttrError{Attr: "enable", Err: errors.New("this node has no systemd, and an init script cannot be masked")}
	}
	st, err := initsystem.New(name, s.definition()).State(ctx, v)
	if err != nil {
		return d, err
	}
	// Neither what is not there nor what is masked starts with the node; but what is to run now cannot stay masked.
	off := want == initsystem.Disabled && (st.Missing || st.Enable == initsystem.Mask && s.Ensure != running && !exactly)
	differs := want != "" && st.Enable != "" && want != st.Enable && !off
	if st.Enable.Fixed() || want.Fixed() { // an undo wants what was
		differs = want.Masked() || want != "" && st.Enable.Masked()
	}
	if differs {
		d.Changes = append(d.Changes, resources.Change{Attr: "enable", From: string(st.Enable), To: string(want)})
	}
	switch is := word(st); {
	case s.Ensure == running && st.Running && st.Unread:
		d.Compare("ensure", unread, running)
	case s.Ensure != "":
		d.Compare("ensure", is, s.Ensure)
	}
	// With an error goes what would differ: a plan shows it where something earlier brings what is missing.
	switch {
	case d.Has("enable") && want.Masked() && st.Instead != "":
		return d, &resources.AttrError{Attr: "enable", Err: fmt.Errorf("%s is a file of this node's own, where its mask would be: move it to /usr/local/lib/systemd/system, or declare enable = false", st.Instead)}
	case st.Missing && (s.Ensure == running && !s.definition().ByCommands() || want == initsystem.Enabled):
		return d, &resources.MissingError{What: s.Name + ": there is no such service on this node", Advice: "require the package that brings it"}
	case d.Has("ensure") && s.Ensure == running && st.Enable.Masked() && want == "":
		return d, fmt.Errorf("%s is masked, so that nothing can start it; enable = true takes the mask off", s.Name)
	}
	return d, nil
}

// unread is the state of a service that runs and that systemd could not start again: it has not read the unit's file, or could not.
const unread = "running, and systemd could not load its unit file"

// word is the state as ensure says it, or that the service is starting.
func word(st initsystem.State) string {
	switch {
	case st.Running:
		return running
	case st.Starting:
		return "starting"
	}
	return stopped
}

// Apply changes the enablement first: what is masked cannot be started. A mask is put on last.
func (s *Service) Apply(ctx context.Context, h host.Host, d resources.Diff) error {
	sys, enable := s.system(ctx, h), s.enable()
	if d.Has("enable") && !enable.Masked() {
		if err := sys.Enable(ctx, h, enable); err != nil {
			return err
		}
	}
	if d.Has("ensure") {
		act := sys.Stop
		if s.Ensure == running {
			act = sys.Start
		}
		if err := act(ctx, h); err != nil {
			return err
		}
	}
	if d.Has("enable") && enable.Masked() {
		return sys.Enable(ctx, h, enable)
	}
	return nil
}

// Refreshable says that a running service that was not started in this run would be restarted.
func (s *Service) Refreshable(ctx context.Context, v host.View, applied resources.Diff) (ok bool, why string, err error) {
	if i := slices.IndexFunc(applied.Changes, func(c resources.Change) bool { return c.Attr == "ensure" && c.From != unread }); i >= 0 {
		if s.Ensure == stopped {
			return false, "not running", nil
		}
		return false, "started in this run", nil
	}
	st, err := s.system(ctx, v).State(ctx, v)
	if err != nil {
		return false, "", err
	}
	own := s.Restart != "" && s.OnRefresh == string(host.Restart) || s.definition().ByCommands() && s.OnRefresh != string(host.Reload)
	switch {
	case !st.Running:
		return false, "not running", nil
	case !own && (st.Enable.Masked() || s.enable().Masked()):
		return false, "masked, so that nothing can start it again", nil
	}
	return true, "", nil
}

// Refresh restarts or reloads the service.
func (s *Service) Refresh(ctx context.Context, h host.Host) error {
	return s.system(ctx, h).Refresh(ctx, h)
}

// Inspect fills ensure and enable from the node.
func (s *Service) Inspect(ctx context.Context, v host.View) error {
	st, err := s.system(ctx, v).State(ctx, v)
	if err != nil {
		return err
	}
	if st.Missing {
		return fmt.Errorf("%s: there is no such service on this node", s.Name)
	}
	s.Ensure, s.Enable = word(st), resources.Scalar(st.Enable)
	if st.Starting {
		s.Ensure = "" // neither of what a manifest can say
	}
	if st.Enable == initsystem.MaskRuntime || st.Enable.Fixed() {
		s.Enable = ""
	}
	return nil
}

// List returns the node's services whose names match. A name that is no pattern is taken as it is.
func (s *Service) List(ctx context.Context, v host.View, of string) ([]string, error) {
	if !strings.ContainsAny(of, "*?[") {
		return []string{of}, nil
	}
	names, err := initsystem.Names(ctx, v)
	return resources.Select(of, names), err
}
