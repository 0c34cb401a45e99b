package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
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
