package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/e2e/lab"
	"github.com/nodeapply/apply/e2e/lab/image"
)

// TestSite takes a node through the life of examples/site: it is made, drifts, gets other data, is undone, and proved.
func TestSite(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	ctx := t.Context()
	base, err := image.Base(ctx)
	if err != nil {
		t.Fatal(err)
	}
	debs, err := image.Download(ctx, base, "openssh-server", "sudo", "nginx")
	if err != nil {
		t.Fatal(err)
	}
	r, err := l.AptRepo(ctx, debs...)
	if err != nil {
		t.Fatal(err)
	}
	nodes, err := l.Boot(ctx, lab.Spec{Name: "web01", Image: base})
	if err != nil {
		t.Fatal(err)
	}
	x := newExample(t, nodes[0], "site")
	if err := nodes[0].Put(ctx, "/etc/apt/lab.asc", []byte(r.Key), 0o644); err != nil {
		t.Fatal(err)
	}
	x.sh(fmt.Sprintf("echo 'deb [signed-by=/etc/apt/lab.asc] %s stable main' > /etc/apt/sources.list; useradd -m -u 2003 eve", r.URL))

	if code, _, all := x.run("plan"); code != 2 || x.sh("ls -d /home/eve; ls -d /home/ann /srv/www 2>&1 | grep -c cannot") != "/home/eve\n2" {
		t.Fatalf("plan: exit code %d\n%s", code, all)
	}
	if code, changed, all := x.run(); code != 2 {
		t.Fatalf("first run: exit code %d\n%s\n%s", code, strings.Join(changed, "\n"), all)
	}
	served := func(name, port string) string { // what nginx says of a site, by the file that is in its root
		return x.sh(fmt.Sprintf(`echo %[1]s > /srv/www/%[1]s/index.html 2>/dev/null; bash -c 'exec 3<>/dev/tcp/127.0.0.1/%[2]s; printf "GET / HTTP/1.0\r\nHost: %[1]s\r\n\r\n" >&3 && tail -n 1 <&3' 2>/dev/null || echo nobody`, name, port))
	}
	is := func(when, blog, shop string) {
		t.Helper()
		if diff := cmp.Diff([]string{blog, shop}, []string{served("blog.example.com", "80"), served("shop.example.com", "8080")}); diff != "" {
			t.Errorf("%s: %s", when, diff)
		}
	}
	is("first run", "blog.example.com", "shop.example.com")
	x.sh("sudo -l -U ann | grep -q NOPASSWD; sshd -T | grep -qx 'passwordauthentication no'; grep -q ann@laptop /home/ann/.ssh/authorized_keys; ! id eve 2>/dev/null; ! test -e /home/eve")
	if code, changed, all := x.run(); code != 0 || changed != nil {
		t.Fatalf("second run: exit code %d, %v\n%s", code, changed, all)
	}
	x.repairs([]drift{
		{"a site edited", "sed -i 's/8080/81/' /etc/nginx/sites-enabled/shop.example.com", "grep -q 8080 /etc/nginx/sites-enabled/shop.example.com",
			[]string{`module.web.file.site["shop.example.com"]=changed`, "module.web.exec.check=refreshed", "module.web.service.nginx=refreshed"}},
		{"another site", "touch /etc/nginx/sites-enabled/other", "! test -e /etc/nginx/sites-enabled/other",
			[]string{`module.web.file["/etc/nginx/sites-enabled"]=changed`, "module.web.exec.check=refreshed", "module.web.service.nginx=refreshed"}},
		{"another root", "echo 'bob ALL=(ALL) ALL' > /etc/sudoers.d/bob", "! test -e /etc/sudoers.d/bob", []string{`module.people.file["/etc/sudoers.d"]=changed`}},
		{"passwords", "rm /etc/ssh/sshd_config.d/50-site.conf", "sshd -T | grep -qx 'passwordauthentication no'",
			[]string{`module.ssh.file["/etc/ssh/sshd_config.d/50-site.conf"]=changed`, "module.ssh.service.ssh=refreshed"}},
		{"a service stopped", "systemctl stop nginx", "systemctl is-active nginx", []string{"module.web.service.nginx=changed"}},
	})

	// A site is left out on this node. The undo reloads nginx by itself; the command that was notified, too, is the next run's.
	x.sh("printf 'sites:\\n  blog.example.com: {}\\n' > " + exampleDir + "/data/web01.yaml")
	if code, _, all := x.run(); code != 2 {
		t.Errorf("a site is left out: exit code %d\n%s", code, all)
	}
	is("a site is left out", "blog.example.com", "nobody")
	x.sh("apply undo")
	is("undone", "blog.example.com", "shop.example.com")
	x.sh("rm " + exampleDir + "/data/web01.yaml")
	for _, want := range [][]string{{"module.web.exec.check=refreshed", "module.web.service.nginx=refreshed"}, nil} {
		if _, changed, _ := x.run(); !cmp.Equal(want, changed) {
			t.Errorf("after the undo: %s", cmp.Diff(want, changed))
		}
	}

	// A mistake in the data gets nowhere.
	x.sh("printf 'ssh_port: many\\n' > " + exampleDir + "/data/web01.yaml")
	if code, _, all := x.run(); code != 1 || !strings.Contains(all, "number") {
		t.Errorf("a port that is none: exit code %d\n%s", code, all)
	}
	x.sh("printf 'ssh_port: 99999\\n' > " + exampleDir + "/data/web01.yaml")
	if code, changed, _ := x.run(); code != 4 || len(changed) != 2 || !strings.Contains(changed[0], "Badly formatted port number") {
		t.Errorf("a port that sshd refuses: exit code %d, %v", code, changed)
	}
	x.sh("rm " + exampleDir + "/data/web01.yaml; sshd -t; systemctl is-active ssh")
	if out := x.sh("apply prove " + exampleDir + "/main.hcl"); strings.Contains(out, "refuted") {
		t.Error(out)
	}
	if out := x.sh("apply validate " + exampleDir + "/main.hcl 2>&1"); strings.Contains(out, "Warning") {
		t.Error(out)
	}
	untold(t, x, nodes[0])
}

// untold has services of real packages whose files change without a notify.
func untold(t *testing.T, x *example, n *lab.Node) {
	t.Helper()
	manifest := `service "nginx" { ensure = "running" }
service "ssh" { ensure = "running" }
file "/etc/nginx/conf.d/a.conf" { content = "" }
line "port" {
  path = "/etc/ssh/sshd_config"
  line = "Port 22"
}
file "/etc/ssh/ssh_known_hosts" { content = "" }
file "/etc/logrotate.d/nginx" { content = "" }
file "/etc/default/ssh" { content = "" }
`
	if err := n.Put(t.Context(), "/root/untold.hcl", []byte(manifest), 0o644); err != nil {
		t.Fatal(err)
	}
	want := "/root/untold.hcl:3,\nnotify = [service.nginx]\n/root/untold.hcl:4,\nnotify = [service.ssh]\n/root/untold.hcl:10,\nnotify = [service.ssh]"
	for _, command := range []string{"validate", "prove --orders 1"} {
		got := x.sh("apply " + command + " /root/untold.hcl 2>&1 | grep -o '^  /root/untold.hcl:[0-9]*,\\|^    notify = .*' | sed 's/^ *//'")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", command, diff)
		}
	}
}
