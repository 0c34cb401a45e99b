package initsystem

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
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

// own has the service run by commands of its own.
func own(d *Definition) { d.Start, d.Stop, d.Status = "up", "down", "runs" }

// system is what the node runs, for the service as it is set.
func (d *daemon) system(set func(*Definition)) System {
	def := Definition{Name: "app", HasRestart: true, HasStatus: true, OnRefresh: host.Restart}
	set(&def)
	return New(Of(context.Background(), d, def.Unit()), def)
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
	for name, tc := range map[string]struct {
		tree   string // "": a node with systemd that has no such unit
		set    func(*Definition)
		starts bool     // else what runs is stopped
		want   []string // to start or stop
		again  []string // to refresh
	}{
		"own commands":              {"", own, true, []string{"/bin/sh -c up"}, []string{"/bin/sh -c down", "/bin/sh -c up"}},
		"own commands, stopping":    {"", own, false, []string{"/bin/sh -c down"}, nil},
		"own restart":               {"", func(s *Definition) { own(s); s.Restart = "again" }, true, []string{"/bin/sh -c up"}, []string{"/bin/sh -c again"}},
		"script":                    {script, func(*Definition) {}, true, []string{"service app start"}, []string{"service app restart"}},
		"script, stopping":          {script, func(*Definition) {}, false, []string{"service app stop"}, nil},
		"script, the unit's name":   {script, func(s *Definition) { s.Name = "app.service" }, true, []string{"service app start"}, []string{"service app restart"}},
		"script, reload":            {script, func(s *Definition) { s.OnRefresh = "reload" }, true, []string{"service app start"}, []string{"service app reload"}},
		"script, reload-or-restart": {script, func(s *Definition) { s.OnRefresh = "reload-or-restart" }, true, []string{"service app start"}, []string{"service app restart"}},
		"script without restart":    {script, func(s *Definition) { s.HasRestart = false }, true, []string{"service app start"}, []string{"service app stop", "service app start"}},
		"script, own restart":       {script, func(s *Definition) { s.HasRestart, s.Restart = false, "again" }, true, []string{"service app start"}, []string{"/bin/sh -c again"}},
		"script, own commands":      {script, own, true, []string{"/bin/sh -c up"}, []string{"/bin/sh -c down", "/bin/sh -c up"}},
		"script without status":     {script, func(s *Definition) { s.HasStatus = false }, true, []string{"service app start"}, []string{"service app restart"}},
		"script, by a pattern":      {script, func(s *Definition) { s.HasStatus, s.Pattern = false, "^/usr/s?bin/app( |$)" }, false, []string{"service app stop"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDaemon(t, tc.tree)
				if tc.tree == "" {
					d.AddUnits()
				}
				sys := d.system(tc.set)
				act := sys.Start
				if !tc.starts {
					act, d.started = sys.Stop, time.Now()
				}
				if err := act(t.Context(), d); err != nil {
					t.Fatal(err)
				}
				if st, err := sys.State(t.Context(), d); err != nil || st.Running != tc.starts {
					t.Errorf("runs: %v, %v", st.Running, err)
				}
				if diff := cmp.Diff(tc.want, d.done()); diff != "" {
					t.Error(diff)
				}
				if asked := slices.Contains(d.Calls(), "? service app status"); asked && slices.Contains(d.Calls(), "? /bin/sh -c runs") {
					t.Error("the script was asked in place of the status command")
				}
				if !tc.starts {
					return
				}
				d.ForgetCalls()
				if err := sys.Refresh(t.Context(), d); err != nil {
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
		want          bool // it runs
	}{
		"by its name":            {"", "/usr/sbin/app -d", true},
		"a name is no pattern":   {"", "/usr/sbin/aXpp", false},
		"by a pattern":           {`worker \d+$`, "app: worker 12", true},
		"another program":        {`worker \d+$`, "app: worker", false},
		"the question itself":    {`args=`, "x", false},
		"the end of its command": {`-d$`, "/usr/sbin/app -d", true},
	} {
		t.Run(name, func(t *testing.T) {
			d := Definition{Name: "app", Pattern: tc.pattern}
			if name == "a name is no pattern" {
				d.Name = "a.pp"
			}
			h := hosttest.New(t, strings.ReplaceAll(script, "app", d.Name))
			h.Answer("ps", 0, "ps -eo args=\n"+tc.args+"\n")
			if st, err := New(SysV, d).State(t.Context(), h); err != nil || st.Running != tc.want {
				t.Errorf("got %+v, %v", st, err)
			}
		})
	}
}

// What goes wrong is told once, with what said it.
func TestErrors(t *testing.T) {
	for name, tc := range map[string]struct {
		system Name
		d      Definition
		want   string
	}{
		"own start, of a unit":    {Systemd, Definition{Name: "app", Start: "up"}, "start: exit code 127"},
		"own start, of a script":  {SysV, Definition{Name: "app", Start: "up"}, "start: exit code 127"},
		"own status, of a unit":   {Systemd, Definition{Name: "app", Status: "runs"}, "status: exit code 127"},
		"own status, of a script": {SysV, Definition{Name: "app", Start: "true", Status: "runs"}, "status: exit code 127"},
		"the script":              {SysV, Definition{Name: "app", HasStatus: true}, "start: exit code 5"},
		"the table of processes":  {SysV, Definition{Name: "app", Start: "true"}, "ps: exit code 1"},
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, script)
			h.AddUnits(hosttest.Unit{Unit: host.Unit{Name: "app.service"}})
			h.Answer("/bin/sh -c", 127, "not found\n")
			h.Answer("/bin/sh -c true", 0, "")
			h.Answer("service app start", 5, "")
			h.Answer("ps", 1, "")
			if err := New(tc.system, tc.d).Start(t.Context(), h); err == nil || err.Error() != tc.want {
				t.Errorf("want %q, got %v", tc.want, err)
			}
		})
	}
}
