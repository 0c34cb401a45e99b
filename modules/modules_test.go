package modules_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply"
	"github.com/nodeapply/apply/engine"
	"github.com/nodeapply/apply/exchange"
	"github.com/nodeapply/apply/exchange/exchangetest"
	"github.com/nodeapply/apply/exchange/session"
	"github.com/nodeapply/apply/facts"
	"github.com/nodeapply/apply/modules"
	"github.com/nodeapply/apply/report"
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

func TestSheepdogCompiles(t *testing.T) {
	for _, c := range []struct{ name, inputs, want string }{
		{"least", "", ""},
		{"all", `
			store    = "/srv/sheep"
			device   = "/dev/xvdj"
			port     = 7010
			copies   = 2
			corosync = { bindnetaddr = "192.0.2.0", mcastaddr = "239.255.1.1", mcastport = 5410, transport = "udp" }
			nodes    = ["a", "b"]
			binaries = "/opt/sheepdog/sbin"`, ""},
		{"encrypted", `corosync = { secauth = true }`, ""},
		{"transport", `corosync = { transport = "tcp" }`, "udp, udpu or knet"},
		{"encrypted multicast", `corosync = { secauth = true, mcastaddr = "239.255.1.1" }`, "Only the transport knet"},
		{"multicast over unicast", `corosync = { transport = "udpu", mcastaddr = "239.255.1.1" }`, "Only the transport udp"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := load(t, "module \"s\" {\n source = \"sheepdog\"\n"+c.inputs+"\n}\n")
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
	for name, test := range map[string]struct{ before, after string }{
		"old ones":      {"127.0.0.1 localhost\n# ours\n192.0.2.9 old\n", "127.0.0.1 localhost\n# ours\n192.0.2.1\tn1\n192.0.2.2\tn2\tfiles\n"},
		"another place": {"192.0.2.7 n1\n# ours\n192.0.2.1 n1 alias # one\n", "# ours\n192.0.2.1\tn1\t# one\n192.0.2.2\tn2\tfiles\n"},
		"in capitals":   {"192.0.2.2 N2 files\n192.0.2.9 OLD\n", "192.0.2.2 N2 files\n192.0.2.1\tn1\n"},
	} {
		t.Run(name, func(t *testing.T) { etcHosts(t, test.before, test.after) })
	}
}

// etcHosts takes a file from one state to another, where it stays.
func etcHosts(t *testing.T, before, after string) {
	target := filepath.Join(t.TempDir(), "hosts")
	if err := os.WriteFile(target, []byte(before), 0o644); err != nil {
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
		if err != nil || string(got) != after {
			t.Errorf("want %q, got %q %v", after, got, err)
		}
	}
}

// TestAPurgeThatFails says so, and the file is as it was.
func TestAPurgeThatFails(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("left out: a disk that is full is mounted, for which root is needed")
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=4k"); err != nil {
		t.Skip("left out: no file system can be mounted here: ", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	target := filepath.Join(dir, "hosts")
	const before = "127.0.0.1 localhost\n192.0.2.1\tn1\n192.0.2.9 old\n"
	if err := os.WriteFile(target, []byte(before), 0o644); err != nil {
		t.Fatal(err)
	}
	m, err := load(t, "module \"hosts\" {\n source = \"etchosts\"\n target = \""+target+"\"\n purge = true\n nodes = { n1 = \"192.0.2.1\" }\n}\n")
	if err != nil {
		t.Fatal(err)
	}
	rep, err := m.Converge(t.Context(), engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(target)
	if c := rep.Counts(); c.Failed != 1 || err != nil || string(got) != before {
		t.Errorf("%+v, and the file is %q %v", c, got, err)
	}
}

// TestEtcHostsOfAGroup: every node of the group gets every other; a new one appears everywhere on the next run; lines of others stay.
func TestEtcHostsOfAGroup(t *testing.T) {
	server := exchangetest.StartServer(t)
	dirs := []string{t.TempDir(), t.TempDir(), t.TempDir()}
	var credentials []string
	for i, dir := range dirs {
		_, c := server.Enroll(t, fmt.Sprint("n", i+1))
		credentials = append(credentials, c)
		err := errors.Join(
			os.WriteFile(filepath.Join(dir, "hosts"), fmt.Appendf(nil, "127.0.0.1 localhost\n# of n%d\n192.0.2.9 old\n", i+1), 0o644),
			os.WriteFile(filepath.Join(dir, "main.hcl"), []byte("module \"hosts\" {\n source = \"etchosts\"\n group = \"g\"\n target = \""+dir+"/hosts\"\n}\n"), 0o600),
		)
		if err != nil {
			t.Fatal(err)
		}
	}
	converge := func(i int) report.Counts {
		id := exchange.Identity{Node: fmt.Sprint("n", i+1), Groups: []string{"g"}, Boot: "b", Machine: fmt.Sprint("m", i)}
		s := session.New(session.Options{URL: server.URL, Credentials: credentials[i], StateDir: filepath.Join(dirs[i], "state"),
			Identify: func(context.Context) (exchange.Identity, error) { return id, nil }})
		defer s.Close()
		m, err := apply.Load(t.Context(), filepath.Join(dirs[i], "main.hcl"), apply.Options{
			Session: s, Facts: facts.Map{"hostname": id.Node, "ip": fmt.Sprint("192.0.2.", i+1)},
		})
		if err != nil {
			t.Fatal(err)
		}
		rep, err := m.Converge(t.Context(), engine.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if c := rep.Counts(); c.Failed > 0 {
			t.Fatalf("%s: %+v", id.Node, c)
		}
		return rep.Counts()
	}
	holds := func(i int, names ...int) {
		t.Helper()
		want := fmt.Sprintf("127.0.0.1 localhost\n# of n%d\n192.0.2.9 old\n", i+1)
		for _, n := range names {
			want += fmt.Sprintf("192.0.2.%d\tn%d\n", n, n)
		}
		got, err := os.ReadFile(filepath.Join(dirs[i], "hosts"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("n%d: %s", i+1, diff)
		}
	}
	converge(0)
	holds(0, 1)
	converge(1)
	holds(1, 1, 2)
	holds(0, 1) // not told before its next run
	converge(0)
	holds(0, 1, 2)
	converge(2)
	converge(0)
	converge(1)
	for i := range dirs {
		holds(i, 1, 2, 3)
		if c := converge(i); c.Changed > 0 {
			t.Errorf("n%d: %+v", i+1, c)
		}
	}
}

// TestExamples: what the folders and the READMEs show compiles.
func TestExamples(t *testing.T) {
	for _, module := range []string{"glusterfs", "etchosts", "sheepdog"} {
		t.Run(module, func(t *testing.T) {
			if _, err := apply.Load(t.Context(), module+"/example", apply.Options{Session: session.New(session.Options{StateDir: t.TempDir()})}); err != nil {
				t.Error(err)
			}
			readme, err := os.ReadFile(module + "/README.md")
			if err != nil {
				t.Fatal(err)
			}
			_, rest, _ := strings.Cut(string(readme), "```hcl\n")
			shown, _, ok := strings.Cut(rest, "```")
			if _, err := load(t, shown); err != nil || !ok {
				t.Errorf("README: %v", err)
			}
			main, err := os.ReadFile(module + "/main.hcl")
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(string(main)) {
				for _, kind := range []string{"variable", "output"} {
					name, ok := strings.CutPrefix(line, kind+" \"")
					if name, _, _ = strings.Cut(name, "\""); ok && !strings.Contains(string(readme), "`"+name+"`") {
						t.Errorf("README: nothing of %s %s", kind, name)
					}
				}
			}
		})
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
