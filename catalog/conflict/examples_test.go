package conflict_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/nodeapply/apply"
	"github.com/nodeapply/apply/catalog/conflict"
)

// The manifests that are shown to newcomers have no conflicts, on a node that has their packages.
func TestExamples(t *testing.T) {
	t.Setenv("APPLY_STATE_DIR", t.TempDir())
	t.Setenv("APPLY_FACT_DATA_DEVICE", "/dev/loop0")
	t.Setenv("APPLY_FACT_MANIFEST_DIR", "/srv/manifest")
	installed := func(_ context.Context, file func(p *conflict.Package, name string)) error {
		for p, names := range map[string][]string{
			"corosync":         {"/etc/corosync", "/etc/corosync/corosync.conf", "/usr/sbin/corosync", "/lib/systemd/system/corosync.service"},
			"glusterfs-server": {"/etc/glusterfs", "/var/lib/glusterd", "/usr/sbin/glusterd", "/usr/lib/systemd/system/glusterd.service"},
			"glusterfs-client": {"/sbin/mount.glusterfs"},
			"nftables":         {"/etc/nftables.conf", "/usr/sbin/nft"},
			"nginx":            {"/etc/nginx", "/lib/systemd/system/nginx.service"},
			"openssh-server":   {"/etc/ssh", "/lib/systemd/system/ssh.service"},
		} {
			for _, name := range names {
				file(&conflict.Package{Name: p, Source: p}, name)
			}
		}
		return nil
	}
	tree := ""
	for unit, program := range map[string]string{
		"corosync": "/usr/sbin/corosync -f", "glusterd": "/usr/sbin/glusterd -N", "nginx": "/usr/sbin/nginx", "ssh": "/usr/sbin/sshd -D", "nftables": "/usr/sbin/nft -f /etc/nftables.conf",
	} {
		tree += "-- lib/systemd/system/" + unit + ".service --\n[Service]\nExecStart=" + program + "\n"
	}
	units, tried := unitsOf(t, tree), 0
	for _, pattern := range []string{"examples/*/main.hcl", "modules/*/example/main.hcl", "docs/gen/examples/*.hcl"} {
		names, err := filepath.Glob("../../" + pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			m, err := apply.Load(t.Context(), name, apply.Options{})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			problems, err := conflict.Find(t.Context(), m.Catalog(), installed, units)
			if err != nil {
				t.Error(err)
			}
			for _, p := range problems {
				t.Errorf("%s: %s", p.Summary, p.Detail)
			}
			tried++
		}
	}
	if tried < 15 {
		t.Errorf("only %d manifests were found", tried)
	}
}
