package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/e2e/lab"
	"github.com/nodeapply/apply/e2e/lab/image"
	"github.com/nodeapply/apply/e2e/lab/repo"
)

// example is a manifest of examples/, on a node of the lab.
type example struct {
	t    *testing.T
	node *lab.Node
	vars []string
}

const exampleDir = "/srv/manifest"

// newExample puts the program and the files of the example called name on a node.
func newExample(t *testing.T, n *lab.Node, name string, vars ...string) *example {
	t.Helper()
	ctx := t.Context()
	if err := n.CopyBinary(ctx, lab.Binary(t)); err != nil {
		t.Fatal(err)
	}
	files := os.DirFS("../examples/" + name)
	err := fs.WalkDir(files, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		return n.Put(ctx, exampleDir+"/"+name, content, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	return &example{t, n, vars}
}

// event is what the test reads of the JSON lines.
type event struct {
	Event   string
	Address string
	Outcome string
	Error   *struct{ Summary, Detail string }
	Changed int
	Changes []struct{ Attribute string }
}

// run runs apply with --json on the node and returns how it exited, the resources that are not unchanged as "address=outcome", and the summary.
func (x *example) run(args ...string) (code int, changed []string, all string) {
	x.t.Helper()
	ctx, cancel := context.WithTimeout(x.t.Context(), 4*time.Minute)
	defer cancel()
	argv := append([]string{"env", "FACTER_data_device=/dev/xvdj", "FACTER_manifest_dir=" + exampleDir, "/usr/local/bin/apply"}, args...)
	argv = append(argv, "--json", "--detailed-exitcode")
	argv = append(append(argv, x.vars...), exampleDir+"/main.hcl")
	res, err := x.node.Run(ctx, argv...)
	if err != nil {
		x.t.Fatal(err)
	}
	for line := range strings.Lines(res.Stdout) {
		var e event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			x.t.Fatalf("%v in %q\n%s", err, line, res.Stderr)
		}
		if e.Event == "resource" && e.Outcome != "unchanged" {
			s := e.Address + "=" + e.Outcome
			if e.Error != nil {
				s += ": " + e.Error.Summary + "\n" + e.Error.Detail
			}
			changed = append(changed, s)
		}
	}
	return res.Code, changed, res.Stdout + res.Stderr
}

func (x *example) sh(line string) string {
	x.t.Helper()
	out, err := x.node.Must(x.t.Context(), "sh", "-c", line)
	if err != nil {
		x.t.Fatalf("%s: %v", line, err)
	}
	return strings.TrimSpace(out)
}

// converges runs the whole life of the example: a plan, the first run, a run with nothing to do, and the repair of every kind of drift.
func (x *example) converges(drifts []drift) {
	t := x.t
	t.Helper()
	if code, pending, all := x.run("plan"); code != 2 || len(pending) == 0 {
		t.Fatalf("plan: exit code %d\n%s", code, all)
	}
	if got := x.sh("ls -A /data 2>/dev/null; blkid /dev/xvdj || true"); got != "" {
		t.Fatalf("the plan changed something: %s", got)
	}
	code, changed, all := x.run()
	if code != 2 {
		t.Fatalf("first run: exit code %d\n%s\n%s", code, strings.Join(changed, "\n"), all)
	}
	want := "active\nactive\nenabled\next4\n/data\nyes"
	if diff := cmp.Diff(want, x.sh("systemctl is-active glusterd firewall; systemctl is-enabled glusterd; blkid -o value -s TYPE /dev/xvdj; findmnt -no TARGET /dev/xvdj; findmnt -no OPTIONS /data | grep -q noatime && echo yes")); diff != "" {
		t.Fatal(diff)
	}
	if code, changed, all := x.run(); code != 0 || changed != nil {
		t.Fatalf("second run: exit code %d, %v\n%s", code, changed, all)
	}
	x.repairs(drifts)
}

// repairs makes each drift and has it repaired, and nothing else.
func (x *example) repairs(drifts []drift) {
	t := x.t
	t.Helper()
	for _, d := range drifts {
		x.sh(d.make)
		code, changed, all := x.run()
		if code != 2 {
			t.Errorf("%s: exit code %d\n%s", d.name, code, all)
		}
		if diff := cmp.Diff(d.want, changed); diff != "" {
			t.Errorf("%s: what was repaired: %s", d.name, diff)
		}
		if got := x.sh(d.proof + " && echo repaired || true"); !strings.HasSuffix(got, "repaired") {
			t.Errorf("%s: not repaired: %s", d.name, got)
		}
		if code, changed, _ := x.run(); code != 0 || changed != nil {
			t.Errorf("%s: the run after the repair: exit code %d, %v", d.name, code, changed)
		}
	}
}

// drift is one way in which a node departs from its manifest.
type drift struct {
	name, make, proof string
	want              []string
}

func drifts(repoFile, remove string) []drift {
	return []drift{
		{"mode", "chmod 0700 /etc/rc.gluster", "test $(stat -c %a /etc/rc.gluster) = 755", []string{`file["/etc/rc.gluster"]=changed`}},
		{"content", "echo '# mine' >> /etc/firewall.rules", "! grep mine /etc/firewall.rules", []string{`file["/etc/firewall.rules"]=changed`, "service.firewall=refreshed"}},
		{"unmounted", "systemctl stop glusterd && umount /data && systemctl start glusterd", "findmnt /data", []string{"mount.data_dir=changed"}},
		{"live mount option", "mount -o remount,noexec,relatime /data", "! findmnt -no OPTIONS /data | grep -E 'noexec|relatime'", []string{"mount.data_dir=changed"}},
		{"fstab line removed", "sed -i '/xvdj/d' /etc/fstab", "grep -q xvdj /etc/fstab", []string{"mount.data_dir=changed"}},
		{"service stopped", "systemctl stop glusterd", "systemctl is-active glusterd", []string{"service.glusterd=changed"}},
		{"service disabled", "systemctl disable glusterd", "systemctl is-enabled glusterd", []string{"service.glusterd=changed"}},
		{"package removed", remove, "command -v glusterd", nil},
		{"repository file edited", "sed -i 's/^\\(URIs:\\|baseurl *=\\).*/\\1 http:\\/\\/nowhere.invalid\\//' " + repoFile, "! grep nowhere " + repoFile, []string{"repo.glusterfs=changed"}},
		{"line of the script deleted", "sed -i '/swappiness/d' /etc/rc.gluster", "grep -q swappiness /etc/rc.gluster", []string{`file["/etc/rc.gluster"]=changed`}},
	}
}

// on narrows drifts: which outcomes are the right ones depends on the packages of the node.
func on(ds []drift, name string, want ...string) []drift {
	for i := range ds {
		if ds[i].name == name {
			ds[i].want = want
		}
	}
	return ds
}

func TestGlusterNodeWithApt(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	ctx := t.Context()
	base, err := image.With(ctx, "nftables")
	if err != nil {
		t.Fatal(err)
	}
	debs, err := image.Download(ctx, base, "glusterfs-server", "glusterfs-client", "glusterfs-common")
	if err != nil {
		t.Fatal(err)
	}
	r, err := l.AptRepo(ctx, debs...)
	if err != nil {
		t.Fatal(err)
	}
	nodes, err := l.Boot(ctx, lab.Spec{Name: "node01", Image: base, Disks: []int64{1 << 30}})
	if err != nil {
		t.Fatal(err)
	}
	x := newExample(t, nodes[0], "glusterfs-node", "--var", fmt.Sprintf(`repository={ uris = ["%s"], suites = ["stable"], components = ["main"], signed_by = %s }`, r.URL, quote(r.Key)))
	x.converges(on(drifts("/etc/apt/sources.list.d/glusterfs.sources", "systemctl stop glusterd; dpkg --remove --force-depends glusterfs-server"),
		"package removed", "package.glusterfs=changed", "service.glusterd=changed"))
}

func TestGlusterNodeWithDnf(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	ctx := t.Context()
	base, err := image.Dnf(ctx)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := l.TempDir()
	if err != nil {
		t.Fatal(err)
	}
	var rpms []string
	for _, p := range []repo.Package{
		{Name: "glusterfs-server", Version: "11.1", Depends: []string{"glusterfs-client"}, Files: map[string]string{
			"/usr/sbin/glusterd":                       "#!/bin/sh\nexec sleep infinity\n",
			"/usr/lib/systemd/system/glusterd.service": "[Unit]\nDescription=GlusterFS daemon\n[Service]\nExecStart=/usr/sbin/glusterd\n[Install]\nWantedBy=multi-user.target\n",
		}},
		{Name: "glusterfs-client", Version: "11.1"},
		{Name: "glusterfs-common", Version: "11.1"},
		{Name: "nftables", Version: "1.0", Files: map[string]string{"/usr/sbin/nft": "#!/bin/sh\nexit 0\n"}},
	} {
		name, err := p.RPM(ctx, dir)
		if err != nil {
			t.Fatal(err)
		}
		rpms = append(rpms, name)
	}
	r, err := l.YumRepo(ctx, rpms...)
	if err != nil {
		t.Fatal(err)
	}
	nodes, err := l.Boot(ctx, lab.Spec{Name: "node01", Image: base, Disks: []int64{1 << 30}})
	if err != nil {
		t.Fatal(err)
	}
	n := nodes[0]
	if err := n.Put(ctx, "/etc/pki/lab.asc", []byte(r.Key), 0o644); err != nil {
		t.Fatal(err)
	}
	x := newExample(t, n, "glusterfs-node", "--var", fmt.Sprintf(`repository={ baseurl = ["%s"], gpgkey = ["file:///etc/pki/lab.asc"] }`, r.URL),
		"--var", `packages=["glusterfs-server", "glusterfs-client", "glusterfs-common", "nftables"]`)
	x.converges(on(drifts("/etc/yum.repos.d/glusterfs.repo", "systemctl stop glusterd; rpm -e glusterfs-server"),
		"package removed", "package.glusterfs=changed", "service.glusterd=changed"))
}

// quote writes a string as HCL.
func quote(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}
