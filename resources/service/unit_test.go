package service

import (
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
	running, off := host.Unit{ActiveState: "active", UnitFileState: "enabled"}, host.Unit{}
	for name, tc := range map[string]struct {
		s       *Service
		unit    host.Unit
		refresh bool
		want    []string
	}{
		"start":   {declare("running", ""), off, false, []string{reload, "systemctl start app.service"}},
		"stop":    {declare("stopped", ""), running, false, []string{reload, "systemctl stop app.service"}},
		"enable":  {declare("", "true"), off, false, []string{reload, "systemctl enable app.service"}},
		"disable": {declare("", "false"), running, false, []string{reload, "systemctl disable app.service"}},
		"mask":    {declare("stopped", "mask"), off, false, []string{reload, "systemctl mask app.service"}},
		"restart": {declare("", ""), running, true, []string{reload, "systemctl restart app.service"}},
		"reload":  {&Service{Name: "app", OnRefresh: "reload"}, running, true, []string{reload, "systemctl reload app.service"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := hosttest.New(t, "")
				tc.unit.Name, tc.unit.NeedDaemonReload = "app.service", true
				h.AddUnits(hosttest.Unit{Unit: tc.unit})
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
		"alias":       {Unit: host.Unit{Name: "app.service"}, Aliases: []string{"alias.service"}},
		"app@one":     {Unit: host.Unit{Name: "app@one.service"}},
		"app.socket":  {Unit: host.Unit{Name: "app.socket"}},
		"app.service": {Unit: host.Unit{Name: "app.service"}},
	} {
		t.Run(declared, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := hosttest.New(t, "")
				h.AddUnits(unit)
				s := declare("running", "")
				s.Name = declared
				resourcetest.Converges(t, h, s)
				if u, err := h.Unit(t.Context(), unit.Name); err != nil || u.ActiveState != "active" {
					t.Errorf("%s is %s (%v)", unit.Name, u.ActiveState, err)
				}
			})
		})
	}
}

// The unit is what two declarations may not share; the files that define it come before it.
func TestIdentities(t *testing.T) {
	s := declare("running", "")
	if diff := cmp.Diff([]resources.Identity{{Kind: "unit", Name: "app.service"}}, s.Provides()); diff != "" {
		t.Error(diff)
	}
	want := []resources.Identity{
		{Kind: "path", Name: "/etc/systemd/system/app.service"}, {Kind: "path", Name: "/etc/systemd/system/app.service.d"},
		{Kind: "path", Name: "/lib/systemd/system/app.service"}, {Kind: "path", Name: "/usr/lib/systemd/system/app.service"},
		{Kind: "path", Name: "/etc/init.d/app"},
	}
	if diff := cmp.Diff(want, s.Requires()); diff != "" {
		t.Error(diff)
	}
}
