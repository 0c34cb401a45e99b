package service

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources/resourcetest"
)

// script is a node without systemd that has the init script app, in the form of hosttest.New.
const script = "-- etc/init.d/app 0755 --\n#!/bin/sh\n-- etc/rc3.d/ --\n"

// daemon answers the commands "up", "down", "again" and "runs", the init script, and ps, for a service that is up some time after its start and
// then runs for some time.
type daemon struct {
	*hosttest.Host
	up, lasts time.Duration // lasts 0: for good
	args      string        // its command line
	started   time.Time
}

func newDaemon(t *testing.T, tree string) *daemon {
	d := &daemon{Host: hosttest.New(t, tree), args: "/usr/sbin/app --daemon"}
	verbs := map[string]string{"up": "start", "down": "stop", "again": "restart", "runs": "status"}
	d.Handle("/bin/sh -c", func(_ context.Context, c host.Cmd) (host.Output, error) { return d.do(verbs[c.Args[2]]), nil })
	d.Handle("service app", func(_ context.Context, c host.Cmd) (host.Output, error) { return d.do(c.Args[2]), nil })
	d.Handle("ps", func(context.Context, host.Cmd) (host.Output, error) {
		out := host.Output{Stdout: []byte("/sbin/init\nps -eo args=\n")}
		if d.runs() {
			out.Stdout = append(out.Stdout, d.args+"\n"...)
		}
		return out, nil
	})
	return d
}

func (d *daemon) runs() bool {
	age := time.Since(d.started)
	return !d.started.IsZero() && age >= d.up && (d.lasts == 0 || age < d.up+d.lasts)
}

func (d *daemon) do(verb string) (out host.Output) {
	switch verb {
	case "start", "restart":
		d.started = time.Now()
	case "stop":
		d.started = time.Time{}
	case "status":
		if !d.runs() {
			out.ExitCode = 3
		}
	}
	return out
}

// done are the calls without the questions.
func (d *daemon) done() []string {
	var list []string
	for _, c := range d.Calls() {
		if !strings.HasPrefix(c, "? ") {
			list = append(list, c)
		}
	}
	return list
}

// What the manifest's commands and an init script are asked to do, and in which order.
func TestCommands(t *testing.T) {
	with := func(set func(*Service)) *Service {
		s := declare("", "")
		set(s)
		return s
	}
	own := func(s *Service) { s.Start, s.Stop, s.Status = "up", "down", "runs" }
	for name, tc := range map[string]struct {
		tree   string // "": a node with systemd that has no such unit
		s      *Service
		starts bool     // else what runs is stopped
		want   []string // to start or stop
		again  []string // to refresh
	}{
		"own commands":              {"", with(own), true, []string{"/bin/sh -c up"}, []string{"/bin/sh -c down", "/bin/sh -c up"}},
		"own commands, stopping":    {"", with(own), false, []string{"/bin/sh -c down"}, nil},
		"own restart":               {"", with(func(s *Service) { own(s); s.Restart = "again" }), true, []string{"/bin/sh -c up"}, []string{"/bin/sh -c again"}},
		"script":                    {script, with(func(*Service) {}), true, []string{"service app start"}, []string{"service app restart"}},
		"script, stopping":          {script, with(func(*Service) {}), false, []string{"service app stop"}, nil},
		"script, the unit's name":   {script, with(func(s *Service) { s.Name = "app.service" }), true, []string{"service app start"}, []string{"service app restart"}},
		"script, reload":            {script, with(func(s *Service) { s.OnRefresh = "reload" }), true, []string{"service app start"}, []string{"service app reload"}},
		"script, reload-or-restart": {script, with(func(s *Service) { s.OnRefresh = "reload-or-restart" }), true, []string{"service app start"}, []string{"service app restart"}},
		"script without restart":    {script, with(func(s *Service) { s.HasRestart = false }), true, []string{"service app start"}, []string{"service app stop", "service app start"}},
		"script, own restart":       {script, with(func(s *Service) { s.HasRestart, s.Restart = false, "again" }), true, []string{"service app start"}, []string{"/bin/sh -c again"}},
		"script, own commands":      {script, with(own), true, []string{"/bin/sh -c up"}, []string{"service app restart"}},
		"script without status":     {script, with(func(s *Service) { s.HasStatus = false }), true, []string{"service app start"}, []string{"service app restart"}},
		"script, by a pattern":      {script, with(func(s *Service) { s.HasStatus, s.Pattern = false, "^/usr/s?bin/app( |$)" }), false, []string{"service app stop"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDaemon(t, tc.tree)
				if tc.tree == "" {
					d.AddUnits()
				}
				tc.s.Ensure = running
				if !tc.starts {
					tc.s.Ensure, d.started = stopped, time.Now()
				}
				if o := resourcetest.Converges(t, d.Host, tc.s); o.Diff.Empty() {
					t.Error("nothing differed")
				}
				if diff := cmp.Diff(tc.want, d.done()); diff != "" {
					t.Error(diff)
				}
				if asked := slices.Contains(d.Calls(), "? service app status"); asked && tc.s.Status != "" {
					t.Error("the script was asked in place of the status command")
				}
				if !tc.starts {
					return
				}
				d.ForgetCalls()
				if err := tc.s.Refresh(t.Context(), d); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tc.again, d.done()); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// A process counts by its command line, and neither the question itself nor another program does.
func TestPattern(t *testing.T) {
	for name, tc := range map[string]struct {
		pattern, args string
		want          []string // what is done to have it running
	}{
		"by its name":            {"", "/usr/sbin/app -d", nil},
		"a name is no pattern":   {"", "/usr/sbin/aXpp", []string{"service a.pp start"}},
		"by a pattern":           {`worker \d+$`, "app: worker 12", nil},
		"another program":        {`worker \d+$`, "app: worker", []string{"service app start"}},
		"the question itself":    {`args=`, "x", []string{"service app start"}},
		"the end of its command": {`-d$`, "/usr/sbin/app -d", nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := declare(running, "")
			tree := script
			if strings.Contains(strings.Join(tc.want, ""), "a.pp") {
				s.Name, tree = "a.pp", strings.ReplaceAll(script, "app", "a.pp")
			}
			s.HasStatus, s.Pattern = false, tc.pattern
			h := hosttest.New(t, tree)
			h.Answer("ps", 0, "ps -eo args=\n"+tc.args+"\n")
			d, err := s.Check(t.Context(), h)
			if err != nil || d.Empty() != (tc.want == nil) {
				t.Errorf("got %+v, %v", d, err)
			}
		})
	}
}

// A service must be seen to run within the time that its start has, and then for a second.
func TestSettles(t *testing.T) {
	own := func(s *Service) { s.Start, s.Stop, s.Status = "up", "down", "runs" }
	for name, tc := range map[string]struct {
		tree      string
		set       func(*Service)
		up, lasts time.Duration
		want      string // in the error
	}{
		"own commands, slow":            {"", own, 3 * time.Second, 0, ""},
		"own commands, dies":            {"", own, 0, 600 * time.Millisecond, "app does not stay up"},
		"own commands, dies late":       {"", own, 0, 2 * time.Second, ""},
		"own commands, never up":        {"", own, time.Hour, 0, "app is not running still: timed out after 10s"},
		"script, slow":                  {script, func(*Service) {}, 3 * time.Second, 0, ""},
		"script, dies":                  {script, func(*Service) {}, 0, 600 * time.Millisecond, "app does not stay up"},
		"script, never up":              {script, func(*Service) {}, time.Hour, 0, "app is not running still: timed out after 10s"},
		"script without status, dies":   {script, func(s *Service) { s.HasStatus = false }, 0, 600 * time.Millisecond, "app does not stay up"},
		"script without status, slow":   {script, func(s *Service) { s.HasStatus = false }, 3 * time.Second, 0, ""},
		"script with own status, slow":  {script, func(s *Service) { s.Status = "runs" }, 3 * time.Second, 0, ""},
		"script with own status, never": {script, func(s *Service) { s.Status = "runs" }, time.Hour, 0, "timed out after 10s"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDaemon(t, tc.tree)
				if tc.tree == "" {
					d.AddUnits()
				}
				d.up, d.lasts = tc.up, tc.lasts
				s := declare(running, "")
				tc.set(s)
				found, err := s.Check(t.Context(), d)
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Second, errors.New("timed out after 10s"))
				defer cancel()
				err = s.Apply(ctx, d, found)
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
		s := declare(running, "")
		d, err := s.Check(t.Context(), h)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeoutCause(t.Context(), 5*time.Second, errors.New("timed out after 5s"))
		defer cancel()
		begin := time.Now()
		err = s.Apply(ctx, &starting{Host: h}, d)
		var job *JobError
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
				s := declare(running, "")
				s.Status = "runs"
				d, err := s.Check(t.Context(), h)
				if err != nil {
					t.Fatal(err)
				}
				if err := s.Apply(t.Context(), h, d); (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
					t.Errorf("want %q, got %v", tc.want, err)
				}
			})
		})
	}
}

// An undo stops what the manifest's own command started by the manifest's own command, whatever the title.
func TestUndoByCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon(t, "")
		s := Type().New("app").(*Service)
		s.Ensure, s.Start, s.Stop, s.Status = running, "up", "down", "runs"
		resourcetest.Undoes(t, d.Host, Type(), s)
		if done := d.done(); d.runs() || done[len(done)-1] != "/bin/sh -c down" {
			t.Errorf("it runs still, after %q", done)
		}
	})
}
