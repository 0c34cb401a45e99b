package inventory_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/fleet/nodeset"
	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/manifest/inventory"
)

func names(s string) ([]string, error) { return nodeset.Parse(s, nil) }

func write(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"fleet.hcl": text, "osaka.hosts": "# two\no1\no[2-3] # range\n\n", "bad.hosts": "o1\no[\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "fleet.hcl")
}

func TestRead(t *testing.T) {
	got, err := inventory.Read(write(t, `
group "tokyo" {
  nodes   = ["t[001-003]", "web"]
  gateway = "172.16.1.254"
  user    = "root"
  agent   = true
}
group "osaka" {
  nodes = hostfile("osaka.hosts")
}
node "t001" {
  address = "10.1.0.1"
  user    = "admin"
  gateway = "g1"
  agent   = false
  groups  = ["gluster"]
  facts   = { data_device = "/dev/xvdj", disks = [1, true] }
}
`), names)
	if err != nil {
		t.Fatal(err)
	}
	want := &inventory.Fleet{
		Groups: []inventory.Group{
			{Name: "tokyo", Nodes: []string{"t001", "t002", "t003", "web"}, Gateway: "172.16.1.254", User: "root", Agent: true},
			{Name: "osaka", Nodes: []string{"o1", "o2", "o3"}},
		},
		Nodes: []inventory.Node{{
			Name: "t001", Address: "10.1.0.1", User: "admin", Gateway: "g1", Groups: []string{"gluster"},
			Facts: map[string]string{"data_device": `"/dev/xvdj"`, "disks": `[1,true]`},
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestMistakes(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"syntax", "group \"a\" {\n", "fleet.hcl:"},
		{"YAML", "all:\n  hosts:\n    n1:\n", "fleet.hcl:1: Argument or block definition required; Want a block, such as `group \"web\" { ... }`"},
		{"node set", "group \"a\" {\n  nodes = [\"n[1-\"]\n}", "fleet.hcl:2: Unsuitable value; nodes: \"n[1-\": bad node set"},
		{"a group of groups", "group \"a\" {\n  nodes = [\"@b\"]\n}", "fleet.hcl:2: Unsuitable value; nodes: the names of nodes, not of other groups"},
		{"attribute", "group \"a\" {\n  node = []\n}", "fleet.hcl:2: Unsupported argument; A group block has no attribute \"node\"; did you mean `nodes`?"},
		{"block", "groups \"a\" {\n}", "fleet.hcl:1: Unsupported block type; Blocks of type \"groups\" are not expected here; did you mean `group`?"},
		{"twice", "node \"a\" {}\nnode \"a\" {}", "fleet.hcl:2: Duplicate node; \"a\" stands at line 1 already."},
		{"no name", "group {\n}", "fleet.hcl:1: Missing name; A group block has one name: group \"NAME\" { ... }."},
		{"two names", "node \"a\" \"b\" {\n}", "fleet.hcl:1: Missing name; A node block has one name"},
		{"outside", "nodes = []", "fleet.hcl:1: Unsupported argument; An inventory holds group and node blocks; \"nodes\" stands in none."},
		{"inside", "group \"a\" {\n  node \"b\" {}\n}", "fleet.hcl:2: Unsupported block type; A group block holds no blocks."},
		{"null among them", "group \"a\" {\n  nodes = [\"b\", null]\n}", "fleet.hcl:2: Unsuitable value; nodes: an element is null."},
		{"facts in a list", "node \"a\" {\n  facts = [1]\n}", "fleet.hcl:2: Unsuitable value; facts: want an object of facts."},
		{"type", "node \"a\" {\n  groups = { a = [] }\n}", "fleet.hcl:2: Unsuitable value; groups:"},
		{"node name", "node \"a;b\" {\n}", "fleet.hcl:1: Invalid node name"},
		{"group name", "group \"all\" {\n}", "fleet.hcl:1: Invalid group name"},
		{"group without a name", "group \"\" {\n}", "fleet.hcl:1: Invalid group name"},
		{"group with a comma", "group \"a,b\" {\n}", "fleet.hcl:1: Invalid group name"},
		{"option as address", "node \"a\" {\n  address = \"-oProxyCommand=x\"\n}", "fleet.hcl:2: Unsuitable value; address:"},
		{"fact name", "node \"a\" {\n  facts = { A = 1 }\n}", "fleet.hcl:2: Invalid fact name"},
		{"host file", "group \"a\" {\n  nodes = hostfile(\"bad.hosts\")\n}", "bad.hosts:2: \"o[\": bad node set"},
		{"no host file", "group \"a\" {\n  nodes = hostfile(\"none\")\n}", "no such file"},
		{"brackets", "x = " + strings.Repeat("[", 500), "limit"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := inventory.Read(write(t, tt.text), names)
			var l diag.List
			if !errors.As(err, &l) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("want a diagnostic with %q, got %v", tt.want, err)
			}
		})
	}
}

func TestNoFile(t *testing.T) {
	_, err := inventory.Read(filepath.Join(t.TempDir(), "none.hcl"), names)
	if err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("want: no such file; got %v", err)
	}
}

// FuzzRead reads whatever inventory: the answer is a fleet whose names are in order, or mistakes.
func FuzzRead(f *testing.F) {
	f.Add([]byte("group \"tokyo\" {\n  nodes   = [\"t[001-003]\", \"web\"]\n  gateway = \"172.16.1.254\"\n}\n"))
	f.Add([]byte("group \"osaka\" {\n  nodes = hostfile(\"osaka.hosts\")\n}\nnode \"t001\" {\n  address = \"10.1.0.1\"\n  groups = [\"a\"]\n  facts = { d = [1, true, null] }\n}\n"))
	f.Add([]byte("group \"a\" {\n  nodes = [for n in [\"a\", 1] : n]\n  nodes = null\n}\ngroup {}\nx \"y\" {}\n"))
	f.Add([]byte("node \"-a\" {\n  facts = { \"../x\" = [[[[[]]]]] }\n}\nnode \"t[1-99999999]\" {}\n"))
	name := filepath.Join(f.TempDir(), "fleet.hcl")
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
		fleet, err := inventory.Read(name, names)
		if (fleet == nil) == (err == nil) {
			t.Fatalf("a fleet %v beside the error %v", fleet, err)
		}
		if err != nil {
			return
		}
		for _, n := range fleet.Nodes {
			if strings.ContainsAny(n.Name, " /\n\x00") || n.Name == "" || strings.HasPrefix(n.Name, "-") {
				t.Errorf("a node named %q", n.Name)
			}
		}
	})
}
