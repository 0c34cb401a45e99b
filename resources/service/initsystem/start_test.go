package initsystem

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
)

// A service must be seen to run within the time that its start has, and then for a second.
func TestSettles(t *testing.T) {
	for name, tc := range map[string]struct {
		tree      string
		set       func(*Definition)
		up, lasts time.Duration
		want      string // in the error
	}{
		"own commands, slow":            {"", own, 3 * time.Second, 0, ""},
		"own commands, dies":            {"", own, 0, 600 * time.Millisecond, "app does not stay up"},
		"own commands, dies late":       {"", own, 0, 2 * time.Second, ""},
		"own commands, never up":        {"", own, time.Hour, 0, "app is not running still: timed out after 10s"},
		"script, slow":                  {script, func(*Definition) {}, 3 * time.Second, 0, ""},
		"script, dies":                  {script, func(*Definition) {}, 0, 600 * time.Millisecond, "app does not stay up"},
		"script, never up":              {script, func(*Definition) {}, time.Hour, 0, "app is not running still: timed out after 10s"},
		"script without status, dies":   {script, func(s *Definition) { s.HasStatus = false }, 0, 600 * time.Millisecond, "app does not stay up"},
		"script without status, slow":   {script, func(s *Definition) { s.HasStatus = false }, 3 * time.Second, 0, ""},
		"script with own status, slow":  {script, func(s *Definition) { s.Status = "runs" }, 3 * time.Second, 0, ""},
		"script with own status, never": {script, func(s *Definition) { s.Status = "runs" }, time.Hour, 0, "timed out after 10s"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDaemon(t, tc.tree)
				if tc.tree == "" {
					d.AddUnits()
				}
				d.up, d.lasts = tc.up, tc.lasts
				ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Second, errors.New("timed out after 10s"))
				defer cancel()
				err := d.system(tc.set).Start(ctx, d)
				if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
					t.Errorf("want %q, got %v", tc.want, err)
				}
			})
		})
	}
}

// starting is a systemd whose unit is on its way up until it has been looked at some times, or for good.
type starting struct {
	*hosttest.Host
	looks int // 0: for good
}

func (s *starting) Unit(ctx context.Context, name string) (host.Unit, error) {
	u, err := s.Host.Unit(ctx, name)
	if s.looks--; u.ActiveState == "active" && s.looks != 0 {
		u.ActiveState, u.SubState = "activating", "start"
	}
	return u, err
}

func TestStartsTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hosttest.New(t, "")
		h.AddUnits(hosttest.Unit{Unit: host.Unit{Name: "app.service"}, Log: "connecting"})
		ctx, cancel := context.WithTimeoutCause(t.Context(), 5*time.Second, errors.New("timed out after 5s"))
		defer cancel()
		begin := time.Now()
		err := New(Systemd, Definition{Name: "app"}).Start(ctx, &starting{Host: h})
		var job *jobError
		if err == nil || err.Error() != "app.service is activating still: timed out after 5s" || !errors.As(err, &job) || job.Detail() != "connecting" {
			t.Errorf("got %v (%#v)", err, job)
		}
		if took := time.Since(begin); took != 5*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

// A unit of systemd whose own status says no has not failed before systemd says that it has.
func TestUnitWithOwnStatus(t *testing.T) {
	for name, tc := range map[string]struct {
		unit hosttest.Unit
		want string
	}{
		"up":   {hosttest.Unit{}, ""},
		"dies": {hosttest.Unit{DiesAfter: 300 * time.Millisecond}, "app.service does not stay up: failed"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := hosttest.New(t, "")
				tc.unit.Name = "app.service"
				h.AddUnits(tc.unit)
				asked := 0
				h.Handle("/bin/sh -c runs", func(context.Context, host.Cmd) (host.Output, error) {
					if asked++; asked > 4 && tc.want == "" {
						return host.Output{}, nil
					}
					return host.Output{ExitCode: 1}, nil
				})
				if err := New(Systemd, Definition{Name: "app", Status: "runs"}).Start(t.Context(), h); (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
					t.Errorf("want %q, got %v", tc.want, err)
				}
			})
		})
	}
}

// What a command of the manifest says of its failure is told, and the unit's journal where it says nothing.
func TestOwnCommandFails(t *testing.T) {
	for said, want := range map[string]string{"unknown directive": "unknown directive", "": "started an hour ago"} {
		h := hosttest.New(t, "")
		h.AddUnits(hosttest.Unit{Unit: host.Unit{Name: "app.service", ActiveState: "active"}, Log: "started an hour ago"})
		h.Answer("/bin/sh -c check", 1, said)
		err := New(Systemd, Definition{Name: "app", OnRefresh: host.Restart, Restart: "check"}).Refresh(t.Context(), h)
		var d interface{ Detail() string }
		if err == nil || err.Error() != "restart: exit code 1" || !errors.As(err, &d) || d.Detail() != want {
			t.Errorf("want %q, got %v (%#v)", want, err, d)
		}
	}
}
