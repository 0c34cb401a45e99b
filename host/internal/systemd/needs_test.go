package systemd_test

import (
	"testing"

	"github.com/godbus/dbus/v5"
	"github.com/google/go-cmp/cmp"
)

// need is a unit in that state that needs others.
func need(state string, kind string, units ...string) properties {
	return properties{
		"Unit":    {"ActiveState": dbus.MakeVariant(state), kind: dbus.MakeVariant(units)},
		"Service": {"Result": dbus.MakeVariant("exit-code")},
	}
}

func TestLacking(t *testing.T) {
	fake, m := started(t)
	fake.units(t, map[string]properties{
		"app.service":     need("inactive", "Requires", "up.service", "db.service"),
		"db.service":      need("inactive", "BindsTo", "disk.service", "app.service"),
		"disk.service":    need("failed", "Requires", "dev-xvdj.device"),
		"up.service":      need("active", "Requires", "old.service"),
		"old.service":     need("failed", "Requires"),
		"data.service":    need("inactive", "Requisite", "mnt.service"),
		"mnt.service":     need("inactive", "Requires", "dev-none.device", "gone.service"),
		"happy.service":   need("active", "Requires", "up.service"),
		"broken.service":  need("failed", "Requires"),
		"dev-none.device": {"Unit": {"ActiveState": dbus.MakeVariant("inactive")}},
	})
	for unit, want := range map[string][]string{
		"app.service":    {"disk.service failed (exit-code)"},
		"data.service":   {"mnt.service is inactive", "dev-none.device is inactive"},
		"happy.service":  nil,
		"broken.service": nil,
		"gone.service":   nil,
	} {
		if diff := cmp.Diff(want, m.Lacking(t.Context(), unit)); diff != "" {
			t.Errorf("%s: -want +got\n%s", unit, diff)
		}
	}
}
