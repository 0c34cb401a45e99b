package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/e2e/lab"
	"github.com/nodeapply/apply/e2e/lab/image"
	rp "github.com/nodeapply/apply/e2e/lab/repo"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/pkg"
	"github.com/nodeapply/apply/resources/repo"
	"github.com/nodeapply/apply/resources/repo/preferences"
)

// askPolicy does what invoke-rc.d and deb-systemd-invoke do before they start a service.
const askPolicy = `[ -x /usr/sbin/policy-rc.d ] || { echo start >> /started; exit 0; }
/usr/sbin/policy-rc.d starter start || exit 0
echo start >> /started`

// TestApt takes a tree through what repo and package say of apt, with real repositories, apt and dpkg.
func TestApt(t *testing.T) {
	lab.Require(t)
	n := newTree(t, image.Base)
	key, err := rp.NewKey(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	const conf = "/etc/tool.conf"
	n.debs(t, key, "one",
		rp.Package{Name: "tool", Version: "1.0", Files: map[string]string{conf: "one\n"}},
		rp.Package{Name: "tool", Version: "1.5", Files: map[string]string{conf: "one and a half\n"}},
		rp.Package{Name: "tool", Version: "2.0", Files: map[string]string{conf: "two\n"}},
		rp.Package{Name: "mta-one", Version: "1", Provides: []string{"mta"}},
		rp.Package{Name: "sound", Version: "1"},
		rp.Package{Name: "guilty", Version: "1", Scripts: map[string]string{"postinst": "test -e /etc/innocent"}},
		rp.Package{Name: "starter", Version: "1", Scripts: map[string]string{"postinst": askPolicy}},
		rp.Package{Name: "first", Version: "1", Provides: []string{"either"}}, rp.Package{Name: "second", Version: "1", Provides: []string{"either"}},
		rp.Package{Name: "client", Version: "1", Depends: []string{"either"}},
	)
	c := &catalog{host: n, types: pkg.Type(), one: "1"}
	pack, want := c.pack, c.want
	refuse(t, n, pack("tool", "installed"), "tool", "no repository")

	source := func() *repo.Repo {
		r := repo.Type().New("one").(*repo.Repo)
		r.Uris, r.Suites, r.Components = resources.Strings{"file:/srv/one"}, resources.Strings{"stable"}, resources.Strings{"main"}
		r.SignedBy = resources.Scalar(key.Armored)
		return r
	}
	converge(t, n, source())
	before := n.in(t, "ls -la --time-style=full-iso /etc/apt/sources.list.d")
	converge(t, n, source())
	if diff := cmp.Diff(before, n.in(t, "ls -la --time-style=full-iso /etc/apt/sources.list.d")); diff != "" {
		t.Error(diff)
	}

	c.types = pkg.Type()
	want(t, "ensure: absent -> 1.5", pack("tool", "1.5"))
	want(t, "ensure: 1.5 -> 2.0", pack("tool", "latest"))
	want(t, "ensure: 2.0 -> 1.0", pack("tool", "1.0"))
	want(t, "", pack("tool", "installed"))
	want(t, "ensure: 1.0 -> 1.5", pack("tool", ">= 1.2, < 2"))
	want(t, "ensure: 1.5 -> 2.0", pack("tool", "> 1.5"))
	refuse(t, n, pack("tool", "< 2"), "allow_downgrade", "2.0", "1.5")
	want(t, "ensure: 2.0 -> 1.5", pack("tool", "< 2", down))
	want(t, "mark: none -> hold", pack("tool", "installed", hold))
	refuse(t, n, pack("tool", "latest"), "held", "mark", "1.5")
	want(t, "ensure: 1.5 -> 2.0", pack("tool", "latest", hold))
	if got := n.in(t, "apt-mark showhold"); got != "tool" {
		t.Errorf("held: %q", got)
	}
	refuse(t, n, pack("tool", "absent"), "held", "mark")
	want(t, "mark: hold -> none", pack("tool", "installed", free))

	n.write(t, conf, "mine\n")
	want(t, "ensure: 2.0 -> 1.0", pack("tool", "1.0"))
	if got := n.in(t, "cat "+conf); got != "mine" {
		t.Errorf("kept configuration: %q", got)
	}
	want(t, "ensure: 1.0 -> 2.0", pack("tool", "2.0", func(p *pkg.Package) { p.Configfiles = "replace" }))
	if got := n.in(t, "cat "+conf); got != "two" {
		t.Errorf("replaced configuration: %q", got)
	}
	want(t, "ensure: 2.0 -> absent", pack("tool", "absent"))
	want(t, "", pack("tool", "absent"))
	want(t, "ensure: config-files -> purged", pack("tool", "purged"))
	want(t, "", pack("tool", "purged"))

	want(t, "ensure: absent -> installed", pack("mta", "installed"))
	want(t, "", pack("mta", "installed"))

	t.Run("one goes and another takes its place", func(t *testing.T) {
		c.swaps(t, "purged")
		c.swaps(t, "absent")
	})
	t.Run("group", func(t *testing.T) {
		ok, bad := pack("sound", "installed"), pack("guilty", "installed")
		errs := together(t, n, ok, bad)
		if errs[0] != nil || errs[1] == nil || !strings.Contains(errs[1].Error(), "guilty") {
			t.Errorf("errors: %v", errs)
		}
		_, notes := converge(t, n, ok)
		if !strings.Contains(strings.Join(notes, "\n"), "guilty") {
			t.Errorf("notes: %q", notes)
		}
	})
	t.Run("another package's failure", func(t *testing.T) { // guilty is still half configured
		notes := want(t, "ensure: absent -> 1.0", pack("tool", "1.0"))
		if !strings.Contains(strings.Join(notes, "\n"), "guilty") {
			t.Errorf("notes: %q", notes)
		}
	})
	t.Run("repair", func(t *testing.T) {
		n.write(t, "/etc/innocent", "")
		notes := want(t, "ensure: 1.0 -> 2.0", pack("tool", "2.0"))
		if !strings.Contains(strings.Join(notes, "\n"), "dpkg --configure -a") {
			t.Errorf("notes: %q", notes)
		}
		want(t, "", pack("guilty", "1"))
	})
	t.Run("autostart", func(t *testing.T) {
		want(t, "ensure: absent -> 1", pack("starter", "installed", func(p *pkg.Package) { p.Autostart = false }))
		if got := n.in(t, "cat /started 2>/dev/null; ls /usr/sbin/policy-rc.d* 2>/dev/null; true"); got != "" {
			t.Errorf("started, or a policy is left: %q", got)
		}
		want(t, "ensure: 1 -> purged", pack("starter", "purged"))
		want(t, "ensure: absent -> 1", pack("starter", "installed"))
		if got := n.in(t, "cat /started"); got != "start" {
			t.Errorf("started: %q", got)
		}
	})
	t.Run("autostart after a crash, beside the node's own policy", func(t *testing.T) {
		n.write(t, "/usr/sbin/policy-rc.d", "#!/bin/sh\n# made by apply for one transaction of packages\nexit 101\n")
		n.write(t, "/usr/sbin/policy-rc.d.before-apply", "#!/bin/sh\n# the node's own\nexit 0\n")
		n.in(t, "chmod 755 /usr/sbin/policy-rc.d*")
		want(t, "ensure: 1 -> purged", pack("starter", "purged"))
		want(t, "ensure: absent -> 1", pack("starter", "installed", func(p *pkg.Package) { p.Autostart = false }))
		if diff := cmp.Diff("start", n.in(t, "cat /started")); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff("/usr/sbin/policy-rc.d\n# the node's own", n.in(t, "ls /usr/sbin/policy-rc.d*; grep own /usr/sbin/policy-rc.d")); diff != "" {
			t.Error(diff)
		}
		n.in(t, "rm /usr/sbin/policy-rc.d")
	})
	t.Run("a held lock", func(t *testing.T) {
		lock, err := os.OpenFile(filepath.Join(n.dir, "var/lib/dpkg/lock-frontend"), os.O_RDWR|os.O_CREATE, 0o640)
		if err != nil {
			t.Fatal(err)
		}
		defer lock.Close()
		if err := unix.FcntlFlock(lock.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}); err != nil {
			t.Fatal(err)
		}
		run(t, "mount", "--bind", "/proc", filepath.Join(n.dir, "proc"))
		defer run(t, "umount", filepath.Join(n.dir, "proc"))
		me := fmt.Sprintf("held by process %d (%s)", os.Getpid(), strings.TrimSpace(run(t, "cat", fmt.Sprintf("/proc/%d/comm", os.Getpid()))))

		p := pack("tool", "1.0")
		d, err := p.Check(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		late := &onRun{Host: n, before: func() func(host.Cmd) {
			tries := 0
			return func(c host.Cmd) {
				if slices.Contains(c.Args, "install") {
					if tries++; tries == 2 {
						cancel(errors.New("timed out after a test"))
					}
				}
			}
		}()}
		err = p.Apply(ctx, late, d)
		if err == nil || !strings.Contains(err.Error(), me) || !strings.Contains(err.Error(), "timed out after a test") {
			t.Errorf("want %q and the timeout, got %v", me, err)
		}
		tries := 0
		released := &onRun{Host: n, before: func(c host.Cmd) {
			if slices.Contains(c.Args, "install") {
				if tries++; tries == 2 {
					lock.Close()
				}
			}
		}}
		if err := p.Apply(t.Context(), released, d); err != nil {
			t.Fatal(err)
		}
		_, notes := converge(t, n, p)
		if !strings.Contains(strings.Join(notes, "\n"), me) {
			t.Errorf("notes: %q", notes)
		}
		want(t, "ensure: 1.0 -> 2.0", pack("tool", "latest"))
	})
	t.Run("an interrupted dpkg", func(t *testing.T) {
		n.in(t, "dpkg --unpack /srv/one/pool/tool_1.0_all.deb")
		notes := want(t, "ensure: unconfigured 1.0 -> 1.0", pack("tool", "installed"))
		if !strings.Contains(strings.Join(notes, "\n"), "repaired by dpkg --configure -a") {
			t.Errorf("notes: %q", notes)
		}
		n.write(t, "/var/lib/dpkg/updates/0000", n.in(t, "dpkg-query -s tool | sed 's/^Status:.*/Status: install ok half-configured/'")+"\n")
		notes = want(t, "ensure: unconfigured 1.0 -> 1.0", pack("tool", "installed"))
		if !strings.Contains(strings.Join(notes, "\n"), "an earlier dpkg was interrupted: repaired") {
			t.Errorf("notes: %q", notes)
		}
		want(t, "ensure: 1.0 -> 2.0", pack("tool", "2.0"))
	})
	t.Run("file", func(t *testing.T) {
		name, err := rp.Package{Name: "local", Version: "3.1"}.Deb(t.Context(), filepath.Join(n.dir, "srv"))
		if err != nil {
			t.Fatal(err)
		}
		from := func(p *pkg.Package) { p.Source = "/srv/" + filepath.Base(name) }
		want(t, "ensure: absent -> 3.1", pack("local", "installed", from))
		want(t, "", pack("local", "installed", from))
	})
	t.Run("undo", func(t *testing.T) {
		p := pack("tool", "1.0")
		d, err := p.Check(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		kept, err := p.Before(t.Context(), n, d)
		if err != nil {
			t.Fatal(err)
		}
		want(t, "ensure: 2.0 -> 1.0", p)
		if err := pkg.Type().New("tool").(*pkg.Package).Restore(t.Context(), n, kept); err != nil {
			t.Fatal(err)
		}
		want(t, "", pack("tool", "2.0"))
	})
	t.Run("refreshed for what changed only", func(t *testing.T) {
		n.debs(t, key, "two", rp.Package{Name: "tool", Version: "9"}, rp.Package{Name: "other", Version: "1"})
		r := repo.Type().New("two").(*repo.Repo)
		r.Uris, r.Suites, r.Components, r.SignedBy = resources.Strings{"file:/srv/two"}, resources.Strings{"stable"}, resources.Strings{"main"}, resources.Scalar(key.Armored)
		old := n.in(t, "stat -c '%Y %i' /var/lib/apt/lists/_srv_one_*")
		converge(t, n, r)
		c.types = pkg.Type()
		want(t, "ensure: absent -> installed", pack("other", "installed"))
		if diff := cmp.Diff(old, n.in(t, "stat -c '%Y %i' /var/lib/apt/lists/_srv_one_*")); diff != "" {
			t.Errorf("lists of a source that did not change: %s", diff)
		}
		want(t, "ensure: 2.0 -> 9", pack("tool", "latest"))
		r.Pin = &preferences.Pin{Packages: "tool", Pin: "version 1.5", Priority: "1001"}
		converge(t, n, r)
		if got := n.in(t, "apt-cache policy tool | grep Candidate"); got != "Candidate: 1.5" {
			t.Errorf("with a pin: %q", got)
		}
		r.Ensure = "absent"
		converge(t, n, r)
		if got := n.in(t, "ls /etc/apt/sources.list.d /etc/apt/preferences.d /var/lib/apt/lists | grep two; true"); got != "" {
			t.Errorf("left: %q", got)
		}
	})
	t.Run("a source that cannot be fetched", func(t *testing.T) {
		r := repo.Type().New("gone").(*repo.Repo)
		// An address that nobody listens at: to apt-get update that is a success unless it is told otherwise.
		r.Uris, r.Suites, r.Components = resources.Strings{"http://127.0.0.1:9/gone"}, resources.Strings{"stable"}, resources.Strings{"main"}
		converge(t, n, r)
		c.types = pkg.Type()
		want(t, "ensure: 1 -> absent", pack("sound", "absent")) // a removal needs no lists
		refuse(t, n, pack("sound", "installed"), "gone.sources", "apt-get update")
	})
}

// tool is a version of a package with a configuration file, which is different in each.
func tool(version string) rp.Package {
	return rp.Package{Name: "tool", Version: version, Files: map[string]string{"/etc/tool.conf": "as packed in " + version + "-1\n"}}
}

// versionlock is the plugin of dnf.
const versionlock = "/usr/lib/python3/dist-packages/dnf-plugins/versionlock.py"

// purges takes the package tool, which is there, through what purged says of a configuration file that was changed on the node: it goes with the
// package, or later when absent has left it; nobody else's file does.
func (c *catalog) purges(t *testing.T, version, ending string) {
	t.Helper()
	n := c.host.(*tree)
	saved := func() string { return n.in(t, "cd /etc && ls -d tool.conf* *"+ending+" 2>/dev/null | sort -u || true") }
	n.write(t, "/etc/foreign"+ending, "somebody's\n")
	for _, first := range []string{"absent", "purged"} {
		n.write(t, "/etc/tool.conf", "changed here\n")
		c.want(t, "ensure: "+version+" -> "+first, c.pack("tool", first))
		if first == "absent" {
			if diff := cmp.Diff("foreign"+ending+"\ntool.conf"+ending, saved()); diff != "" {
				t.Errorf("after absent: %s", diff)
			}
			c.want(t, "ensure: config-files -> purged", c.pack("tool", "purged"))
		}
		if diff := cmp.Diff("foreign"+ending, saved()); diff != "" {
			t.Errorf("after %s and purged: %s", first, diff)
		}
		c.want(t, "", c.pack("tool", "purged"))
		c.want(t, "", c.pack("tool", "absent"))
		if first == "absent" {
			c.want(t, "ensure: absent -> "+version, c.pack("tool", "installed"))
		}
	}
}

// TestDnf takes a tree of Red Hat's family through what repo and package say of dnf.
func TestDnf(t *testing.T) {
	n := newTree(t, image.Dnf)
	key, err := rp.NewKey(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	n.rpms(t, key, "one",
		tool("1.0"), tool("1.5"), tool("2.0"),
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
	t.Run("a held lock", func(t *testing.T) {
		holder := run(t, "sh", "-c", "sleep 600 >/dev/null 2>&1 & echo $!")
		pid := strings.TrimSpace(holder)
		defer run(t, "kill", pid)
		run(t, "mount", "--bind", "/proc", filepath.Join(n.dir, "proc"))
		defer run(t, "umount", filepath.Join(n.dir, "proc"))
		for _, name := range []string{"var/cache/dnf/metadata_lock.pid", "var/lib/dnf/rpmdb_lock.pid"} {
			n.write(t, name, pid)
		}
		p := pack("tool", "absent")
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
	})
}

// askOffline is what systemctl asks before it starts something.
const askOffline = `[ "$SYSTEMD_OFFLINE" = 1 ] || echo start >> /started`

// autostarts installs starter twice, whose script is askOffline.
func (c *catalog) autostarts(t *testing.T) {
	t.Helper()
	n := c.host.(*tree)
	c.want(t, "ensure: absent -> "+c.one, c.pack("starter", "installed", func(p *pkg.Package) { p.Autostart = false }))
	if got := n.in(t, "cat /started 2>/dev/null || true"); got != "" {
		t.Errorf("started: %q", got)
	}
	c.want(t, "ensure: "+c.one+" -> absent", c.pack("starter", "absent"))
	c.want(t, "ensure: absent -> "+c.one, c.pack("starter", "installed"))
	if got := n.in(t, "cat /started"); got != "start" {
		t.Errorf("started: %q", got)
	}
}

// configs moves tool, which is there in version 2.0-1, to 1.0-1 and back: a configuration file that was changed on the node is kept, then replaced.
func (c *catalog) configs(t *testing.T, ending string) {
	t.Helper()
	n := c.host.(*tree)
	n.write(t, "/etc/tool.conf", "mine\n")
	c.want(t, "ensure: 2.0-1 -> 1.0-1", c.pack("tool", "1.0"))
	if diff := cmp.Diff("mine\nas packed in 1.0-1", n.in(t, "cd /etc; cat tool.conf tool.conf"+ending)); diff != "" {
		t.Errorf("kept: %s", diff)
	}
	n.in(t, "mv /etc/tool.conf"+ending+" /etc/old"+ending)
	c.want(t, "ensure: 1.0-1 -> 2.0-1", c.pack("tool", "2.0", func(p *pkg.Package) { p.Configfiles = "replace" }))
	if diff := cmp.Diff("as packed in 2.0-1\n/etc/old"+ending, n.in(t, "cat /etc/tool.conf; ls /etc/*"+ending)); diff != "" {
		t.Errorf("replaced: %s", diff)
	}
	n.in(t, "rm /etc/old"+ending)
}

// swaps installs client, which needs one of first and second, and lets second take the place of first: in two transactions client would go with it.
func (c *catalog) swaps(t *testing.T, gone string) {
	t.Helper()
	for _, name := range []string{"first", "client"} {
		c.want(t, "ensure: absent -> "+c.one, c.pack(name, "installed"))
	}
	for i, err := range together(t, c.host, c.pack("first", gone), c.pack("second", "installed")) {
		if err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	c.want(t, "", c.pack("client", "installed"))
	c.want(t, "", c.pack("first", gone))
	for _, name := range []string{"client", "second"} {
		c.want(t, "ensure: "+c.one+" -> absent", c.pack(name, "absent"))
	}
}

// TestZypper takes a tree through what repo and package say of zypper.
func TestZypper(t *testing.T) {
	n := newTree(t, func(ctx context.Context) (image.Image, error) { return image.With(ctx, "zypper", "rpm") })
	key, err := rp.NewKey(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	n.rpms(t, key, "one",
		tool("1.0"), tool("1.5"), tool("2.0"),
		rp.Package{Name: "mta-one", Version: "1", Provides: []string{"mta"}},
		rp.Package{Name: "first", Version: "1", Provides: []string{"either"}}, rp.Package{Name: "second", Version: "1", Provides: []string{"either"}},
		rp.Package{Name: "client", Version: "1", Depends: []string{"either"}}, rp.Package{Name: "shell", Version: "1", Provides: []string{"/bin/sh"}},
		rp.Package{Name: "starter", Version: "1", Scripts: map[string]string{"postinst": askOffline}},
		rp.Package{Name: "sound", Version: "1"},
		rp.Package{Name: "guilty", Version: "1", Scripts: map[string]string{"preinst": "exit 1"}},
	)
	n.write(t, "/etc/rpm/macros", "%_dbpath /var/lib/rpm\n") // as on SUSE: Debian's rpm has a database in the home folder, zypper has not
	c := &catalog{host: n, types: pkg.Type(), provider: "zypper", one: "1-1"}
	pack, want := c.pack, c.want
	r := repo.Type().New("one").(*repo.Repo)
	r.Provider, r.Baseurl, r.Gpgcheck = "zypper", resources.Strings{"file:///srv/one"}, "no"
	converge(t, n, r)
	if diff := cmp.Diff("[one]\nbaseurl=file:///srv/one\ngpgcheck=0", n.in(t, "cat /etc/zypp/repos.d/one.repo")); diff != "" {
		t.Error(diff)
	}
	refuse(t, n, pack("nosuch", "installed"), "nosuch", "no repository")
	want(t, "ensure: absent -> 1.5-1", pack("tool", "1.5"))
	want(t, "ensure: 1.5-1 -> 2.0-1", pack("tool", "latest"))
	want(t, "ensure: 2.0-1 -> 1.0-1", pack("tool", "1.0"))
	want(t, "ensure: 1.0-1 -> 1.5-1", pack("tool", ">= 1.2, < 2"))
	want(t, "mark: none -> hold", pack("tool", "installed", hold))
	refuse(t, n, pack("tool", "latest"), "held", "mark")
	want(t, "ensure: 1.5-1 -> 2.0-1", pack("tool", "latest", hold))
	if got := n.in(t, "zypper --quiet locks"); !strings.Contains(got, "tool") {
		t.Errorf("locks: %q", got)
	}
	want(t, "mark: hold -> none", pack("tool", "installed", free))
	refuse(t, n, pack("tool", "< 2"), "allow_downgrade")
	want(t, "ensure: absent -> installed", pack("mta", "installed"))
	c.swaps(t, "absent")
	c.autostarts(t)
	c.configs(t, ".rpmnew")
	c.purges(t, "2.0-1", ".rpmsave") // not the last package: zypper cannot read an empty database
	errs := together(t, n, pack("sound", "installed"), pack("guilty", "installed"))
	if errs[0] != nil || errs[1] == nil || !strings.Contains(errs[1].Error(), "guilty") {
		t.Errorf("errors: %v", errs)
	}
	n.rpms(t, key, "two", rp.Package{Name: "tool", Version: "4.0"})
	r.Baseurl = resources.Strings{"file:///srv/two"}
	converge(t, n, r)
	c.types = pkg.Type()
	want(t, "ensure: absent -> 4.0-1", pack("tool", "latest"))
}

// TestPacman takes a tree through what repo and package say of pacman.
func TestPacman(t *testing.T) {
	n := newTree(t, func(ctx context.Context) (image.Image, error) { return image.With(ctx, "pacman-package-manager") })
	if _, err := exec.LookPath("repo-add"); err != nil {
		t.Skip("no repo-add here (makepkg, libarchive-tools): pacman is not tried")
	}
	n.pacmans(t, "one", "tool 1.0-1 virt", "other 1-1 virt-other")
	n.write(t, "/etc/pacman.conf", "# kept\n[options]\nArchitecture = auto\nSigLevel = Never\nCheckSpace\n")
	c := &catalog{host: n, types: pkg.Type(), provider: "pacman"}
	pack, want := c.pack, c.want
	r := repo.Type().New("one").(*repo.Repo)
	r.Provider, r.Baseurl, r.Gpgcheck = "pacman", resources.Strings{"file:///srv/one"}, "false"
	converge(t, n, r)
	if diff := cmp.Diff("# kept\n[options]\nArchitecture = auto\nSigLevel = Never\nCheckSpace\n\n[one]\nServer = file:///srv/one\nSigLevel = Never", n.in(t, "cat /etc/pacman.conf")); diff != "" {
		t.Error(diff)
	}
	n.in(t, "sed -i /CheckSpace/d /etc/pacman.conf") // a tree is no mount point
	want(t, "ensure: absent -> installed", pack("tool", "installed"))
	n.pacmans(t, "one", "tool 2.0-1 virt")
	refuse(t, n, pack("nosuch", "installed"), "nosuch", "no repository") // refreshes all
	want(t, "mark: none -> hold", pack("tool", "installed", hold))
	refuse(t, n, pack("tool", "latest"), "held", "mark", "1.0-1", "2.0-1")
	want(t, "ensure: 1.0-1 -> 2.0-1; mark: hold -> none", pack("tool", "latest", free))
	want(t, "ensure: 2.0-1 -> 1.0-1", pack("tool", "1.0")) // from the cache of packages
	want(t, "ensure: 1.0-1 -> 2.0-1", pack("tool", "> 1.0"))
	refuse(t, n, pack("tool", "< 2"), "allow_downgrade")
	refuse(t, n, pack("tool", "3.0"), "on offer", "2.0-1")
	c.configs(t, ".pacnew")
	c.purges(t, "2.0-1", ".pacsave")
	want(t, "ensure: absent -> installed", pack("virt-other", "installed"))
	want(t, "", pack("other", "1"))

	n.write(t, "/var/lib/pacman/db.lck", "")
	p := pack("other", "purged")
	d, err := p.Check(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	tries := 0
	if err := p.Apply(t.Context(), &onRun{Host: n, before: func(host.Cmd) {
		if tries++; tries == 2 {
			n.in(t, "rm /var/lib/pacman/db.lck")
		}
	}}, d); err != nil {
		t.Fatal(err)
	}
}
