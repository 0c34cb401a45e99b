package unitfile_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/host/unitfile"
)

// What a unit gives its processes by name is known of each way to write it.
func TestNames(t *testing.T) {
	for _, test := range []struct{ name, settings, want string }{
		{"a program", "ExecStart=/bin/app", "/bin/app"},
		{"a program with a prefix", "ExecStart=-/bin/app", "/bin/app"},
		{"an argument", "ExecStart=/bin/app -c /etc/a", "/bin/app /etc/a"},
		{"an option's value", "ExecStart=/bin/app --config=/etc/a -c/etc/b", "/bin/app /etc/a /etc/b"},
		{"a list", "ExecStart=/bin/app -f /etc/a,/etc/b", "/bin/app /etc/a /etc/b"},
		{"an address", "ExecStart=/bin/app file:/etc/a http://h/etc", "/bin/app /etc/a"},
		{"quoted", `ExecStart=/bin/sh -c ". '/etc/a'; exec app"`, "/bin/sh /etc/a"},
		{"a folder", "ExecStart=/bin/app /etc/a.d/", "/bin/app /etc/a.d"},
		{"not absolute", "ExecStart=/bin/app ./a b/c -x", "/bin/app"},
		{"several lines", "ExecStart=/bin/app \\\n  /etc/a", "/bin/app /etc/a"},
		{"the instance's", "ExecStart=/bin/app /etc/%i/%p.conf", "/bin/app /etc/one/app.conf"},
		{"set anew", "ExecStart=/bin/app /etc/a\nExecStart=\nExecStart=/bin/app /etc/b", "/bin/app /etc/b"},
		{"a check", "ExecStart=/bin/app\nExecStartPre=/bin/check /etc/a", "/bin/app /etc/a"},
		{"a reload", "ExecStart=/bin/app\nExecReload=/bin/again /etc/a", "/bin/app /etc/a"},
		{"a stop", "ExecStart=/bin/app\nExecStop=/bin/stop /etc/a", "/bin/app"},
		{"an environment", "EnvironmentFile=-/etc/default/app\nEnvironment=\"CONFIG=/etc/a\" B=b", "/etc/a /etc/default/app"},
		{"a credential", "LoadCredential=key:/etc/key", "/etc/key"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := hosttest.New(t, "-- etc/systemd/system/app@.service --\n[Service]\n"+test.settings+"\n")
			u, err := unitfile.Read(h, "app@one.service")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, strings.Join(u.Names(), " ")); diff != "" {
				t.Error(diff)
			}
			if strings.HasPrefix(test.want, "/bin/app") && u.Program() != "/bin/app" {
				t.Errorf("program %q", u.Program())
			}
		})
	}
}

// What is declared counts as if it was there: whole files, drop-ins beside the node's, and folders that the node has not.
func TestDeclared(t *testing.T) {
	const node = "-- usr/lib/systemd/system/app.service --\n[Service]\nExecStart=/bin/a\n-- etc/systemd/system/app.service.d/b.conf --\n[Service]\nEnvironment=B=/b\n"
	for _, test := range []struct {
		name, node string
		declared   map[string]string
		want       string
	}{
		{"nothing", node, nil, "/usr/lib/systemd/system/app.service: /bin/a /b"},
		{"another file", node, map[string]string{"/etc/systemd/system/app.service": "[Service]\nExecStart=/bin/c\n"}, "/etc/systemd/system/app.service: /bin/c /b"},
		{"a drop-in", node, map[string]string{"/etc/systemd/system/app.service.d/a.conf": "[Service]\nEnvironment=A=/a\n"}, "/usr/lib/systemd/system/app.service: /bin/a /a /b"},
		{"another drop-in", node, map[string]string{"/etc/systemd/system/app.service.d/b.conf": "[Service]\nEnvironment=B=/c\n"}, "/usr/lib/systemd/system/app.service: /bin/a /c"},
		{"all", "", map[string]string{"/etc/systemd/system/app.service": "[Service]\nExecStart=/bin/c\n", "/etc/systemd/system/app.service.d/b.conf": "[Service]\nEnvironment=B=/c\n"},
			"/etc/systemd/system/app.service: /bin/c /c"},
	} {
		t.Run(test.name, func(t *testing.T) {
			u, err := unitfile.Read(unitfile.Declared{FileReader: hosttest.New(t, test.node), Files: test.declared}, "app.service")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, u.File+": "+strings.Join(u.Names(), " ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}
