package e2e

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/e2e/lab/image"
	rp "github.com/nodeapply/apply/e2e/lab/repo"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/pkg"
	"github.com/nodeapply/apply/resources/repo"
)

// tool is a version of a package with a configuration file, which is different in each.
func tool(version string) rp.Package {
	return rp.Package{Name: "tool", Version: version, Files: map[string]string{"/etc/tool.conf": "as packed in " + version + "-1\n"}}
}

// versionlock is the plugin of dnf.
const versionlock = "/usr/lib/python3/dist-packages/dnf-plugins/versionlock.py"

// plain is a version of a package whose configuration file rpm replaces by itself.
func plain(version string) rp.Package {
	return rp.Package{Name: "plain", Version: version, Files: map[string]string{"/etc/plain.conf": "as packed in " + version + "-1\n"}, Overwritten: []string{"/etc/plain.conf"}}
}

// overwritten takes the package plain up: the node's own file is kept, with the new one beside it, or replaced if that is asked for.
func (c *catalog) overwritten(t *testing.T) {
	t.Helper()
	n := c.host.(*tree)
	c.want(t, "ensure: absent -> 1.0-1", c.pack("plain", "1.0"))
	n.write(t, "/etc/plain.conf", "mine\n")
	n.in(t, "chmod 600 /etc/plain.conf")
	c.want(t, "ensure: 1.0-1 -> 2.0-1", c.pack("plain", "2.0"))
	if diff := cmp.Diff("/etc/plain.conf\n/etc/plain.conf.rpmnew\nmine\nas packed in 2.0-1\n600", n.in(t, "ls /etc/plain*; cat /etc/plain*; stat -c %a /etc/plain.conf")); diff != "" {
		t.Errorf("kept: %s", diff)
	}
	n.in(t, "rm /etc/plain.conf.rpmnew")
	c.want(t, "ensure: 2.0-1 -> 3.0-1", c.pack("plain", "3.0", func(p *pkg.Package) { p.Configfiles = "replace" }))
	if diff := cmp.Diff("/etc/plain.conf\n/etc/plain.conf.rpmsave\nas packed in 3.0-1\nmine", n.in(t, "ls /etc/plain*; cat /etc/plain*")); diff != "" {
		t.Errorf("replaced: %s", diff)
	}
	c.want(t, "ensure: 3.0-1 -> absent", c.pack("plain", "absent"))
	n.in(t, "rm /etc/plain*")
}

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
		tool("1.0"), tool("1.5"), tool("2.0"), plain("1.0"), plain("2.0"), plain("3.0"),
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
	n.write(t, "/etc/os-release", "ID=opensuse-leap\nID_LIKE=\"suse opensuse\"\n")
	n.write(t, "/etc/zypp/repos.d/more.repo", "[two]\nbaseurl=http://mirror.invalid/\nenabled=0\nautorefresh=1\ntype=rpm-md\n")
	if diff := cmp.Diff("two one", n.inspected(t)); diff != "" {
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
	c.overwritten(t)
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
	hosttest.Program(t, "repo-add", "pacman on a real tree")
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
