package fleet_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/fleet"
	"github.com/nodeapply/apply/fleet/transport"
)

func inventory(t *testing.T) *fleet.Inventory {
	t.Helper()
	v, err := fleet.NewInventory([]fleet.Group{
		{Name: "tokyo", Gateway: "gw", User: "root", Nodes: []string{"gw", "t1", "t2"}},
		{Name: "gluster", User: "other", Nodes: []string{"t2"}},
	}, []fleet.Node{
		{Target: transport.Target{Name: "t1", Address: "10.1.0.1"}, Groups: []string{"gluster"}},
		{Target: transport.Target{Name: "o1", User: "me"}, Groups: []string{"new"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestSelect(t *testing.T) {
	for _, tt := range []struct {
		name string
		s    fleet.Selection
		want string
	}{
		{"all", fleet.Selection{}, "gw t1 t2 o1"},
		{"group, with what nodes say", fleet.Selection{On: []string{"gluster"}}, "t2 t1"},
		{"groups", fleet.Selection{On: []string{"new,gluster"}}, "o1 t2 t1"},
		{"set", fleet.Selection{Where: []string{"t[1-3]"}}, "t1 t2 t3"},
		{"narrowed inventory", fleet.Selection{Where: []string{"!t1"}}, "gw t2 o1"},
		{"narrowed group", fleet.Selection{On: []string{"tokyo"}, Where: []string{"&@gluster"}}, "t1 t2"},
		{"hosts and set", fleet.Selection{Hosts: []string{"a", "a"}, Where: []string{"b"}}, "a b"},
		{"all but, the first", fleet.Selection{Except: []string{"gw"}, First: 2}, "t1 t2"},
		{"among", fleet.Selection{Among: []string{"t2", "x"}}, "t2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			nodes, err := inventory(t).Select(tt.s)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, n := range nodes {
				names = append(names, n.Name)
			}
			if diff := cmp.Diff(strings.Fields(tt.want), names); diff != "" {
				t.Error(diff)
			}
		})
	}
	if _, err := inventory(t).Select(fleet.Selection{Where: []string{"t1!t1"}}); !errors.Is(err, fleet.ErrNoNodes) {
		t.Errorf("want ErrNoNodes, got %v", err)
	}
}

func TestInventory(t *testing.T) {
	nodes, err := inventory(t).Select(fleet.Selection{})
	if err != nil {
		t.Fatal(err)
	}
	want := []fleet.Node{
		{Target: transport.Target{Name: "gw", User: "root"}, Groups: []string{"tokyo"}}, // it is not behind itself
		{Target: transport.Target{Name: "t1", Address: "10.1.0.1", User: "root", Gateway: "gw"}, Groups: []string{"tokyo", "gluster"}},
		{Target: transport.Target{Name: "t2", User: "root", Gateway: "gw"}, Groups: []string{"tokyo", "gluster"}},
		{Target: transport.Target{Name: "o1", User: "me"}, Groups: []string{"new"}},
	}
	if diff := cmp.Diff(want, nodes); diff != "" {
		t.Error(diff)
	}
}

func TestExitCode(t *testing.T) {
	ok := &fleet.Result{Outcome: fleet.OK}
	failed := func(code int) *fleet.Result {
		return &fleet.Result{Outcome: fleet.Failed, Exit: transport.Exit{Code: code}}
	}
	away := &fleet.Result{Outcome: fleet.Unreachable}
	for _, tt := range []struct {
		name    string
		results []*fleet.Result
		enough  int
		want    int
	}{
		{"all well", []*fleet.Result{ok, ok}, 2, 0},
		{"the highest", []*fleet.Result{failed(3), ok, failed(7)}, 3, 7},
		{"unreachable counts as 4", []*fleet.Result{failed(3), away}, 2, 4},
		{"unreachable and worse", []*fleet.Result{away, failed(77)}, 2, 77},
		{"enough", []*fleet.Result{ok, failed(77)}, 1, 0},
		{"not enough", []*fleet.Result{ok, failed(77)}, 2, 77},
	} {
		if got := fleet.ExitCode(tt.results, tt.enough); got != tt.want {
			t.Errorf("%s: want %d, got %d", tt.name, tt.want, got)
		}
	}
}
