package conflict_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/catalog/conflict"
	"github.com/nodeapply/apply/manifest"
	"github.com/nodeapply/apply/resources/all"
)

// compile makes a catalog of a manifest and of the module ./m that it may call.
func compile(t testing.TB, text, module string) *catalog.Catalog {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"main.hcl": text, "m/main.hcl": module} {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r, diags := manifest.Compile(t.Context(), filepath.Join(dir, "main.hcl"), manifest.Options{Types: all.Linked(nil), Shown: "main.hcl"})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return r.Catalog
}

// node is a package database.
func node(_ context.Context, file func(p *conflict.Package, name string)) error {
	for _, p := range []struct {
		conflict.Package
		files string
	}{
		{conflict.Package{Name: "base-files", Source: "base-files", Essential: true}, "/etc /usr /var /opt /bin/sh /etc/skel"},
		{conflict.Package{Name: "nginx", Arch: "amd64", Source: "nginx"}, "/usr /usr/sbin/nginx /usr/lib/systemd/system/nginx.service /etc/logrotate.d"},
		{conflict.Package{Name: "nginx-common", Arch: "all", Source: "nginx"}, "/etc /etc/nginx /etc/nginx/nginx.conf /etc/logrotate.d /var/www"},
		{conflict.Package{Name: "logrotate", Source: "logrotate"}, "/etc /etc/logrotate.d"},
		{conflict.Package{Name: "zsh", Source: "zsh"}, "/bin/zsh /etc/zsh"},
		{conflict.Package{Name: "cron", Source: "cron"}, "/var/spool/cron/crontabs"},
		{conflict.Package{Name: "pgsql", Source: "pgsql"}, "/var/lib/pgsql"},
	} {
		for name := range strings.FieldsSeq(p.files) {
			file(&p.Package, name)
		}
	}
	return nil
}

// told writes a problem as "LINE LINE summary: the line that is missing".
func told(p catalog.Problem) string {
	s := fmt.Sprintf("%d %d %s", p.Pos.Line, p.Also[0].Line, p.Summary)
	if _, patch, ok := strings.Cut(p.Detail, "\n\n"); ok {
		s += ": " + strings.TrimSpace(patch)
	}
	return s
}

const noOrder = " no order between two resources: "

func TestFind(t *testing.T) {
	const nginx, key = "package \"nginx\" {}\n", "AAAAC3NzaC1lZDI1NTE5AAAAIDtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
	for _, test := range []struct {
		name, manifest, module string
		want                   []string
	}{
		{name: "a package's file", manifest: nginx + `file "/etc/nginx/nginx.conf" { content = "" }`, want: []string{"2 1" + noOrder + "require = [package.nginx]"}},
		{name: "in a package's folder", manifest: nginx + `file "/etc/nginx/a/b" { ensure = "absent" }`, want: []string{"2 1" + noOrder + "require = [package.nginx]"}},
		{name: "in a folder of several packages", manifest: nginx + `file "/etc/logrotate.d/nginx" { content = "" }`},
		{name: "ordered", manifest: nginx + "file \"/etc/nginx/a\" {\n content = \"\"\n require = [package.nginx]\n}"},
		{name: "ordered the other way", manifest: nginx + "file \"/etc/nginx/a\" {\n content = \"\"\n before = [package.nginx]\n}"},
		{name: "ordered on a long way", manifest: nginx + "exec \"true\" { require = [package.nginx] }\nfile \"/etc/nginx/a\" {\n content = \"\"\n require = [exec.true]\n}"},
		{name: "ordered by the folder", manifest: nginx + "file \"/etc/nginx\" {\n ensure = \"directory\"\n require = [package.nginx]\n}\nfile \"/etc/nginx/a\" { content = \"\" }"},
		{name: "only the folder of what is in it", manifest: nginx + "file \"/etc/nginx\" { ensure = \"directory\" }\nfile \"/etc/nginx/a\" { content = \"\" }",
			want: []string{"2 1" + noOrder + "require = [package.nginx]"}},
		{name: "a require that is there", manifest: nginx + "user \"u\" {}\nfile \"/etc/nginx/a\" {\n content = \"\"\n require = [user.u]\n}", want: []string{"3 1" + noOrder + "package.nginx"}},
		{name: "a list of packages", manifest: "package \"web\" { name = [\"zsh\", \"nginx:amd64\"] }\nfile \"/usr/sbin/nginx\" { mode = \"0755\" }", want: []string{"2 1" + noOrder + "require = [package.web]"}},
		{name: "a package that is not installed", manifest: "package \"apache2\" {}\nfile \"/etc/apache2/a\" { content = \"\" }"},
		{name: "not managed", manifest: nginx + "file \"/etc/nginx/a\" {\n content = \"\"\n when = false\n}"},
		{name: "a line", manifest: nginx + "line \"a\" {\n path = \"/etc/nginx/nginx.conf\"\n line = \"a\"\n}", want: []string{"2 1" + noOrder + "require = [package.nginx]"}},
		{name: "a crontab", manifest: "package \"cron\" {}\ncron \"j\" { command = \"true\" }", want: []string{"2 1" + noOrder + "require = [package.cron]"}},
		{name: "a mount", manifest: "package \"pgsql\" {}\nmount \"/var/lib/pgsql\" {\n device = \"/dev/x\"\n ensure = \"mounted\"\n}", want: []string{"2 1" + noOrder + "before = [package.pgsql]"}},
		{name: "a service", manifest: nginx + `service "nginx" { ensure = "running" }`, want: []string{"2 1" + noOrder + "require = [package.nginx]"}},
		{name: "a service of a package that goes", manifest: "package \"nginx\" { ensure = \"absent\" }\nservice \"nginx\" { ensure = \"running\" }", want: []string{"2 1 needs what is removed"}},
		{name: "a service that stops before its package goes", manifest: "package \"nginx\" { ensure = \"absent\" }\nservice \"nginx\" {\n ensure = \"stopped\"\n before = [package.nginx]\n}"},
		{name: "a file of a package that goes", manifest: "package \"nginx-common\" { ensure = \"purged\" }\nfile \"/etc/nginx/nginx.conf\" { content = \"\" }\nfile \"/etc/nginx/x\" { content = \"\" }",
			want: []string{"2 1" + noOrder + "require = [package.nginx-common]"}},
		{name: "a shell", manifest: "package \"zsh\" {}\nuser \"u\" { shell = \"/usr/bin/zsh\" }", want: []string{"2 1" + noOrder + "require = [package.zsh]"}},
		{name: "what every node has", manifest: "package \"base-files\" {}\nuser \"u\" { shell = \"/bin/sh\" }\nfile \"/etc/skel/a\" { content = \"\" }"},
		{name: "a unit by its other name", manifest: nginx + `file "/lib/systemd/system/nginx.service" { mode = "0644" }`, want: []string{"2 1" + noOrder + "require = [package.nginx]"}},
		{name: "instances", manifest: "package \"p\" {\n for_each = toset([\"nginx\", \"zsh\"])\n name = each.key\n}\nfile \"f\" {\n for_each = toset([\"nginx\", \"zsh\"])\n path = \"/etc/${each.key}/f\"\n content = \"\"\n}",
			want: []string{"5 1" + noOrder + "require = [package.p]"}},
		{name: "one instance", manifest: "package \"p\" {\n for_each = toset([\"nginx\"])\n name = each.key\n}\nfile \"/etc/nginx/a\" { content = \"\" }", want: []string{"5 1" + noOrder + `require = [package.p["nginx"]]`}},
		{name: "from a module", manifest: "module \"x\" { source = \"./m\" }\nfile \"/etc/nginx/a\" { content = \"\" }", module: nginx, want: []string{"2 1" + noOrder + "require = [module.x.package.nginx]"}},
		{name: "into a module", manifest: nginx + `module "x" { source = "./m" }`, module: `file "/etc/nginx/a" { content = "" }`, want: []string{"1 1" + noOrder + "require = [package.nginx]"}},
		{name: "in one module", manifest: `module "x" { source = "./m" }`, module: nginx + `file "/etc/nginx/a" { content = "" }`, want: []string{"2 1" + noOrder + "require = [package.nginx]"}},

		{name: "a home", manifest: "user \"u\" {}\nfile \"/home/u/.profile\" { content = \"\" }", want: []string{"2 1" + noOrder + "require = [user.u]"}},
		{name: "the home itself", manifest: "user \"u\" {\n home = \"/srv/u\"\n managehome = true\n}\nfile \"/srv/u\" { ensure = \"directory\" }", want: []string{"5 1" + noOrder + "require = [user.u]"}},
		{name: "a home of its user's", manifest: "user \"u\" {}\nfile \"/home/u/.profile\" {\n content = \"\"\n owner = \"u\"\n}"},
		{name: "a service's home", manifest: "user \"www\" { home = \"/srv/www\" }\nfile \"/srv/www/index.html\" { content = \"\" }"},

		{name: "hosts", manifest: "file \"/etc/hosts\" { content = \"\" }\nhost \"a\" { ip = \"10.0.0.1\" }", want: []string{"2 1 written whole and in part"}},
		{name: "hosts, given once", manifest: "file \"/etc/hosts\" {\n content = \"\"\n replace = false\n}\nhost \"a\" { ip = \"10.0.0.1\" }"},
		{name: "hosts, sometimes", manifest: "file \"/etc/hosts\" {\n content = \"\"\n onlyif = \"true\"\n}\nhost \"a\" { ip = \"10.0.0.1\" }"},
		{name: "hosts, one less", manifest: "file \"/etc/hosts\" { content = \"\" }\nhost \"a\" { ensure = \"absent\" }"},
		{name: "fstab", manifest: "file \"/etc/fstab\" { content = \"\" }\nmount \"/a\" { device = \"/dev/x\" }", want: []string{"2 1 written whole and in part"}},
		{name: "fstab's mode", manifest: "file \"/etc/fstab\" { mode = \"0644\" }\nmount \"/a\" { device = \"/dev/x\" }", want: []string{"2 1" + noOrder + `require = [file["/etc/fstab"]]`}},
		{name: "crontab", manifest: "file \"/var/spool/cron/crontabs/u\" { content = \"\" }\ncron \"j\" {\n command = \"true\"\n user = \"u\"\n}", want: []string{"2 1 written whole and in part"}},
		{name: "repository", manifest: "file \"/etc/apt/sources.list.d/r.sources\" { content = \"\" }\nrepo \"r\" {\n provider = \"apt\"\n uris = \"http://r\"\n suites = \"s\"\n}", want: []string{"2 1 written whole and in part"}},
		{name: "keys", manifest: "user \"u\" {\n home = \"/srv/u\"\n managehome = true\n}\nfile \"/srv/u/.ssh/authorized_keys\" {\n content = \"\"\n owner = \"u\"\n}\nauthorized_key \"k\" {\n user = \"u\"\n key = \"" + key + "\"\n}",
			want: []string{"9 5 written whole and in part"}},
		{name: "a line", manifest: "file \"/opt/a\" { content = \"x\\ny\\n\" }\nline \"l\" {\n path = \"/opt/a\"\n line = \"z\"\n}", want: []string{"2 1 written whole and in part"}},
		{name: "a line that the content has", manifest: "file \"/opt/a\" { content = \"x\\ny\" }\nline \"l\" {\n path = \"/opt/a\"\n line = \"y\"\n}"},

		{name: "below what is absent", manifest: "file \"/opt/a\" {\n ensure = \"absent\"\n force = true\n}\nfile \"/opt/a/b/c\" { content = \"\" }\nfile \"/opt/a/d\" { ensure = \"absent\" }", want: []string{"5 1 removed again"}},
		{name: "purged, but what is managed there", manifest: "file \"/etc/sysctl.d\" {\n recurse = true\n purge = true\n}\nsysctl \"vm.swappiness\" { value = 1 }\nfile \"/etc/sysctl.d/a\" { content = \"\" }"},
		{name: "purged above", manifest: "file \"/etc\" {\n recurse = true\n purge = true\n}\nsysctl \"vm.swappiness\" { value = 1 }"},
		{name: "an absent owner", manifest: "user \"u\" { ensure = \"absent\" }\nfile \"/opt/a\" {\n content = \"\"\n owner = \"u\"\n}\nfile \"/opt/b\" {\n ensure = \"absent\"\n owner = \"u\"\n}", want: []string{"2 1 needs what is removed"}},
		{name: "a job of an absent user", manifest: "user \"u\" { ensure = \"absent\" }\ncron \"j\" {\n command = \"true\"\n user = \"u\"\n}\ncron \"k\" {\n ensure = \"absent\"\n user = \"u\"\n}", want: []string{"2 1 needs what is removed"}},
		{name: "a command of an absent user", manifest: "user \"u\" { ensure = \"absent\" }\nexec \"true\" {\n user = \"u\"\n before = [user.u]\n}"},
		{name: "an absent group", manifest: "group \"g\" { ensure = \"absent\" }\nuser \"u\" { groups = \"g\" }", want: []string{"2 1 needs what is removed"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			problems, err := conflict.Find(t.Context(), compile(t, test.manifest, test.module), node, nil)
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

// A message names both places, what is done to which thing, and what to write where.
func TestWords(t *testing.T) {
	c := compile(t, "package \"nginx\" {}\nfile \"f\" {\n  count = 3\n  path = \"/etc/nginx/${count.index}\"\n  content = \"\"\n}\n", "")
	problems, err := conflict.Find(t.Context(), c, node, nil)
	if err != nil || len(problems) != 1 {
		t.Fatal(problems, err)
	}
	want := "file.f[0] at main.hcl:2 writes /etc/nginx/0, in the folder /etc/nginx of nginx-common, which package.nginx at main.hcl:1 installs (and 2 more " +
		"resources of this block do likewise); nothing says which of the two comes first. Put into the block at main.hcl:2:\n\n  require = [package.nginx]"
	if diff := cmp.Diff(want, problems[0].Detail); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Without the database, the rest is told; and it is not asked for where no package is declared.
func TestDatabase(t *testing.T) {
	broken := errors.New("broken")
	for name, test := range map[string]struct {
		manifest string
		want     error
	}{
		"asked":     {"package \"nginx\" {}\n", broken},
		"not asked": {"", nil},
	} {
		c := compile(t, test.manifest+"user \"u\" {}\nfile \"/home/u/a\" { content = \"\" }\n", "")
		problems, err := conflict.Find(t.Context(), c, func(context.Context, func(*conflict.Package, string)) error { return broken }, nil)
		if len(problems) != 1 || !errors.Is(err, test.want) {
			t.Errorf("%s: %v, %v", name, problems, err)
		}
	}
}
