package modules_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nodeapply/apply"
	"github.com/nodeapply/apply/engine"
	"github.com/nodeapply/apply/exchange/session"
	"github.com/nodeapply/apply/modules"
)

// load compiles a manifest.
func load(t *testing.T, text string) (*apply.Manifest, error) {
	t.Helper()
	dir := t.TempDir()
	name := filepath.Join(dir, "main.hcl")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return apply.Load(t.Context(), name, apply.Options{Session: session.New(session.Options{StateDir: dir})})
}

func TestGlusterFSCompiles(t *testing.T) {
	for _, c := range []struct{ name, inputs, want string }{
		{"least", `device = "/dev/xvdj"`, ""},
		{"all", `
			device         = "/dev/xvdj"
			type           = "replica"
			copies         = 2
			nodes          = ["a", "b"]
			client_mount   = "/mnt"
			repository     = { uris = ["http://192.0.2.1/"], suites = ["stable"], components = ["main"] }
			volume_options = { "network.ping-timeout" = "10" }
			firewall       = { allow = ["192.0.2.0/24"] }`, ""},
		{"no device", "", "device"},
		{"type", "device = \"/dev/xvdj\"\ntype = \"mirror\"", "distribute, replica or disperse"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := load(t, "module \"g\" {\n source = \"glusterfs\"\n"+c.inputs+"\n}\n")
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("want %q, got %v", c.want, err)
			}
		})
	}
}

func TestEtcHosts(t *testing.T) {
	target := filepath.Join(t.TempDir(), "hosts")
	if err := os.WriteFile(target, []byte("127.0.0.1 localhost\n# ours\n192.0.2.9 old\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	text := `
module "hosts" {
  source = "etchosts"
  target = "` + target + `"
  purge  = true
  nodes = {
    n1 = "192.0.2.1"
    n2 = { ip = "192.0.2.2", aliases = ["files"] }
  }
}`
	for _, changes := range []bool{true, false} {
		m, err := load(t, text)
		if err != nil {
			t.Fatal(err)
		}
		rep, err := m.Converge(t.Context(), engine.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if c := rep.Counts(); c.Failed > 0 || (c.Changed > 0) != changes {
			t.Errorf("want changes: %v, got %+v", changes, c)
		}
		got, err := os.ReadFile(target)
		if want := "127.0.0.1 localhost\n# ours\n192.0.2.1\tn1\n192.0.2.2\tn2\tfiles\n"; err != nil || string(got) != want {
			t.Errorf("want %q, got %q %v", want, got, err)
		}
	}
}

func TestUnknown(t *testing.T) {
	f := &modules.Finder{}
	for _, name := range []string{"nothing", ".", "..", "glusterfs/main.hcl", "../glusterfs", ""} {
		if _, err := f.Find(t.Context(), name, "/"); err == nil {
			t.Errorf("%q was found", name)
		}
	}
}
