package service

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources/resourcetest"
)

// Who enables an init script, and who says that it is.
func TestSysVEnable(t *testing.T) {
	const on = script + "-- etc/rc3.d/S01app -> ../init.d/app --\n"
	const chkconfig = "-- sbin/chkconfig 0755 --\n#!/bin/sh\n"
	for name, tc := range map[string]struct {
		tree, enable string
		want         []string
	}{
		"enable":                  {script, enabled, []string{"update-rc.d app defaults", "update-rc.d app enable"}},
		"enabled":                 {on, enabled, nil},
		"disable":                 {on, disabled, []string{"update-rc.d app defaults", "update-rc.d app disable"}},
		"disabled":                {script, disabled, nil},
		"enable by chkconfig":     {script + chkconfig, enabled, []string{"chkconfig app on"}},
		"disable by chkconfig":    {on + chkconfig, disabled, []string{"chkconfig app off"}},
		"Red Hat's links":         {script + "-- etc/rc.d/rc5.d/S99app -> ../init.d/app --\n", enabled, nil},
		"another script's link":   {script + "-- etc/rc3.d/S01apple -> ../init.d/apple --\n", disabled, nil},
		"a link that only stops":  {script + "-- etc/rc3.d/K01app -> ../init.d/app --\n", disabled, nil},
		"only at boot and single": {script + "-- etc/rc1.d/S01app -> ../init.d/app --\n", disabled, nil},
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, tc.tree)
			h.Answer("service app status", 0, "")
			link := func(ctx context.Context, c host.Cmd) (host.Output, error) {
				switch c.Args[2] {
				case "enable", "on":
					return host.Output{}, h.Symlink(ctx, "../init.d/app", "/etc/rc3.d/S01app")
				case "disable", "off":
					return host.Output{}, h.Node.Remove(ctx, "/etc/rc3.d/S01app", false)
				}
				return host.Output{}, nil
			}
			h.Handle("update-rc.d app", link)
			h.Handle("chkconfig app", link)
			resourcetest.Converges(t, h, declare("", tc.enable))
			d := daemon{Host: h}
			if diff := cmp.Diff(tc.want, d.done()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The declared provider wins over what the node runs.
func TestProvider(t *testing.T) {
	for name, tc := range map[string]struct {
		provider string
		systemd  bool
		want     string // what is asked, or the error
	}{
		"systemd by default":       {"", true, ""},
		"sysv by default":          {"", false, "? service app status"},
		"sysv where systemd is":    {"sysv", true, "? service app status"},
		"systemd where it is not":  {"systemd", false, host.ErrNoSystemd.Error()},
		"an init script, no mask":  {"sysv", false, "cannot be masked"},
		"systemd where it is, too": {"systemd", true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, script)
			if tc.systemd {
				h.AddUnits(hosttest.Unit{Unit: host.Unit{Name: "app.service", ActiveState: "active"}})
			}
			h.Answer("service app status", 0, "")
			s := declare(running, "")
			s.Provider = tc.provider
			if tc.want == "cannot be masked" {
				s.Ensure, s.Enable = "", mask
			}
			d, err := s.Check(t.Context(), h)
			got := strings.Join(h.Calls(), "; ")
			if err != nil {
				got = err.Error()
			}
			if got != tc.want && !(tc.want != "" && err != nil && strings.Contains(got, tc.want)) || !d.Empty() {
				t.Errorf("want %q, got %q, %+v", tc.want, got, d)
			}
		})
	}
}

// An init script may start nothing and say that all is well: that is told long before the attempt's time is over, unless a command of the manifest
// says what running means.
func TestScriptThatStartsNothing(t *testing.T) {
	for name, tc := range map[string]struct {
		edit  func(*Service)
		after time.Duration
		want  string
	}{
		"its own status":     {func(*Service) {}, 15 * time.Second, "app does not run, 15s after its start has ended well"},
		"by its process":     {func(s *Service) { s.HasStatus = false }, 15 * time.Second, "app does not run, 15s after its start has ended well"},
		"a declared command": {func(s *Service) { s.Status = "curl localhost" }, time.Minute, "timed out after 1m"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := hosttest.New(t, script)
				h.Answer("service app status", 3, "")
				h.Answer("service app start", 0, "")
				h.Answer("/bin/sh -c", 7, "")
				h.Answer("ps -eo args=", 0, "init\n")
				s := declare(running, "")
				tc.edit(s)
				d := resourcetest.Check(t, h, s)
				ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errors.New("timed out after 1m"))
				defer cancel()
				begin := time.Now()
				err := s.Apply(ctx, h, d)
				if err == nil || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("want %q, got %v", tc.want, err)
				}
				if took := time.Since(begin).Round(time.Second); took != tc.after {
					t.Errorf("after %s, want %s", took, tc.after)
				}
			})
		})
	}
}
