package initsystem

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
)

// Who enables an init script, and who says that it is.
func TestSysVEnable(t *testing.T) {
	const on = script + "-- etc/rc3.d/S01app -> ../init.d/app --\n"
	const chkconfig = "-- sbin/chkconfig 0755 --\n#!/bin/sh\n"
	for name, tc := range map[string]struct {
		tree   string
		enable Enablement
		want   []string
	}{
		"enable":                  {script, Enabled, []string{"update-rc.d app defaults", "update-rc.d app enable"}},
		"enabled":                 {on, Enabled, nil},
		"disable":                 {on, Disabled, []string{"update-rc.d app defaults", "update-rc.d app disable"}},
		"disabled":                {script, Disabled, nil},
		"enable by chkconfig":     {script + chkconfig, Enabled, []string{"chkconfig app on"}},
		"disable by chkconfig":    {on + chkconfig, Disabled, []string{"chkconfig app off"}},
		"Red Hat's links":         {script + "-- etc/rc.d/rc5.d/S99app -> ../init.d/app --\n", Enabled, nil},
		"another script's link":   {script + "-- etc/rc3.d/S01apple -> ../init.d/apple --\n", Disabled, nil},
		"a link that only stops":  {script + "-- etc/rc3.d/K01app -> ../init.d/app --\n", Disabled, nil},
		"only at boot and single": {script + "-- etc/rc1.d/S01app -> ../init.d/app --\n", Disabled, nil},
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
			sys := New(SysV, Definition{Name: "app", HasStatus: true})
			st, err := sys.State(t.Context(), h)
			if err == nil && st.Enable != tc.enable {
				err = sys.Enable(t.Context(), h, tc.enable)
			}
			if st, stErr := sys.State(t.Context(), h); err != nil || stErr != nil || st.Enable != tc.enable {
				t.Errorf("it is %q, %v, %v", st.Enable, err, stErr)
			}
			d := daemon{Host: h}
			if diff := cmp.Diff(tc.want, d.done()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// An init script may start nothing and say that all is well: that is told long before the attempt's time is over, unless a command of the manifest
// says what running means.
func TestScriptThatStartsNothing(t *testing.T) {
	for name, tc := range map[string]struct {
		edit  func(*Definition)
		after time.Duration
		want  string
	}{
		"its own status":     {func(*Definition) {}, 15 * time.Second, "app does not run, 15s after its start has ended well"},
		"by its process":     {func(s *Definition) { s.HasStatus = false }, 15 * time.Second, "app does not run, 15s after its start has ended well"},
		"a declared command": {func(s *Definition) { s.Status = "curl localhost" }, time.Minute, "timed out after 1m"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := hosttest.New(t, script)
				h.Answer("service app status", 3, "")
				h.Answer("service app start", 0, "")
				h.Answer("/bin/sh -c", 7, "")
				h.Answer("ps -eo args=", 0, "init\n")
				d := daemon{Host: h}
				ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errors.New("timed out after 1m"))
				defer cancel()
				begin := time.Now()
				err := d.system(tc.edit).Start(ctx, h)
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
