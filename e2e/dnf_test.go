package e2e

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/e2e/lab/image"
	rp "github.com/nodeapply/apply/e2e/lab/repo"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/pkg"
	"github.com/nodeapply/apply/resources/repo"
)

// TestDnf takes a tree of Red Hat's family through what repo and package say of dnf.
func TestDnf(t *testing.T) {
	n := newTree(t, image.Dnf)
	key, err := rp.NewKey(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	n.rpms(t, key, "one",
		tool("1.0"), tool("1.5"), tool("2.0"), plain("1.0"), plain("2.0"), plain("3.0"),
		rp.Package{Name: "mta-one", Version: "1", Provides: []string{"mta"}},
		rp.Package{Name: "first", Version: "1", Provides: []string{"either"}}, rp.Package{Name: "second", Version: "1", Provides: []string{"either"}},
		rp.Package{Name: "client", Version: "1", Depends: []string{"either"}},
		rp.Package{Name: "sound", Version: "1"}, rp.Package{Name: "starter", Version: "1", Scripts: map[string]string{"postinst": askOffline}},
		rp.Package{Name: "guilty", Version: "1", Scripts: map[string]string{"preinst": "exit 1"}},
	)
	c := &catalog{host: n, types: pkg.Type(), one: "1-1"}
	pack, want := c.pack, c.want
	refuse(t, n, pack("tool", "installed"), "tool", "no repository")

	r := repo.Type().New("one").(*repo.Repo)
	r.Descr, r.Baseurl, r.Gpgcheck, r.Gpgkey = "The first", resources.Strings{"file:///srv/one"}, "true", resources.Strings{"file:///etc/pki/rpm-gpg/one"}
	n.write(t, "/etc/pki/rpm-gpg/one", key.Armored)
	converge(t, n, r)
	if diff := cmp.Diff("[one]\nname=The first\nbaseurl=file:///srv/one\ngpgcheck=1\ngpgkey=file:///etc/pki/rpm-gpg/one", n.in(t, "cat /etc/yum.repos.d/one.repo")); diff != "" {
		t.Error(diff)
	}

	n.write(t, "/etc/yum.repos.d/more.repo", "# by hand\n[two]\nname=Two\nbaseurl=http://mirror.invalid/$basearch\n  http://other.invalid/%24\nenabled=0\nuser_agent=x\n\n[three]\nmetalink=https://mirror.invalid/?a=1&b=${x}\nenabled=no\n")
	if diff := cmp.Diff("two three one", n.inspected(t)); diff != "" {
		t.Error(diff)
	}

	c.types = pkg.Type()
	want(t, "ensure: absent -> 1.5", pack("tool", "1.5"))
	want(t, "ensure: 1.5-1 -> 2.0-1", pack("tool", "latest"))
	want(t, "ensure: 2.0-1 -> 1.0-1", pack("tool", "1.0"))
	want(t, "", pack("tool", "installed"))
	want(t, "ensure: 1.0-1 -> 1.5-1", pack("tool", ">= 1.2, < 2"))
	want(t, "ensure: 1.5-1 -> 2.0-1", pack("tool", "> 1.5"))
	refuse(t, n, pack("tool", "< 2"), "allow_downgrade", "2.0-1", "1.5-1")
	want(t, "ensure: 2.0-1 -> 1.5-1", pack("tool", "< 2", down))
	want(t, "ensure: 1.5-1 -> absent", pack("tool", "absent"))
	want(t, "", pack("tool", "purged"))
	want(t, "ensure: absent -> installed", pack("mta", "installed"))
	c.autostarts(t)
	c.swaps(t, "absent")
	n.in(t, "mv "+versionlock+" /root")
	refuse(t, n, pack("tool", "installed", hold), "versionlock")
	n.in(t, "mv /root/versionlock.py "+versionlock)
	want(t, "mark: none -> hold", pack("tool", "installed", hold))
	if got := n.in(t, "dnf -q versionlock list"); !strings.HasPrefix(got, "tool-0:2.0-1.") {
		t.Errorf("locks: %q", got)
	}
	refuse(t, n, pack("tool", "1.5"), "held", "mark", "2.0-1")
	want(t, "ensure: 2.0-1 -> 1.5-1", pack("tool", "1.5", hold))
	if got := n.in(t, "dnf -q versionlock list"); !strings.HasPrefix(got, "tool-0:1.5-1.") {
		t.Errorf("locks: %q", got)
	}
	want(t, "ensure: 1.5-1 -> 2.0-1; mark: hold -> none", pack("tool", "latest", free))
	c.configs(t, ".rpmnew")
	c.overwritten(t)
	c.purges(t, "2.0-1", ".rpmsave")
	want(t, "ensure: absent -> 2.0-1", pack("tool", "installed"))

	t.Run("group", func(t *testing.T) {
		ok, bad := pack("sound", "installed"), pack("guilty", "installed")
		errs := together(t, n, ok, bad)
		if errs[0] != nil || errs[1] == nil || !strings.Contains(errs[1].Error(), "guilty") {
			t.Errorf("errors: %v", errs)
		}
	})
	t.Run("a changed repository is fetched anew", func(t *testing.T) {
		c.types = pkg.Type()
		n.rpms(t, key, "one", rp.Package{Name: "tool", Version: "3.0"})
		refuse(t, n, pack("tool", "> 3.1"), "on offer", "3.0-1") // one refresh is tried for what is not known
		n.rpms(t, key, "two", rp.Package{Name: "tool", Version: "4.0"})
		r.Baseurl = resources.Strings{"file:///srv/two"}
		converge(t, n, r)
		c.types = pkg.Type()
		want(t, "ensure: 2.0-1 -> 4.0-1", pack("tool", "latest"))
	})
	t.Run("a held lock", func(t *testing.T) { c.dnfLocked(t, n) })
}

// dnfLocked has another process hold the locks of dnf: that is waited for, and told.
func (c *catalog) dnfLocked(t *testing.T, n *tree) {
	t.Helper()
	holder := run(t, "sh", "-c", "sleep 600 >/dev/null 2>&1 & echo $!")
	pid := strings.TrimSpace(holder)
	defer run(t, "kill", pid)
	defer n.showProcesses(t)()
	for _, name := range []string{"var/cache/dnf/metadata_lock.pid", "var/lib/dnf/rpmdb_lock.pid"} {
		n.write(t, name, pid)
	}
	p := c.pack("tool", "absent")
	d, err := p.Check(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	tries := 0
	err = p.Apply(t.Context(), &onRun{Host: n, before: func(c host.Cmd) {
		if tries++; tries == 2 {
			n.in(t, "rm /var/cache/dnf/metadata_lock.pid /var/lib/dnf/rpmdb_lock.pid")
		}
	}}, d)
	if err != nil {
		t.Fatal(err)
	}
	_, notes := converge(t, n, p)
	if want := "held by process " + pid + " (sleep)"; !strings.Contains(strings.Join(notes, "\n"), want) {
		t.Errorf("want %q in the notes %q", want, notes)
	}
}
