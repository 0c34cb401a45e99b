package conflict_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/catalog/conflict"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/host/unitfile"
)

// unitTree are the unit files of a node.
const unitTree = `
-- usr/lib/systemd/system/nginx.service --
[Service]
ExecStartPre=/usr/sbin/nginx -t
ExecStart=/usr/sbin/nginx
-- usr/lib/systemd/system/nginx-debug.service --
[Service]
ExecStart=/usr/sbin/nginx-debug
-- usr/lib/systemd/system/ssh.service --
[Service]
EnvironmentFile=-/etc/default/ssh
ExecStart=/usr/sbin/sshd -D
-- usr/lib/systemd/system/cron.service --
[Service]
EnvironmentFile=-/etc/default/cron
ExecStart=/usr/sbin/cron -f
-- usr/lib/systemd/system/nftables.service --
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/nft -f /etc/nftables.conf
-- usr/lib/systemd/system/backup.service --
[Service]
Type=oneshot
ExecStart=/usr/bin/backup -c /etc/backup.conf
-- usr/lib/systemd/system/backup.timer --
[Timer]
OnCalendar=daily
-- usr/lib/systemd/system/worker@.service --
[Service]
ExecStart=/usr/bin/worker --config=/etc/worker/%i.yaml --load /etc/worker/parts
-- etc/systemd/system/worker@.service.d/a.conf --
[Service]
ExecStart=
ExecStart=/usr/bin/worker -c/etc/worker/%i.toml --load "/etc/worker/parts" --certs /etc/ssl/certs
`

// owners is a package database.
func owners(_ context.Context, file func(p *conflict.Package, name string)) error {
	for _, p := range []struct{ name, source, files string }{
		{"base-files", "base-files", "/etc /etc/default"},
		{"nginx", "nginx", "/etc /usr/lib/systemd/system/nginx.service /usr/lib/systemd/system/nginx-debug.service /etc/logrotate.d /etc/logrotate.d/nginx /etc/default/nginx /usr/share/nginx"},
		{"nginx-common", "nginx", "/etc /etc/nginx /etc/nginx/nginx.conf /etc/nginx/conf.d"},
		{"libnginx-mod-stream", "libnginx-mod-stream", "/etc /etc/nginx"},
		{"openssh-server", "openssh", "/etc /lib/systemd/system/ssh.service /etc/ssh /etc/ssh/sshd_config.d /etc/default/ssh /etc/pam.d/sshd"},
		{"openssh-client", "openssh", "/etc /etc/ssh /etc/ssh/ssh_config"},
		{"cron", "cron", "/etc /usr/lib/systemd/system/cron.service /etc/crontab /etc/cron.d"},
		{"nftables", "nftables", "/etc /usr/lib/systemd/system/nftables.service /etc/nftables.conf /etc/nftables"},
		{"openssl", "openssl", "/etc/ssl /etc/ssl/certs"},
		{"ca-certificates", "ca-certificates", "/etc/ssl /etc/ssl/certs"},
	} {
		for name := range strings.FieldsSeq(p.files) {
			file(&conflict.Package{Name: p.name, Source: p.source}, name)
		}
	}
	return nil
}

// unitsOf reads the unit files of a node.
func unitsOf(t *testing.T, tree string) conflict.Units {
	h := hosttest.New(t, tree)
	return func(name string, declared map[string]string) conflict.Unit {
		u, err := unitfile.Read(unitfile.Declared{FileReader: h, Files: declared}, name)
		if err != nil {
			t.Error(err)
		}
		return conflict.Unit{File: u.File, Names: u.Names(), Program: u.Program(), Oneshot: u.Type() == "oneshot", Remains: u.Remains()}
	}
}

func TestNotifies(t *testing.T) {
	running := func(names ...string) string {
		s := ""
		for _, name := range names {
			s += "service \"" + name + "\" { ensure = \"running\" }\n"
		}
		return s
	}
	file := func(name string, more ...string) string {
		return "file \"" + name + "\" {\n content = \"x\"\n " + strings.Join(more, "\n") + "\n}\n"
	}
	const app = "file \"/etc/systemd/system/app.service\" {\n content = \"[Service]\\nExecStart=/opt/app/run --config /etc/app/app.yaml\\n\"\n notify = [service.app]\n}\n"
	const unit = "file \"/etc/systemd/system/nginx.service\" {\n content = \"[Service]\\nExecStart=/usr/sbin/nginx\\n\"\n}\n"
	want := func(places, service string) []string {
		return []string{places + " no notify of a service: notify = [" + service + "]"}
	}
	nginx, ssh := running("nginx"), running("ssh")
	for _, test := range []struct {
		name, manifest, module string
		want                   []string
	}{
		{name: "a package's file", manifest: nginx + file("/etc/nginx/nginx.conf"), want: want("2 1", "service.nginx")},
		{name: "in a package's folder", manifest: nginx + file("/etc/nginx/sites/a"), want: want("2 1", "service.nginx")},
		{name: "notified", manifest: nginx + file("/etc/nginx/a", "notify = [service.nginx]")},
		{name: "subscribed", manifest: "service \"nginx\" {\n ensure = \"running\"\n subscribe = [file[\"/etc/nginx/a\"]]\n}\n" + file("/etc/nginx/a")},
		{name: "only ordered", manifest: nginx + file("/etc/nginx/a", "before = [service.nginx]"), want: want("2 1", "service.nginx")},
		{name: "notified through another", manifest: nginx + file("/etc/nginx/a", "notify = [file[\"/run/a\"]]") + file("/run/a", "notify = [service.nginx]")},
		{name: "a command is told", manifest: nginx + "exec \"nginx -s reload\" { refreshonly = true }\n" + file("/etc/nginx/a", "notify = [exec[\"nginx -s reload\"]]")},
		{name: "a command comes after", manifest: nginx + file("/etc/nginx/a") + "exec \"true\" { require = [file[\"/etc/nginx/a\"]] }", want: want("2 1", "service.nginx")},
		{name: "another service is told", manifest: running("nginx", "ssh") + file("/etc/nginx/a", "notify = [service.ssh]"), want: []string{"3 1 no notify of a service: service.nginx"}},
		{name: "one of a package's services is told", manifest: running("nginx", "nginx-debug") + file("/etc/nginx/a", "notify = [service.nginx]")},
		{name: "all instances", manifest: nginx + "file \"f\" {\n for_each = toset([\"a\", \"b\"])\n path = \"/etc/nginx/${each.key}\"\n content = \"\"\n}", want: want("2 1", "service.nginx")},
		{name: "all instances are notified by", manifest: nginx + "file \"f\" {\n for_each = toset([\"a\", \"b\"])\n path = \"/etc/nginx/${each.key}\"\n content = \"\"\n notify = [service.nginx]\n}"},
		{name: "a line", manifest: nginx + "line \"l\" {\n path = \"/etc/nginx/nginx.conf\"\n line = \"a\"\n}", want: want("2 1", "service.nginx")},
		{name: "a folder with all that is in it", manifest: nginx + "file \"/etc/nginx\" {\n source = \"/srv/m\"\n recurse = true\n}", want: want("2 1", "service.nginx")},
		{name: "a folder", manifest: nginx + "file \"/etc/nginx/b\" { ensure = \"directory\" }\nfile \"/etc/nginx/nginx.conf\" { mode = \"0644\" }"},
		{name: "absent", manifest: nginx + `file "/etc/nginx/a" { ensure = "absent" }`},
		{name: "given once", manifest: nginx + file("/etc/nginx/a", "replace = false")},
		{name: "a file that is not managed", manifest: nginx + file("/etc/nginx/a", "when = false") + file("/etc/nginx/b", "noop = true")},
		{name: "a service that is stopped", manifest: `service "nginx" { ensure = "stopped" }` + "\n" + file("/etc/nginx/a")},
		{name: "a service that is as it is", manifest: `service "nginx" { enable = true }` + "\n" + file("/etc/nginx/a")},
		{name: "a service that is not managed", manifest: "service \"nginx\" {\n ensure = \"running\"\n when = false\n}\n" + file("/etc/nginx/a")},
		{name: "a service that is not there", manifest: running("apache2") + file("/etc/apache2/a")},
		{name: "of a package and not below /etc", manifest: nginx + file("/usr/share/nginx/index.html")},
		{name: "folders of all", manifest: nginx + file("/etc/logrotate.d/nginx") + file("/etc/logrotate.d/a") + file("/etc/default/nginx") + file("/etc/a")},
		{name: "in a module", manifest: `module "m" { source = "./m" }` + "\n" + file("/etc/nginx/a"), module: nginx, want: want("2 1", "module.m.service.nginx")},
		{name: "into a module", manifest: nginx + `module "m" { source = "./m" }`, module: file("/etc/nginx/a"), want: want("1 1", "service.nginx")},
		{name: "a module is notified", manifest: "module \"m\" { source = \"./m\" }\n" + file("/etc/nginx/a", "notify = [module.m]"), module: nginx},

		{name: "a server's file in a folder of two", manifest: ssh + file("/etc/ssh/sshd_config"), want: want("2 1", "service.ssh")},
		{name: "a server's own folder", manifest: ssh + file("/etc/ssh/sshd_config.d/a.conf"), want: want("2 1", "service.ssh")},
		{name: "a client's files", manifest: ssh + file("/etc/ssh/ssh_config") + file("/etc/ssh/ssh_known_hosts") + file("/etc/pam.d/sshd")},
		{name: "an environment", manifest: ssh + file("/etc/default/ssh"), want: want("2 1", "service.ssh")},
		{name: "what looks itself", manifest: running("cron") + file("/etc/crontab") + file("/etc/cron.d/a")},
		{name: "what looks itself, but not there", manifest: running("cron") + file("/etc/default/cron"), want: want("2 1", "service.cron")},
		{name: "an argument of what remains", manifest: running("nftables") + file("/etc/nftables.conf"), want: want("2 1", "service.nftables")},
		{name: "in a folder of what remains", manifest: running("nftables") + file("/etc/nftables/a")},
		{name: "what reads at each start", manifest: running("backup", "backup.timer") + file("/etc/backup.conf") + file("/usr/lib/systemd/system/backup.timer")},

		{name: "a drop-in's argument", manifest: running("worker@a") + file("/etc/worker/a.toml") + file("/etc/worker/a.yaml") + file("/etc/worker/b.toml"), want: want("2 1", `service["worker@a"]`)},
		{name: "a folder as argument", manifest: running("worker@a") + file("/etc/worker/parts/a") + file("/etc/ssl/certs/a.pem"), want: want("2 1", `service["worker@a"]`)},
		{name: "a program", manifest: running("worker@a") + file("/usr/bin/worker"), want: want("2 1", `service["worker@a"]`)},
		{name: "a program's folder", manifest: running("worker@a") + "file \"/usr/bin\" {\n source = \"/srv/m\"\n recurse = true\n}"},
		{name: "a drop-in", manifest: running("worker@a") + file("/etc/systemd/system/worker@.service.d/b.conf"), want: want("2 1", `service["worker@a"]`)},
		{name: "a unit", manifest: nginx + unit, want: want("2 1", "service.nginx")},
		{name: "a unit with a source", manifest: nginx + "file \"/etc/systemd/system/nginx.service\" { source = \"/srv/m\" }", want: want("2 1", "service.nginx")},
		{name: "a package's file of a unit of one's own", manifest: nginx + unit + file("/etc/nginx/a"), want: append(want("2 1", "service.nginx"), want("5 1", "service.nginx")...)},
		{name: "a declared unit", manifest: running("app") + app},
		{name: "a declared unit's argument", manifest: running("app") + app + file("/etc/app/app.yaml"), want: want("6 1", "service.app")},
		{name: "the folder of a declared unit's argument", manifest: running("app") + app + "file \"/etc/app\" {\n source = \"/srv/m\"\n recurse = true\n}", want: want("6 1", "service.app")},
		{name: "a declared drop-in's argument", manifest: nginx + "file \"/etc/systemd/system/nginx.service.d/a.conf\" {\n content = \"[Service]\\nEnvironmentFile=/opt/env\\n\"\n notify = [service.nginx]\n}\n" + file("/opt/env"), want: want("6 1", "service.nginx")},
	} {
		t.Run(test.name, func(t *testing.T) {
			problems, err := conflict.Find(t.Context(), compile(t, test.manifest, test.module), owners, unitsOf(t, unitTree))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range problems {
				got = append(got, told(p))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
