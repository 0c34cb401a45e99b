package initsystem

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
)

// What systemd says of a unit, in the words of State.
func TestUnitState(t *testing.T) {
	for name, tc := range map[string]struct {
		unit host.Unit
		want State
		err  string
	}{
		"none":                     {host.Unit{LoadState: "not-found", ActiveState: "inactive"}, State{Missing: true, Enable: Disabled}, ""},
		"running and enabled":      {host.Unit{ActiveState: "active", UnitFileState: "enabled"}, State{Running: true, Enable: Enabled}, ""},
		"reading its files again":  {host.Unit{ActiveState: "reloading", UnitFileState: "alias"}, State{Running: true, Enable: Enabled}, ""},
		"on its way up":            {host.Unit{ActiveState: "activating", UnitFileState: "disabled"}, State{Starting: true, Enable: Disabled}, ""},
		"on its way down":          {host.Unit{ActiveState: "deactivating", UnitFileState: "enabled-runtime"}, State{Enable: Disabled}, ""},
		"failed":                   {host.Unit{ActiveState: "failed", UnitFileState: "static"}, State{Enable: "static"}, ""},
		"linked":                   {host.Unit{ActiveState: "inactive", UnitFileState: "linked"}, State{Enable: Disabled}, ""},
		"generated":                {host.Unit{ActiveState: "active", UnitFileState: "generated"}, State{Running: true, Enable: "generated"}, ""},
		"where its mask would be":  {host.Unit{UnitFileState: "static", FragmentPath: "/etc/systemd/system/app.service"}, State{Enable: "static", Instead: "/etc/systemd/system/app.service"}, ""},
		"a template's file":        {host.Unit{ID: "app@x.service", UnitFileState: "static", FragmentPath: "/etc/systemd/system/app@.service"}, State{Enable: "static"}, ""},
		"masked":                   {host.Unit{LoadState: "masked", UnitFileState: "masked"}, State{Enable: Mask}, ""},
		"masked, without its file": {host.Unit{LoadState: "masked", ActiveState: "inactive"}, State{Enable: Mask}, ""},
		"masked until it boots":    {host.Unit{LoadState: "masked", UnitFileState: "masked-runtime"}, State{Enable: MaskRuntime}, ""},
		"a mistake in its file":    {host.Unit{LoadState: "bad-setting", ActiveState: "inactive"}, State{Enable: "static", Unread: true}, "app.service: systemd cannot load it (bad-setting)"},
		"its file was gone":        {host.Unit{LoadState: "error", ActiveState: "active", UnitFileState: "enabled"}, State{Running: true, Enable: Enabled, Unread: true}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := New(Systemd, Definition{Name: "app"}).State(t.Context(), unit{Host: hosttest.New(t, ""), is: tc.unit})
			if diff := cmp.Diff(tc.want, got); diff != "" || (err == nil) != (tc.err == "") || err != nil && err.Error() != tc.err {
				t.Errorf("%v %s", err, diff)
			}
		})
	}
}

// unit is a systemd that says the same of every unit.
type unit struct {
	*hosttest.Host
	is host.Unit
}

func (u unit) Unit(context.Context, string) (host.Unit, error) { return u.is, nil }

// Services are found by their unit files, or by their init scripts: no aliases, no templates, no other units.
func TestNames(t *testing.T) {
	const units = `-- etc/systemd/system/mine.service --
-- etc/systemd/system/alias.service -> /usr/lib/systemd/system/theirs.service --
-- usr/lib/systemd/system/theirs.service --
-- usr/lib/systemd/system/mine.service --
-- usr/lib/systemd/system/template@.service --
-- usr/lib/systemd/system/other.socket --
-- etc/init.d/script 0755 --
-- etc/init.d/README 0644 --
`
	for name, tc := range map[string]struct {
		tree    string
		systemd bool
		want    []string
	}{
		"systemd":      {units, true, []string{"mine", "theirs"}},
		"init scripts": {units, false, []string{"script"}},
		"a link":       {"-- etc/init.d -> rc.d/init.d --\n-- etc/rc.d/init.d/script 0755 --\n", false, []string{"script"}}, // as on Red Hat's systems
		"neither":      {"", false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, tc.tree)
			if tc.systemd {
				h.AddUnits()
			}
			got, err := Names(t.Context(), h)
			if diff := cmp.Diff(tc.want, got); err != nil || diff != "" {
				t.Error(err, diff)
			}
		})
	}
}

// looping is a unit that systemd restarts again and again.
type looping struct {
	*hosttest.Host
	n uint32
}

func (l *looping) Unit(ctx context.Context, name string) (host.Unit, error) {
	u, err := l.Host.Unit(ctx, name)
	l.n++
	u.NRestarts = l.n / 8
	return u, err
}

func TestRestartLoopIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hosttest.New(t, "")
		h.AddUnits(hosttest.Unit{Unit: host.Unit{Name: "app.service"}})
		err := New(Systemd, Definition{Name: "app"}).Start(t.Context(), &looping{Host: h})
		if err == nil || !strings.Contains(err.Error(), "systemd has restarted it") {
			t.Errorf("want a failure, got %v", err)
		}
	})
}
