package service

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/resourcetest"
)

// systemd is asked whether it has read the unit's files before every use, not only before a start.
func TestReloadBeforeEveryUse(t *testing.T) {
	const reload = "systemctl daemon-reload"
	active, off := host.Unit{ActiveState: "active", UnitFileState: "enabled"}, host.Unit{}
	for name, tc := range map[string]struct {
		s       *Service
		unit    host.Unit
		refresh bool
		want    []string
	}{
		"start":   {declare("running", ""), off, false, []string{reload, "systemctl start app.service"}},
		"stop":    {declare("stopped", ""), active, false, []string{reload, "systemctl stop app.service"}},
		"enable":  {declare("", "true"), off, false, []string{reload, "systemctl enable app.service"}},
		"disable": {declare("", "false"), active, false, []string{reload, "systemctl disable app.service"}},
		"mask":    {declare("stopped", "mask"), off, false, []string{reload, "systemctl mask app.service"}},
		"unmask":  {declare("", "false"), host.Unit{LoadState: "masked", UnitFileState: "masked"}, false, nil}, // masked is as good as disabled
		"unmask and enable": {declare("", "true"), host.Unit{LoadState: "masked", UnitFileState: "masked"}, false,
			[]string{reload, "systemctl unmask app.service", "systemctl enable app.service"}},
		"enable and start, once": {declare("running", "true"), off, false, []string{reload, "systemctl enable app.service", "systemctl start app.service"}},
		"own stop":               {&Service{Name: "app", Ensure: "stopped", Stop: "halt", OnRefresh: "restart"}, active, false, []string{reload, "/bin/sh -c halt"}},
		"own restart":            {&Service{Name: "app", Restart: "again", OnRefresh: "restart"}, active, true, []string{reload, "/bin/sh -c again"}},
		"reload-or-restart":      {&Service{Name: "app", OnRefresh: "reload-or-restart"}, active, true, []string{reload, "systemctl reload-or-restart app.service"}},
		"restart":                {declare("", ""), active, true, []string{reload, "systemctl restart app.service"}},
		"reload":                 {&Service{Name: "app", OnRefresh: "reload"}, active, true, []string{reload, "systemctl reload app.service"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := hosttest.New(t, "")
				tc.unit.Name, tc.unit.NeedDaemonReload = "app.service", true
				h.AddUnits(hosttest.Unit{Unit: tc.unit})
				h.Answer("/bin/sh -c again", 0, "")
				h.Handle("/bin/sh -c halt", func(context.Context, host.Cmd) (host.Output, error) {
					h.AddUnits(hosttest.Unit{Unit: host.Unit{Name: "app.service"}}) // as it is when stopped
					return host.Output{}, nil
				})
				if tc.refresh {
					if err := tc.s.Refresh(t.Context(), h); err != nil {
						t.Fatal(err)
					}
				} else {
					resourcetest.Converges(t, h, tc.s)
				}
				if diff := cmp.Diff(tc.want, h.Calls()); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// A service may be declared by another name of its unit, by an instance of a template, and with the unit's ending.
func TestNamesOfUnits(t *testing.T) {
	for declared, unit := range map[string]hosttest.Unit{
		"alias":       {Unit: host.Unit{Name: "app.service"}, Aliases: []string{"alias.service"}}, // which systemd refuses to enable by this name
		"app@one":     {Unit: host.Unit{Name: "app@one.service"}},
		"app.socket":  {Unit: host.Unit{Name: "app.socket"}},
		"app.service": {Unit: host.Unit{Name: "app.service"}},
	} {
		t.Run(declared, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := hosttest.New(t, "")
				h.AddUnits(unit)
				s := declare("running", "true")
				s.Name = declared
				resourcetest.Converges(t, h, s)
				if u, err := h.Unit(t.Context(), unit.Name); err != nil || u.ActiveState != "active" {
					t.Errorf("%s is %s (%v)", unit.Name, u.ActiveState, err)
				}
				if calls := h.Calls(); calls[0] != "systemctl enable "+unit.Name {
					t.Errorf("want %s enabled, got %q", unit.Name, calls)
				}
			})
		})
	}
}

// The unit is what two declarations may not share; the files that define it and add to it come before it, whichever way it is named, and those of a
// template before its instances.
func TestIdentities(t *testing.T) {
	for name, tc := range map[string]struct {
		unit  string
		files []string
	}{
		"app":          {"app.service", []string{"app.service"}},
		"app.service":  {"app.service", []string{"app.service"}},
		"app@one":      {"app@one.service", []string{"app@one.service", "app@.service"}},
		"tick@1.timer": {"tick@1.timer", []string{"tick@1.timer", "tick@.timer"}},
	} {
		s := declare("running", "")
		s.Name = name
		if diff := cmp.Diff([]resources.Identity{{Kind: "unit", Name: tc.unit}}, s.Provides()); diff != "" {
			t.Error(diff)
		}
		var want []resources.Identity
		for _, file := range tc.files {
			want = append(want,
				resources.Identity{Kind: "path", Name: "/etc/systemd/system/" + file}, resources.Identity{Kind: "path", Name: "/etc/systemd/system/" + file + ".d", Below: true},
				resources.Identity{Kind: "path", Name: "/lib/systemd/system/" + file}, resources.Identity{Kind: "path", Name: "/usr/lib/systemd/system/" + file})
		}
		want = append(want, resources.Identity{Kind: "path", Name: "/etc/init.d/" + strings.TrimSuffix(name, ".service")})
		if diff := cmp.Diff(want, s.Requires()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// What is on its way up, be it for the hundredth time, is neither of what a manifest can say; an undo has it run again.
func TestStarting(t *testing.T) {
	h := hosttest.New(t, "")
	h.AddUnits(hosttest.Unit{Unit: host.Unit{Name: "app.service", ActiveState: "activating", SubState: "auto-restart"}})
	s := declare("", "")
	if err := s.Inspect(t.Context(), h); err != nil || s.Ensure != "" || string(s.Enable) != disabled {
		t.Errorf("inspected: %q, %q, %v", s.Ensure, s.Enable, err)
	}
	s = declare(stopped, "")
	d := resourcetest.Check(t, h, s)
	if diff := cmp.Diff([]resources.Change{{Attr: "ensure", From: "starting", To: stopped}}, d.Changes); diff != "" {
		t.Error(diff)
	}
	raw, err := s.Before(t.Context(), h, d)
	if err != nil || !strings.HasSuffix(string(raw), `"provider":"systemd","ensure":"running"}`) {
		t.Errorf("kept: %s, %v", raw, err)
	}
}

// A name is taken as it is, a pattern for the names that it fits. What is inspected is as declared.
func TestList(t *testing.T) {
	h := hosttest.New(t, "-- etc/init.d/app 0755 --\n-- etc/init.d/other 0755 --\n-- etc/rc3.d/S01app -> ../init.d/app --\n")
	h.Answer("service app status", 0, "")
	s := declare("", "")
	for of, want := range map[string][]string{"*": {"app", "other"}, "ap?": {"app"}, "zz*": {}, "template@one": {"template@one"}} {
		got, err := s.List(t.Context(), h, of)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Error(of, err, diff)
		}
	}
	if err := s.Inspect(t.Context(), h); err != nil || s.Ensure != "running" || s.Enable != "true" {
		t.Errorf("of an init script: %q, %q, %v", s.Ensure, s.Enable, err)
	}
	if d := resourcetest.Check(t, h, s); !d.Empty() {
		t.Errorf("what was inspected differs: %+v", d.Changes)
	}
	s.Name = "none"
	if err := s.Inspect(t.Context(), h); err == nil {
		t.Error("there is no such service")
	}
}

// A mask until the next boot is none of what can be declared: inspected it is left out, and an undo brings it back as it was.
func TestRuntimeMask(t *testing.T) {
	h := hosttest.New(t, "")
	h.AddUnits(hosttest.Unit{Unit: host.Unit{Name: "app.service", LoadState: "masked", UnitFileState: "masked-runtime"}})
	if s := resourcetest.Inspects(t, h, Type(), "app").(*Service); s.Enable != "" {
		t.Errorf("inspected: %q", s.Enable)
	}
	resourcetest.Undoes(t, h, Type(), declare("", enabled))
	if u, err := h.Unit(t.Context(), "app.service"); err != nil || u.UnitFileState != "masked-runtime" {
		t.Errorf("after the undo: %q, %v", u.UnitFileState, err)
	}
	if err := resourcetest.Refuses(t, h, declare(running, "")); !strings.Contains(err.Error(), "enable = true takes the mask off") {
		t.Error(err)
	}
}

// A unit that cannot be enabled can be masked all the same, and an undo takes the mask off, or puts it back.
func TestMasks(t *testing.T) {
	for name, tc := range map[string]struct {
		before, enable, want string
	}{
		"disabled":         {"disabled", "mask", "masked"},
		"enabled":          {"enabled", "mask", "masked"},
		"static":           {"static", "mask", "masked"},
		"indirect":         {"indirect", "mask", "masked"},
		"until the boot":   {"masked-runtime", "mask", "masked"},
		"static, enabled":  {"static", "true", "static"},
		"static, disabled": {"static", "false", "static"},
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, "")
			h.AddUnits(hosttest.Unit{Unit: host.Unit{Name: "app.service", UnitFileState: tc.before}})
			is := func() string {
				u, err := h.Unit(t.Context(), "app.service")
				if err != nil {
					t.Fatal(err)
				}
				return u.UnitFileState
			}
			resourcetest.Undoes(t, h, Type(), declare("", tc.enable))
			if diff := cmp.Diff(tc.before, is()); diff != "" {
				t.Errorf("after the undo: %s", diff)
			}
			resourcetest.Converges(t, h, declare("", tc.enable))
			if diff := cmp.Diff(tc.want, is()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A mask is a link in the place of a file of the node's own.
func TestNoMaskOverAFile(t *testing.T) {
	h := hosttest.New(t, "")
	h.AddUnits(hosttest.Unit{Unit: host.Unit{Name: "app.service", FragmentPath: "/etc/systemd/system/app.service"}})
	if err := resourcetest.Refuses(t, h, declare("", "mask")); !strings.Contains(err.Error(), "enable = false") {
		t.Error(err)
	}
}

// A service that runs on although its unit's file was gone, or broken, when systemd read it last has it read again, and is restarted where it is notified.
func TestUnitFileThatIsThereAgain(t *testing.T) {
	for _, state := range []string{"error", "bad-setting"} {
		t.Run(state, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := hosttest.New(t, "-- etc/systemd/system/app.service --\n[Service]\nExecStart=/bin/sleep 1\n")
				h.AddUnits(hosttest.Unit{Unit: host.Unit{Name: "app.service", ActiveState: "active", LoadState: state}})
				s := declare(running, "")
				d, err := s.Check(t.Context(), h)
				if err != nil {
					t.Fatal(err)
				}
				if ok, why, err := s.Refreshable(t.Context(), h, d); !ok || err != nil {
					t.Errorf("it is not restarted: %s %v", why, err)
				}
				if o := resourcetest.Converges(t, h, s); o.Diff.Changes[0].From != unread {
					t.Errorf("it is %q", o.Diff.Changes[0].From)
				}
				if diff := cmp.Diff([]string{"systemctl daemon-reload", "systemctl start app.service"}, h.Calls()); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}
