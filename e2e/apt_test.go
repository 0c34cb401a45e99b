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

// apt is a tree with apt, its repositories, and what is declared for it.
type apt struct {
	*catalog
	n   *tree
	key *rp.Key // that they are signed with
}

const conf = "/etc/tool.conf"

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
	n.debs(t, key, "one",
		rp.Package{Name: "tool", Version: "1.0", Files: map[string]string{conf: "one\n"}},
		rp.Package{Name: "tool", Version: "1.5", Files: map[string]string{conf: "one and a half\n"}},
		rp.Package{Name: "tool", Version: "2.0", Files: map[string]string{conf: "two\n"}},
		rp.Package{Name: "mta-one", Version: "1", Provides: []string{"mta"}},
		rp.Package{Name: "sound", Version: "1"},
		rp.Package{Name: "mortal", Version: "1", Scripts: map[string]string{"preinst": "test ! -e /etc/dies || { rm /etc/dies; kill -9 $PPID; }"}},
		rp.Package{Name: "guilty", Version: "1", Scripts: map[string]string{"postinst": "test -e /etc/innocent"}},
		rp.Package{Name: "starter", Version: "1", Scripts: map[string]string{"postinst": askPolicy}},
		rp.Package{Name: "first", Version: "1", Provides: []string{"either"}}, rp.Package{Name: "second", Version: "1", Provides: []string{"either"}},
		rp.Package{Name: "client", Version: "1", Depends: []string{"either"}},
	)
	a := &apt{&catalog{host: n, types: pkg.Type(), one: "1"}, n, key}
	refuse(t, n, a.pack("tool", "installed"), "tool", "no repository")

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

	a.types = pkg.Type()
	a.versions(t)
	a.configuration(t)
	t.Run("one goes and another takes its place", func(t *testing.T) {
		a.swaps(t, "purged")
		a.swaps(t, "absent")
	})
	t.Run("group", a.group)
	t.Run("another package's failure", a.anotherFails)
	t.Run("repair", a.repairs)
	t.Run("autostart", a.starts)
	t.Run("autostart after a crash, beside the node's own policy", a.startsAfterACrash)
	t.Run("a held lock", a.locked)
	t.Run("an interrupted dpkg", a.interrupted)
	t.Run("file", a.fromFile)
	t.Run("undo", a.undoes)
	t.Run("refreshed for what changed only", a.refreshes)
	t.Run("a source that cannot be fetched", a.unfetched)
}

// All that ensure and mark say.
func (a *apt) versions(t *testing.T) {
	a.want(t, "ensure: absent -> 1.5", a.pack("tool", "1.5"))
	a.want(t, "ensure: 1.5 -> 2.0", a.pack("tool", "latest"))
	a.want(t, "ensure: 2.0 -> 1.0", a.pack("tool", "1.0"))
	a.want(t, "", a.pack("tool", "installed"))
	a.want(t, "ensure: 1.0 -> 1.5", a.pack("tool", ">= 1.2, < 2"))
	a.want(t, "ensure: 1.5 -> 2.0", a.pack("tool", "> 1.5"))
	refuse(t, a.n, a.pack("tool", "< 2"), "allow_downgrade", "2.0", "1.5")
	a.want(t, "ensure: 2.0 -> 1.5", a.pack("tool", "< 2", down))
	a.want(t, "mark: none -> hold", a.pack("tool", "installed", hold))
	refuse(t, a.n, a.pack("tool", "latest"), "held", "mark", "1.5")
	a.want(t, "ensure: 1.5 -> 2.0", a.pack("tool", "latest", hold))
	if got := a.n.in(t, "apt-mark showhold"); got != "tool" {
		t.Errorf("held: %q", got)
	}
	refuse(t, a.n, a.pack("tool", "absent"), "held", "mark")
	a.want(t, "mark: hold -> none", a.pack("tool", "installed", free))
}

// A configuration file that was changed on the node is kept, replaced, and left; a virtual package is there when one that provides it is.
func (a *apt) configuration(t *testing.T) {
	a.n.write(t, conf, "mine\n")
	a.want(t, "ensure: 2.0 -> 1.0", a.pack("tool", "1.0"))
	if got := a.n.in(t, "cat "+conf); got != "mine" {
		t.Errorf("kept configuration: %q", got)
	}
	a.want(t, "ensure: 1.0 -> 2.0", a.pack("tool", "2.0", func(p *pkg.Package) { p.Configfiles = "replace" }))
	if got := a.n.in(t, "cat "+conf); got != "two" {
		t.Errorf("replaced configuration: %q", got)
	}
	a.want(t, "ensure: 2.0 -> absent", a.pack("tool", "absent"))
	a.want(t, "", a.pack("tool", "absent"))
	a.want(t, "ensure: config-files -> purged", a.pack("tool", "purged"))
	a.want(t, "", a.pack("tool", "purged"))

	a.want(t, "ensure: absent -> installed", a.pack("mta", "installed"))
	a.want(t, "", a.pack("mta", "installed"))
}

// Of two packages in one transaction one is at fault, and is told so.
func (a *apt) group(t *testing.T) {
	ok, bad := a.pack("sound", "installed"), a.pack("guilty", "installed")
	errs := together(t, a.n, ok, bad)
	if errs[0] != nil || errs[1] == nil || !strings.Contains(errs[1].Error(), "guilty") {
		t.Errorf("errors: %v", errs)
	}
	_, notes := converge(t, a.n, ok)
	if !strings.Contains(strings.Join(notes, "\n"), "guilty") {
		t.Errorf("notes: %q", notes)
	}
}

// guilty is still half configured, which is no fault of others.
func (a *apt) anotherFails(t *testing.T) {
	notes := a.want(t, "ensure: absent -> 1.0", a.pack("tool", "1.0"))
	if !strings.Contains(strings.Join(notes, "\n"), "guilty") {
		t.Errorf("notes: %q", notes)
	}
	a.want(t, "ensure: 1.0 -> purged", a.pack("tool", "purged"))
	a.want(t, "ensure: absent -> 1.0", a.pack("tool", "1.0"))
	a.want(t, "ensure: 1.0 -> absent", a.pack("tool", "absent"))
	a.want(t, "ensure: config-files -> purged", a.pack("tool", "purged"))
	a.want(t, "ensure: absent -> 1.0", a.pack("tool", "1.0"))
}

// What was left half configured is configured first.
func (a *apt) repairs(t *testing.T) {
	a.n.write(t, "/etc/innocent", "")
	notes := a.want(t, "ensure: 1.0 -> 2.0", a.pack("tool", "2.0"))
	if !strings.Contains(strings.Join(notes, "\n"), "dpkg --configure -a") {
		t.Errorf("notes: %q", notes)
	}
	a.want(t, "", a.pack("guilty", "1"))
}

// A package's service is started, or is not.
func (a *apt) starts(t *testing.T) {
	a.want(t, "ensure: absent -> 1", a.pack("starter", "installed", func(p *pkg.Package) { p.Autostart = false }))
	if got := a.n.in(t, "cat /started 2>/dev/null; ls /usr/sbin/policy-rc.d* 2>/dev/null; true"); got != "" {
		t.Errorf("started, or a policy is left: %q", got)
	}
	a.want(t, "ensure: 1 -> purged", a.pack("starter", "purged"))
	a.want(t, "ensure: absent -> 1", a.pack("starter", "installed"))
	if got := a.n.in(t, "cat /started"); got != "start" {
		t.Errorf("started: %q", got)
	}
}

// A policy that a run which died has left is no policy of the node's, which comes back.
func (a *apt) startsAfterACrash(t *testing.T) {
	a.n.write(t, "/usr/sbin/policy-rc.d", "#!/bin/sh\n# made by apply for one transaction of packages\nexit 101\n")
	a.n.write(t, "/usr/sbin/policy-rc.d.before-apply", "#!/bin/sh\n# the node's own\nexit 0\n")
	a.n.in(t, "chmod 755 /usr/sbin/policy-rc.d*")
	a.want(t, "ensure: 1 -> purged", a.pack("starter", "purged"))
	a.want(t, "ensure: absent -> 1", a.pack("starter", "installed", func(p *pkg.Package) { p.Autostart = false }))
	if diff := cmp.Diff("start", a.n.in(t, "cat /started")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff("/usr/sbin/policy-rc.d\n# the node's own", a.n.in(t, "ls /usr/sbin/policy-rc.d*; grep own /usr/sbin/policy-rc.d")); diff != "" {
		t.Error(diff)
	}
	a.n.in(t, "rm /usr/sbin/policy-rc.d")
}

// Somebody else holds the lock: that is waited for, and told.
func (a *apt) locked(t *testing.T) {
	lock, err := os.OpenFile(filepath.Join(a.n.dir, "var/lib/dpkg/lock-frontend"), os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := unix.FcntlFlock(lock.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}); err != nil {
		t.Fatal(err)
	}
	defer a.n.showProcesses(t)()
	me := fmt.Sprintf("held by process %d (%s)", os.Getpid(), strings.TrimSpace(run(t, "cat", fmt.Sprintf("/proc/%d/comm", os.Getpid()))))

	p := a.pack("tool", "1.0")
	d, err := p.Check(t.Context(), a.n)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	late := &onRun{Host: a.n, before: func() func(host.Cmd) {
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
	released := &onRun{Host: a.n, before: func(c host.Cmd) {
		if slices.Contains(c.Args, "install") {
			if tries++; tries == 2 {
				lock.Close()
			}
		}
	}}
	if err := p.Apply(t.Context(), released, d); err != nil {
		t.Fatal(err)
	}
	_, notes := converge(t, a.n, p)
	if !strings.Contains(strings.Join(notes, "\n"), me) {
		t.Errorf("notes: %q", notes)
	}
	a.want(t, "ensure: 1.0 -> 2.0", a.pack("tool", "latest"))
}

// dpkg was killed between its steps, or between two writes of its database.
func (a *apt) interrupted(t *testing.T) {
	a.n.in(t, "dpkg --unpack /srv/one/pool/tool_1.0_all.deb")
	notes := a.want(t, "ensure: unconfigured 1.0 -> 1.0", a.pack("tool", "installed"))
	if !strings.Contains(strings.Join(notes, "\n"), "repaired by dpkg --configure -a") {
		t.Errorf("notes: %q", notes)
	}
	a.n.write(t, "/var/lib/dpkg/updates/0000", a.n.in(t, "dpkg-query -s tool | sed 's/^Status:.*/Status: install ok half-configured/'")+"\n")
	notes = a.want(t, "ensure: unconfigured 1.0 -> 1.0", a.pack("tool", "installed"))
	if !strings.Contains(strings.Join(notes, "\n"), "an earlier dpkg was interrupted: repaired") {
		t.Errorf("notes: %q", notes)
	}
	a.want(t, "ensure: 1.0 -> 2.0", a.pack("tool", "2.0"))
	for _, left := range []struct{ ensure, want string }{{"installed", "ensure: unconfigured 1 -> 1"}, {"1", "ensure: unconfigured 1 -> 1"}, {"absent", "ensure: unconfigured 1 -> absent"}} {
		a.n.in(t, "touch /etc/dies; dpkg -i /srv/one/pool/mortal_1_all.deb || true") // and is left half-installed, which dpkg --configure does not mend
		a.want(t, left.want, a.pack("mortal", left.ensure))
		a.n.in(t, "dpkg --purge mortal")
	}
}

// A package comes from a file.
func (a *apt) fromFile(t *testing.T) {
	name, err := rp.Package{Name: "local", Version: "3.1"}.Deb(t.Context(), filepath.Join(a.n.dir, "srv"))
	if err != nil {
		t.Fatal(err)
	}
	from := func(p *pkg.Package) { p.Source = "/srv/" + filepath.Base(name) }
	a.want(t, "ensure: absent -> 3.1", a.pack("local", "installed", from))
	a.want(t, "", a.pack("local", "installed", from))
}

// A version comes back.
func (a *apt) undoes(t *testing.T) {
	p := a.pack("tool", "1.0")
	d, err := p.Check(t.Context(), a.n)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := p.Before(t.Context(), a.n, d)
	if err != nil {
		t.Fatal(err)
	}
	a.want(t, "ensure: 2.0 -> 1.0", p)
	if err := pkg.Type().New("tool").(*pkg.Package).Restore(t.Context(), a.n, kept); err != nil {
		t.Fatal(err)
	}
	a.want(t, "", a.pack("tool", "2.0"))
}

// Lists are fetched of the source that changed, and of no other; a pin decides about versions; what is absent leaves nothing.
func (a *apt) refreshes(t *testing.T) {
	a.n.debs(t, a.key, "two", rp.Package{Name: "tool", Version: "9"}, rp.Package{Name: "other", Version: "1"})
	r := repo.Type().New("two").(*repo.Repo)
	r.Uris, r.Suites, r.Components, r.SignedBy = resources.Strings{"file:/srv/two"}, resources.Strings{"stable"}, resources.Strings{"main"}, resources.Scalar(a.key.Armored)
	old := a.n.in(t, "stat -c '%Y %i' /var/lib/apt/lists/_srv_one_*")
	converge(t, a.n, r)
	a.types = pkg.Type()
	a.want(t, "ensure: absent -> installed", a.pack("other", "installed"))
	if diff := cmp.Diff(old, a.n.in(t, "stat -c '%Y %i' /var/lib/apt/lists/_srv_one_*")); diff != "" {
		t.Errorf("lists of a source that did not change: %s", diff)
	}
	a.want(t, "ensure: 2.0 -> 9", a.pack("tool", "latest"))
	r.Pin = &preferences.Pin{Packages: "tool", Pin: "version 1.5", Priority: "1001"}
	converge(t, a.n, r)
	if got := a.n.in(t, "apt-cache policy tool | grep Candidate"); got != "Candidate: 1.5" {
		t.Errorf("with a pin: %q", got)
	}
	r.Ensure = "absent"
	converge(t, a.n, r)
	if got := a.n.in(t, "ls /etc/apt/sources.list.d /etc/apt/preferences.d /var/lib/apt/lists | grep two; true"); got != "" {
		t.Errorf("left: %q", got)
	}
	a.n.debs(t, a.key, "three", rp.Package{Name: "tool", Version: "10"})
	r = repo.Type().New("three").(*repo.Repo)
	r.Uris, r.Suites, r.Components, r.SignedBy = resources.Strings{"file:/srv/three"}, resources.Strings{"stable"}, resources.Strings{"main"}, resources.Scalar(a.key.Armored)
	converge(t, a.n, r)
	a.types = pkg.Type()
	a.want(t, "ensure: 9 -> 10", a.pack("tool", "latest")) // though nothing is to be installed by the lists that are there
	r.Ensure = "absent"
	converge(t, a.n, r)
}

// What comes from a source that cannot be fetched is refused with its name, and all else goes on.
func (a *apt) unfetched(t *testing.T) {
	r := repo.Type().New("gone").(*repo.Repo)
	// An address that nobody listens at: to apt-get update that is a success unless it is told otherwise.
	r.Uris, r.Suites, r.Components = resources.Strings{"http://127.0.0.1:9/gone"}, resources.Strings{"stable"}, resources.Strings{"main"}
	converge(t, a.n, r)
	a.types = pkg.Type()
	a.want(t, "ensure: 1 -> absent", a.pack("sound", "absent")) // a removal needs no lists
	refuse(t, a.n, a.pack("sound", "installed"), "gone.sources", "apt-get update")
}
