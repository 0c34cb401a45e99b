package all_test

import (
	"strings"
	"testing"

	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/authkey"
	"github.com/nodeapply/apply/resources/cron"
	"github.com/nodeapply/apply/resources/hosts"
	"github.com/nodeapply/apply/resources/line"
	"github.com/nodeapply/apply/resources/mount"
	"github.com/nodeapply/apply/resources/repo"
	"github.com/nodeapply/apply/resources/repo/preferences"
	"github.com/nodeapply/apply/resources/sysctl"
)

const sshKey = "AAAAC3NzaC1lZDI1NTE5AAAAIDtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"

// What flags of chattr(1) forbid is told by a check of every type that writes files, before anything is touched, and only where something is to be written.
func TestFlagsAreTold(t *testing.T) {
	const tree = `-- etc/passwd --
bob:x:1000:1000::/home/bob:/bin/sh
ann:x:1001:1000::/home/ann:/bin/sh
-- etc/group --
bob:x:1000:
-- etc/hosts --
10.0.0.1 there
-- etc/fstab --
none /srv tmpfs defaults 0 0
-- etc/conf --
there
-- etc/sysctl.d/99-zz-apply-kernel.panic.conf --
kernel.panic = 5
-- proc/sys/kernel/panic --
9
-- etc/apt/sources.list.d/old.sources --
Types: deb
URIs: http://e
Suites: s/
-- etc/apt/preferences.d/ --
-- srv/ --
-- home/ann/ --
-- home/bob/.ssh/authorized_keys --
-- var/spool/cron/crontabs/bob --
# apply: there
@daily there
`
	for name, tc := range map[string]struct {
		flag, at string
		r        resources.Resource
		want     string // where the error of the check is about; "": none, it is as declared
	}{
		"line":                         {"i", "etc/conf", &line.Line{Path: "/etc/conf", Line: "new", Ensure: "present"}, "/etc/conf"},
		"line, as declared":            {"i", "etc/conf", &line.Line{Path: "/etc/conf", Line: "there", Ensure: "present"}, ""},
		"line, in a folder that grows": {"a", "etc", &line.Line{Path: "/etc/conf", Line: "there", Ensure: "absent"}, "/etc/conf"},
		"host":                         {"a", "etc", &hosts.Host{Name: "new", IP: "10.0.0.2", Target: "/etc/hosts", Ensure: "present"}, "/etc/hosts"},
		"host that goes":               {"a", "etc/hosts", &hosts.Host{Name: "there", Target: "/etc/hosts", Ensure: "absent"}, "/etc/hosts"},
		"host, as declared":            {"a", "etc", &hosts.Host{Name: "there", IP: "10.0.0.1", Target: "/etc/hosts", Ensure: "present"}, ""},
		"sysctl":                       {"i", "etc/sysctl.d", &sysctl.Sysctl{Name: "kernel.panic", Value: "9", Persist: true}, "/etc/sysctl.d/99-zz-apply-kernel.panic.conf"},
		"sysctl that is not kept":      {"a", "etc/sysctl.d", &sysctl.Sysctl{Name: "kernel.panic", Value: "9"}, "/etc/sysctl.d/99-zz-apply-kernel.panic.conf"},
		"cron":                         {"a", "var/spool/cron/crontabs", &cron.Cron{Name: "new", User: "root", Command: "new", Special: "daily", Ensure: "present"}, "/var/spool/cron/crontabs/root"},
		"cron, another time":           {"i", "var/spool/cron/crontabs/bob", &cron.Cron{Name: "there", User: "bob", Command: "there", Special: "hourly", Ensure: "present"}, "/var/spool/cron/crontabs/bob"},
		"cron, as declared":            {"i", "var/spool/cron/crontabs/bob", &cron.Cron{Name: "there", User: "bob", Command: "there", Special: "daily", Ensure: "present"}, ""},
		"authorized_key":               {"a", "home/bob/.ssh", &authkey.Key{Name: "new", User: "bob", Type: "ssh-ed25519", Key: sshKey, Ensure: "present"}, "/home/bob/.ssh/authorized_keys"},
		"authorized_key, no folder":    {"a", "home/ann", &authkey.Key{Name: "new", User: "ann", Type: "ssh-ed25519", Key: sshKey, Ensure: "present"}, "/home/ann/.ssh"},
		"mount":                        {"a", "etc", &mount.Mount{Path: "/new", Device: "none", FSType: "tmpfs", Ensure: "present"}, "/etc/fstab"},
		"mount, mounted alone":         {"a", "etc", &mount.Mount{Path: "/srv", Ensure: "mounted"}, ""},
		"repo":                         {"i", "etc/apt/sources.list.d", &repo.Repo{Name: "new", Provider: "apt", Ensure: "present", Uris: resources.Strings{"http://e"}, Suites: resources.Strings{"s/"}}, "/etc/apt/sources.list.d/new.sources"},
		"repo, its pin":                {"i", "etc/apt/preferences.d", &repo.Repo{Name: "old", Provider: "apt", Ensure: "present", Pin: &preferences.Pin{Packages: "*", Priority: "1"}}, "/etc/apt/preferences.d/old.pref"},
		"repo that goes":               {"a", "etc/apt/sources.list.d", &repo.Repo{Name: "old", Provider: "apt", Ensure: "absent"}, "/etc/apt/sources.list.d/old.sources"},
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, tree)
			if _, err := tc.r.Check(t.Context(), h); err != nil {
				t.Fatalf("without the flag: %v", err)
			}
			h.Flag(tc.flag, tc.at)
			_, err := tc.r.Check(t.Context(), h)
			if tc.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if want := tc.want + ": operation not permitted: "; err == nil || !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), "`chattr -"+tc.flag+"`") {
				t.Errorf("want %q, got %v", want, err)
			}
		})
	}
}
