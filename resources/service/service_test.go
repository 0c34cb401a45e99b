package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/resourcetest"
	"github.com/nodeapply/apply/resources/service/initsystem"
)

// The values of enable.
const (
	enabled  = string(initsystem.Enabled)
	disabled = string(initsystem.Disabled)
	mask     = string(initsystem.Mask)
)

func declare(ensure, enable string) *Service {
	s := Type().New("app").(*Service)
	s.Ensure, s.Enable = ensure, resources.Scalar(enable)
	return s
}

// TestConverges is every declared state from every starting state.
func TestConverges(t *testing.T) {
	starts := map[string]host.Unit{
		"inactive disabled": {},
		"inactive enabled":  {UnitFileState: "enabled"},
		"active disabled":   {ActiveState: "active", SubState: "running"},
		"active enabled":    {ActiveState: "active", SubState: "running", UnitFileState: "enabled"},
		"failed":            {ActiveState: "failed", SubState: "failed", Result: "exit-code"},
		"active static":     {ActiveState: "active", UnitFileState: "static"},
		"active indirect":   {ActiveState: "active", UnitFileState: "indirect"},
		"inactive masked":   {LoadState: "masked", UnitFileState: "masked"},
		"masked until boot": {LoadState: "masked", UnitFileState: "masked-runtime"},
	}
	for _, ensure := range []string{"", running, stopped} {
		for _, enable := range []string{"", enabled, disabled, mask} {
			if ensure == running && enable == mask {
				continue // refused by Validate
			}
			for name, u := range starts {
				if ensure == running && enable == "" && u.LoadState == "masked" {
					continue // below
				}
				t.Run(fmt.Sprintf("%s/%s from %s", ensure, enable, name), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						h := hosttest.New(t, "")
						u.Name = "app.service"
						h.AddUnits(hosttest.Unit{Unit: u})
						resourcetest.Converges(t, h, declare(ensure, enable))
					})
				})
			}
		}
	}
}

func TestWhatIsDone(t *testing.T) {
	for _, tc := range []struct {
		name string
		s    *Service
		unit host.Unit
		want []string
	}{
		{"as declared: nothing", declare(running, enabled), host.Unit{ActiveState: "active", UnitFileState: "enabled"}, nil},
		{"stopped service", declare(running, ""), host.Unit{}, []string{"systemctl start app.service"}},
		{"enabled before it is started", declare(running, enabled), host.Unit{}, []string{"systemctl enable app.service", "systemctl start app.service"}},
		{"stopped before it is masked", declare(stopped, mask), host.Unit{ActiveState: "active"}, []string{"systemctl stop app.service", "systemctl mask app.service"}},
		{"unmasked before it is enabled", declare(running, enabled), host.Unit{LoadState: "masked", UnitFileState: "masked"},
			[]string{"systemctl unmask app.service", "systemctl enable app.service", "systemctl start app.service"}},
		{"a mask until the next boot, taken off", declare("", enabled), host.Unit{LoadState: "masked", UnitFileState: "masked-runtime"},
			[]string{"systemctl unmask app.service", "systemctl enable app.service"}},
		{"a mask until the next boot, made to last", declare("", mask), host.Unit{LoadState: "masked", UnitFileState: "masked-runtime"}, []string{"systemctl mask app.service"}},
		{"a mask until the next boot is not disabled", declare("", disabled), host.Unit{LoadState: "masked", UnitFileState: "masked-runtime"},
			[]string{"systemctl unmask app.service", "systemctl disable app.service"}},
		{"what is to run cannot stay masked", declare(running, disabled), host.Unit{LoadState: "masked", UnitFileState: "masked"}, []string{"systemctl unmask app.service", "systemctl disable app.service", "systemctl start app.service"}},
		{"masked is as good as disabled", declare(stopped, disabled), host.Unit{LoadState: "masked", UnitFileState: "masked"}, nil},
		{"static units do not flap", declare("", enabled), host.Unit{UnitFileState: "static"}, nil},
		{"indirect units do not flap", declare("", disabled), host.Unit{UnitFileState: "indirect"}, nil},
		{"generated units do not flap", declare("", enabled), host.Unit{UnitFileState: "generated"}, nil},
		{"static units do not flap, disabled", declare("", disabled), host.Unit{UnitFileState: "static"}, nil},
		{"indirect units do not flap, enabled", declare("", enabled), host.Unit{UnitFileState: "indirect"}, nil},
		{"generated units do not flap, disabled", declare("", disabled), host.Unit{UnitFileState: "generated"}, nil},
		{"transient units do not flap", declare("", enabled), host.Unit{UnitFileState: "transient"}, nil},
		{"a linked file starts nothing", declare("", enabled), host.Unit{UnitFileState: "linked"}, []string{"systemctl enable app.service"}},
		{"a linked file is not enabled", declare("", disabled), host.Unit{UnitFileState: "linked"}, nil},
		{"a unit in a restart loop is not stopped", declare(stopped, ""), host.Unit{ActiveState: "activating", SubState: "auto-restart"}, []string{"systemctl stop app.service"}},
		{"what is on its way is waited for", declare(running, ""), host.Unit{ActiveState: "activating", SubState: "start-pre"}, []string{"systemctl start app.service"}},
		{"changed unit files are read first", declare(running, ""), host.Unit{NeedDaemonReload: true}, []string{"systemctl daemon-reload", "systemctl start app.service"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := hosttest.New(t, "")
				tc.unit.Name = "app.service"
				h.AddUnits(hosttest.Unit{Unit: tc.unit})
				resourcetest.Converges(t, h, tc.s)
				if diff := cmp.Diff(tc.want, h.Calls()); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestFailures(t *testing.T) {
	for _, tc := range []struct {
		name string
		s    *Service
		unit hosttest.Unit
		want string
		log  string
	}{
		{"there is none", declare(running, ""), hosttest.Unit{Unit: host.Unit{Name: "other.service"}}, "app: there is no such service on this node", ""},
		{"masked", declare(running, ""), hosttest.Unit{Unit: host.Unit{Name: "app.service", LoadState: "masked", UnitFileState: "masked"}}, "enable = true takes the mask off", ""},
		{"a start that fails quotes the journal", declare(running, ""), hosttest.Unit{Unit: host.Unit{Name: "app.service"}, Fails: "exit-code", Log: "no config"}, "job ended failed", "no config"},
		{"dies right after its start", declare(running, ""), hosttest.Unit{Unit: host.Unit{Name: "app.service"}, DiesAfter: 300 * time.Millisecond, Log: "bye"},
			"app.service does not stay up: failed", "bye"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := hosttest.New(t, "")
				h.AddUnits(tc.unit)
				d, err := tc.s.Check(t.Context(), h)
				if err == nil {
					err = tc.s.Apply(t.Context(), h, d)
				}
				if err == nil || !strings.Contains(err.Error(), tc.want) {
					t.Fatalf("want %q, got %v", tc.want, err)
				}
				var job interface{ Detail() string }
				if tc.log != "" && (!errors.As(err, &job) || job.Detail() != tc.log) {
					t.Errorf("want the log %q in %#v", tc.log, err)
				}
			})
		})
	}
}

func TestRefresh(t *testing.T) {
	active := host.Unit{Name: "app.service", ActiveState: "active"}
	for _, tc := range []struct {
		name    string
		s       *Service
		unit    host.Unit
		applied resources.Diff
		why     string
		want    []string
	}{
		{name: "restarts what runs", s: declare("", ""), unit: active, want: []string{"systemctl restart app.service"}},
		{name: "reloads", s: &Service{Name: "app", OnRefresh: "reload"}, unit: active, want: []string{"systemctl reload app.service"}},
		{name: "reload-or-restart", s: &Service{Name: "app", OnRefresh: "reload-or-restart"}, unit: active, want: []string{"systemctl reload-or-restart app.service"}},
		{name: "restarts by the manifest's command", s: &Service{Name: "app", OnRefresh: "restart", Restart: "again"}, unit: active, want: []string{"/bin/sh -c again"}},
		{name: "a reload is no restart", s: &Service{Name: "app", OnRefresh: "reload", Restart: "again", Start: "up", Stop: "down"}, unit: active, want: []string{"systemctl reload app.service"}},
		{name: "nor with commands for all else", s: &Service{Name: "app", OnRefresh: "reload", Start: "up", Stop: "down", Status: "again"}, unit: active,
			want: []string{"? /bin/sh -c again", "systemctl reload app.service", "? /bin/sh -c again", "? /bin/sh -c again", "? /bin/sh -c again", "? /bin/sh -c again", "? /bin/sh -c again"}},
		{name: "start and stop are not asked for where systemd restarts", s: &Service{Name: "app", OnRefresh: "restart", Start: "up", Stop: "down"}, unit: active,
			want: []string{"systemctl restart app.service"}},
		{name: "enabled in this run, and ran before", s: declare(running, enabled), unit: active, applied: resources.Diff{Changes: []resources.Change{{Attr: "enable"}}},
			want: []string{"systemctl restart app.service"}},
		{name: "stopped in this run", s: declare(stopped, ""), unit: host.Unit{Name: "app.service"}, applied: resources.Diff{Changes: []resources.Change{{Attr: "ensure"}}}, why: "not running"},
		{name: "does not start what is stopped", s: declare("", ""), unit: host.Unit{Name: "app.service"}, why: "not running"},
		{name: "masked", s: declare("", ""), unit: host.Unit{Name: "app.service", ActiveState: "active", UnitFileState: "masked"}, why: "masked, so that nothing can start it again"},
		{name: "to be masked", s: declare("", "mask"), unit: active, why: "masked, so that nothing can start it again"},
		{name: "masked, with a command of its own", s: &Service{Name: "app", OnRefresh: "restart", Restart: "again"},
			unit: host.Unit{Name: "app.service", ActiveState: "active", UnitFileState: "masked"}, want: []string{"/bin/sh -c again"}},
		{name: "not just started", s: declare(running, ""), unit: active, applied: resources.Diff{Changes: []resources.Change{{Attr: "ensure"}}}, why: "started in this run"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := hosttest.New(t, "")
				h.AddUnits(hosttest.Unit{Unit: tc.unit})
				h.Answer("/bin/sh -c again", 0, "")
				ok, why, err := tc.s.Refreshable(t.Context(), h, tc.applied)
				if err != nil || ok != (tc.why == "") || why != tc.why {
					t.Fatalf("refreshable: %v, %q, %v", ok, why, err)
				}
				if ok {
					if err := tc.s.Refresh(t.Context(), h); err != nil {
						t.Fatal(err)
					}
				}
				if diff := cmp.Diff(tc.want, h.Calls()); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// What the manifest's own commands run, the node need not know; an undo stops it by them too, whatever the title.
func TestServiceByCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hosttest.New(t, "")
		h.AddUnits()
		runs := false
		h.Handle("/bin/sh -c", func(_ context.Context, c host.Cmd) (host.Output, error) {
			switch c.Args[2] {
			case "app start":
				runs = true
			case "app stop":
				runs = false
			}
			if c.Args[2] == "app status" && !runs {
				return host.Output{ExitCode: 3}, nil
			}
			return host.Output{}, nil
		})
		s := declare(running, "")
		s.Start, s.Stop, s.Status = "app start", "app stop", "app status"
		resourcetest.Converges(t, h, s)
		h.ForgetCalls()
		if err := s.Refresh(t.Context(), h); err != nil {
			t.Fatal(err)
		}
		if !runs {
			t.Error("it does not run after a refresh")
		}
		runs = false
		resourcetest.Undoes(t, h, Type(), s)
		if calls := h.Calls(); runs || !slices.Contains(calls, "/bin/sh -c app stop") {
			t.Errorf("it runs still, after %q", calls)
		}
	})
}

func TestSysV(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hosttest.New(t, "-- etc/init.d/app 0755 --\n#!/bin/sh\n-- etc/rc3.d/ --\n")
		runs := false
		h.Handle("service app", func(_ context.Context, c host.Cmd) (host.Output, error) {
			switch c.Args[2] {
			case "start", "restart":
				runs = true
			case "stop":
				runs = false
			}
			out := host.Output{}
			if c.Args[2] == "status" && !runs {
				out.ExitCode = 3
			}
			return out, nil
		})
		h.Handle("update-rc.d app", func(ctx context.Context, c host.Cmd) (host.Output, error) {
			if c.Args[2] == "enable" {
				return host.Output{}, h.Symlink(ctx, "../init.d/app", "/etc/rc3.d/S01app")
			}
			return host.Output{}, nil
		})
		s := declare(running, enabled)
		d, err := s.Check(t.Context(), h)
		if err != nil {
			t.Fatal(err)
		}
		want := []resources.Change{{Attr: "enable", From: "false", To: "true"}, {Attr: "ensure", From: "stopped", To: "running"}}
		if diff := cmp.Diff(want, d.Changes); diff != "" {
			t.Fatal(diff)
		}
		if err := s.Apply(t.Context(), h, d); err != nil {
			t.Fatal(err)
		}
		if d, err := s.Check(t.Context(), h); err != nil || !d.Empty() {
			t.Errorf("after apply: %v, %v", d, err)
		}
		if err := s.Refresh(t.Context(), h); err != nil {
			t.Error(err)
		}
	})
}

func TestRestore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hosttest.New(t, "")
		h.AddUnits(hosttest.Unit{Unit: host.Unit{Name: "app.service"}})
		s := declare(running, enabled)
		d, err := s.Check(t.Context(), h)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := s.Before(t.Context(), h, d)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Apply(t.Context(), h, d); err != nil {
			t.Fatal(err)
		}
		fresh := Type().New("another title").(*Service)
		if err := fresh.Restore(t.Context(), h, raw); err != nil {
			t.Fatal(err)
		}
		u, err := h.Unit(t.Context(), "app.service")
		if err != nil || u.ActiveState != "inactive" || u.UnitFileState != "disabled" {
			t.Errorf("want it stopped and disabled, got %+v, %v", u, err)
		}
	})
}

func TestValidate(t *testing.T) {
	for _, tc := range []struct {
		name string
		s    Service
		want string
	}{
		{"ensure", Service{Name: "a", Ensure: "started", OnRefresh: "restart"}, `ensure: want running or stopped, not "started"`},
		{"enable", Service{Name: "a", Enable: "yes", OnRefresh: "restart"}, `enable: want true, false or mask, not "yes"`},
		{"on_refresh", Service{Name: "a", OnRefresh: "kick"}, `on_refresh: want restart, reload or reload-or-restart, not "kick"`},
		{"provider", Service{Name: "a", OnRefresh: "restart", Provider: "launchd"}, `provider: want systemd or sysv, not "launchd"`},
		{"running and masked", Service{Name: "a", OnRefresh: "restart", Ensure: "running", Enable: "mask"}, "a masked service cannot run"},
		{"pattern", Service{Name: "a", OnRefresh: "restart", Pattern: "("}, "pattern: error parsing regexp"},
		{"control character", Service{Name: "a\x00b", OnRefresh: "restart"}, `is no name of a service`},
		{"name", Service{Name: "-a", OnRefresh: "restart"}, `"-a" is no name of a service`},
		{"template", Service{Name: "getty@", OnRefresh: "restart"}, `"getty@" is a template, of which nothing runs: name one of its instances, such as "getty@one"`},
		{"template's file", Service{Name: "getty@.service", OnRefresh: "restart"}, `"getty@.service" is a template, of which nothing runs: name one of its instances, such as "getty@one"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := tc.s.Validate(); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("want %q, got %v", tc.want, err)
			}
		})
	}
}

func TestChangedSince(t *testing.T) {
	for name, byHand := range map[string]host.Verb{"stopped": host.Stop, "disabled": host.Disable} {
		synctest.Test(t, func(t *testing.T) {
			h := hosttest.New(t, "")
			h.AddUnits(hosttest.Unit{Unit: host.Unit{Name: "app.service"}})
			resourcetest.Undoes(t, h, Type(), declare(running, enabled))
			resourcetest.Notices(t, h, Type(), declare(running, enabled), func() {
				if err := h.DoUnit(t.Context(), "app.service", byHand); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			})
		})
	}
}
