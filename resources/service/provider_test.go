package service

import (
	"strings"
	"testing"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources"
)

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
		"no script, no mask":       {"", false, "cannot be masked"},
		"systemd where it is, too": {"systemd", true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			tree := "-- etc/init.d/app 0755 --\n#!/bin/sh\n"
			if name == "no script, no mask" {
				tree = ""
			}
			h := hosttest.New(t, tree)
			if tc.systemd {
				h.AddUnits(hosttest.Unit{Unit: host.Unit{Name: "app.service", ActiveState: "active"}})
			}
			h.Answer("service app status", 0, "")
			s := declare(running, "")
			s.Provider = tc.provider
			if tc.want == "cannot be masked" {
				s.Ensure, s.Enable = "", resources.Scalar(mask)
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
