package exec_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/exec"
	"github.com/nodeapply/apply/resources/resourcetest"
)

func TestRefresh(t *testing.T) {
	tests := map[string]struct {
		exec    *exec.Exec
		applied bool
		why     string
		out     string
	}{
		"runs the command":                           {made("echo run >>$ROOT/out"), false, "", "run\n"},
		"not twice in a run":                         {made("echo run >>$ROOT/out"), true, "ran in this run", "run\n"},
		"another command":                            {made("echo run >>$ROOT/out", refresh("echo refresh >>$ROOT/out")), false, "", "refresh\n"},
		"another command, though the first just ran": {made("echo run >>$ROOT/out", refresh("echo refresh >>$ROOT/out")), true, "", "run\nrefresh\n"},
		"returns are honoured":                       {made("exit 4", refresh("echo refresh >>$ROOT/out; exit 3"), func(e *exec.Exec) { e.Returns = exec.ExitCodes{3} }), false, "", "refresh\n"},
		"a failed command is not refreshed":          {made("exit 4", refresh("echo refresh >>$ROOT/out")), true, "failed in this run", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, "-- out --\n", hosttest.RealCommands)
			var d resources.Diff
			if test.applied {
				d = resourcetest.Check(t, h, test.exec)
				if err := test.exec.Apply(t.Context(), h, d); err != nil && err.Error() != "exit code 4" {
					t.Fatal(err)
				}
			}
			ok, why, err := test.exec.Refreshable(t.Context(), h, d)
			if ok != (test.why == "") || why != test.why || err != nil {
				t.Errorf("refreshable: want %q, got %v %q %v", test.why, ok, why, err)
			}
			if ok {
				if err := test.exec.Refresh(t.Context(), h); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(test.out, h.Content("/out")); diff != "" {
				t.Errorf("what ran (-want +got):\n%s", diff)
			}
		})
	}
}

// A plan asks with the change that a run would make: the command would run once.
func TestRefreshableInAPlan(t *testing.T) {
	h := hosttest.New(t, "")
	e := made("true")
	if ok, why, _ := e.Refreshable(t.Context(), h, resourcetest.Check(t, h, e)); ok || why != "ran in this run" {
		t.Errorf("got %v %q", ok, why)
	}
}

func TestRefreshFails(t *testing.T) {
	h := hosttest.New(t, "", hosttest.RealCommands)
	if err := made("true", refresh("exit 5")).Refresh(t.Context(), h); err == nil || err.Error() != "exit code 5" {
		t.Errorf("want exit code 5, got %v", err)
	}
}

func TestWanted(t *testing.T) {
	only := func(e *exec.Exec) { e.RefreshOnly = true }
	creates := func(names ...string) func(*exec.Exec) { return func(e *exec.Exec) { e.Creates = names } }
	tests := map[string]struct {
		exec       *exec.Exec
		refreshing bool
		ok         bool
		why        string
		repeats    bool
	}{
		"plain":                       {made("x"), false, true, "", true},
		"refreshonly":                 {made("x", only), false, false, "refreshonly", false},
		"refreshonly, notified":       {made("x", only), true, true, "", false},
		"creates":                     {made("x", creates("/none", "/x")), false, false, "creates: /x exists", false},
		"creates a link":              {made("x", creates("/link")), false, false, "creates: /link exists", false},
		"creates a dangling link":     {made("x", creates("/dangling")), false, true, "", false},
		"creates a link to itself":    {made("x", creates("/loop")), false, true, "", false},
		"creates another's link":      {made("x", creates("/open/dangling")), false, false, "creates: /open/dangling exists", false},
		"creates, not there":          {made("x", creates("/none", "/nor")), false, true, "", false},
		"creates holds for a refresh": {made("x", creates("/x")), true, false, "creates: /x exists", false},
		"refreshonly before creates":  {made("x", only, creates("/x")), false, false, "refreshonly", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, "-- x --\n-- link -> x --\n-- dangling -> nowhere --\n-- loop -> loop --\n-- open/ 0777 --\n-- open/dangling -> nowhere --\n")
			ok, why, err := test.exec.Wanted(t.Context(), h, test.refreshing)
			if ok != test.ok || why != test.why || err != nil {
				t.Errorf("want %v %q, got %v %q %v", test.ok, test.why, ok, why, err)
			}
			if got := test.exec.Repeats(); got != test.repeats {
				t.Errorf("repeats: want %v, got %v", test.repeats, got)
			}
		})
	}
}

// An exec that only a notify runs has nothing of its own to do: its run is a refresh and not a change.
func TestRefreshOnlyHasNoChange(t *testing.T) {
	h := hosttest.New(t, "-- out --\n", hosttest.RealCommands)
	e := made("echo run >>$ROOT/out", func(e *exec.Exec) { e.RefreshOnly = true })
	if d := resourcetest.Check(t, h, e); !d.Empty() {
		t.Errorf("changes: %+v", d.Changes)
	}
	if ok, _, err := e.Refreshable(t.Context(), h, resources.Diff{}); !ok || err != nil {
		t.Errorf("not refreshable: %v", err)
	}
	if err := e.Refresh(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	if ran := h.Content("/out"); ran != "run\n" || e.Values()["exit_code"] != 0 {
		t.Errorf("it ran %q and has %v", ran, e.Values())
	}
}

func TestGuardCmd(t *testing.T) {
	mask := uint32(0o27)
	e := made("x", func(e *exec.Exec) {
		e.Path, e.Cwd, e.User, e.Group, e.Umask = exec.SearchPath{"/sbin"}, "/tmp", "bob", "staff", "027"
		e.Environment, e.Stdin = map[string]string{"B": "2", "A": "1"}, "not for guards"
	})
	want := host.Cmd{
		Args: []string{"/bin/sh", "-c", "test -e $A"}, Path: []string{"/sbin"}, Env: []string{"A=1", "B=2"},
		Dir: "/tmp", User: "bob", Group: "staff", Umask: &mask,
	}
	if diff := cmp.Diff(want, e.GuardCmd("test -e $A")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
