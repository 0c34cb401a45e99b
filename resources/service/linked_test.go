package service

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
)

// A unit that systemd knows by a link to its file, which it removes as the unit is disabled, is known again after an undo.
func TestRestoreOfALinkedUnit(t *testing.T) {
	const wants = "etc/systemd/system/multi-user.target.wants/app.service -> /opt/app.service"
	for name, tc := range map[string]struct{ wants, enable, want string }{
		"disabled": {"-- " + wants + " --\n", "false", "enabled"},
		"enabled":  {"", "true", "linked"},
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, "-- opt/app.service --\n[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n-- etc/systemd/system/app.service -> /opt/app.service --\n"+tc.wants)
			h.AddUnits(hosttest.Unit{Unit: host.Unit{Name: "other.service"}})
			s := declare("", tc.enable)
			d, err := s.Check(t.Context(), h)
			if err != nil {
				t.Fatal(err)
			}
			raw, err := s.Before(t.Context(), h, d)
			if err != nil {
				t.Fatal(err)
			}
			before := h.Snapshot()
			if err := s.Apply(t.Context(), h, d); err != nil {
				t.Fatal(err)
			}
			if err := Type().New("app").(*Service).Restore(t.Context(), h, raw); err != nil {
				t.Fatal(err)
			}
			if u, err := h.Unit(t.Context(), "app.service"); err != nil || u.UnitFileState != tc.want {
				t.Errorf("want it %s, got %+v, %v", tc.want, u, err)
			}
			if diff := cmp.Diff(before, h.Snapshot()); diff != "" {
				t.Errorf("files: -want +got\n%s", diff)
			}
		})
	}
}
