// Package repo makes synthetic Debian and RPM packages and signed repositories of packages, as folders that any HTTP server can
// serve (see lab.Lab.Serve).
package repo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nodeapply/apply/e2e/lab/sealed"
)

// Package describes a package that can be built in either format.
type Package struct {
	Name     string
	Version  string // upstream version, an RPM's release is 1: "1.2"
	Depends  []string
	Provides []string // further names that others may depend on

	// Files are contents by absolute path. Those that start with "#!" are executable, those in /etc are configuration files that
	// an upgrade keeps, and a unit in /usr/lib/systemd/system is, in a Debian package, enabled and started by installing it.
	Files map[string]string

	// Overwritten are those of Files in /etc that rpm replaces in an upgrade although they were changed (%config without noreplace).
	Overwritten []string

	// Scripts are bodies of shell scripts by Debian's names: preinst, postinst, prerm, postrm; in an RPM they become
	// %pre, %post, %preun and %postun.
	Scripts map[string]string
}

const unitDir = "/usr/lib/systemd/system/"

// Deb builds NAME_VERSION_all.deb in the folder dir and returns its name.
func (p Package) Deb(ctx context.Context, dir string) (name string, err error) {
	tree, err := os.MkdirTemp(dir, ".deb-")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tree)) }()
	if err := p.writeFiles(tree); err != nil {
		return "", err
	}
	control := fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: Lab <lab@example.invalid>\nDescription: lab package\n",
		p.Name, p.Version)
	if len(p.Depends) > 0 {
		control += "Depends: " + strings.Join(p.Depends, ", ") + "\n"
	}
	if len(p.Provides) > 0 {
		control += "Provides: " + strings.Join(p.Provides, ", ") + "\n"
	}
	meta := map[string]string{"/DEBIAN/control": control}
	if conffiles := p.conffiles(); len(conffiles) > 0 {
		meta["/DEBIAN/conffiles"] = strings.Join(conffiles, "\n") + "\n"
	}
	for script, body := range p.debScripts() {
		meta["/DEBIAN/"+script] = "#!/bin/sh\nset -e\n" + body + "\n"
	}
	if err := writeTree(tree, meta); err != nil {
		return "", err
	}
	name = filepath.Join(dir, fmt.Sprintf("%s_%s_all.deb", p.Name, strings.ReplaceAll(p.Version, ":", "%3a")))
	_, err = sealed.Run(ctx, "", "dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, name)
	return name, err
}

// debScripts adds to the package's scripts what debhelper adds for units.
func (p Package) debScripts() map[string]string {
	scripts := maps.Clone(p.Scripts)
	if scripts == nil {
		scripts = map[string]string{}
	}
	units := p.units()
	if len(units) == 0 {
		return scripts
	}
	names := strings.Join(units, " ")
	const running = "if [ -d /run/systemd/system ]; then\n\t%s\nfi\n"
	scripts["postinst"] += "\nif [ \"$1\" = configure ]; then\n\tdeb-systemd-helper enable " + names + " >/dev/null\nfi\n" +
		fmt.Sprintf(running, "systemctl daemon-reload\n\tdeb-systemd-invoke restart "+names+" >/dev/null || true")
	scripts["prerm"] += "\nif [ \"$1\" = remove ] && [ -d /run/systemd/system ]; then\n\tdeb-systemd-invoke stop " + names + " >/dev/null || true\nfi\n"
	scripts["postrm"] += "\nif [ \"$1\" = purge ]; then\n\tdeb-systemd-helper purge " + names + " >/dev/null || true\nfi\n" +
		fmt.Sprintf(running, "systemctl daemon-reload || true")
	return scripts
}

// RPM builds NAME-VERSION-1.noarch.rpm in the folder dir and returns its name.
func (p Package) RPM(ctx context.Context, dir string) (name string, err error) {
	top, err := os.MkdirTemp(dir, ".rpm-")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(top)) }()
	if err := p.writeFiles(filepath.Join(top, "SOURCES", "tree")); err != nil {
		return "", err
	}
	if err := writeTree(top, map[string]string{"/p.spec": p.spec()}); err != nil {
		return "", err
	}
	if _, err := sealed.Run(ctx, "", "rpmbuild", "--quiet", "-bb", "--define", "_topdir "+top, "--define", "_rpmdir "+top,
		"--define", "_build_name_fmt p.rpm", "--define", "_unitdir "+unitDir, filepath.Join(top, "p.spec")); err != nil {
		return "", err
	}
	name = filepath.Join(dir, fmt.Sprintf("%s-%s-1.noarch.rpm", p.Name, p.Version))
	return name, os.Rename(filepath.Join(top, "p.rpm"), name)
}

func (p Package) spec() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Name: %s\nVersion: %s\nRelease: 1\nSummary: lab package\nLicense: none\nBuildArch: noarch\nAutoReqProv: no\n",
		p.Name, p.Version)
	for _, dep := range p.Depends {
		fmt.Fprintf(&b, "Requires: %s\n", dep)
	}
	for _, name := range p.Provides {
		fmt.Fprintf(&b, "Provides: %s\n", name)
	}
	b.WriteString("%description\nlab package\n%install\nmkdir -p %{buildroot}\ncp -a %{_sourcedir}/tree/. %{buildroot}/\n")
	for _, s := range []struct{ deb, rpm string }{{"preinst", "pre"}, {"postinst", "post"}, {"prerm", "preun"}, {"postrm", "postun"}} {
		if body, ok := p.Scripts[s.deb]; ok {
			fmt.Fprintf(&b, "%%%s\n%s\n", s.rpm, body)
		}
	}
	b.WriteString("%files\n")
	for _, name := range slices.Sorted(maps.Keys(p.Files)) {
		switch {
		case slices.Contains(p.Overwritten, name):
			b.WriteString("%config ")
		case strings.HasPrefix(name, "/etc/"):
			b.WriteString("%config(noreplace) ")
		}
		fmt.Fprintf(&b, "%s\n", name)
	}
	return b.String()
}

func (p Package) conffiles() []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(p.Files)) {
		if strings.HasPrefix(name, "/etc/") {
			names = append(names, name)
		}
	}
	return names
}

func (p Package) units() []string {
	var units []string
	for _, name := range slices.Sorted(maps.Keys(p.Files)) {
		if path.Dir(name)+"/" == unitDir {
			units = append(units, path.Base(name))
		}
	}
	return units
}

func (p Package) writeFiles(tree string) error {
	return errors.Join(os.MkdirAll(tree, 0o755), os.Chmod(tree, 0o755), writeTree(tree, p.Files))
}

// writeTree writes files, by absolute path, below the folder root.
func writeTree(root string, files map[string]string) error {
	for name, content := range files {
		mode := fs.FileMode(0o644)
		if strings.HasPrefix(content, "#!") {
			mode = 0o755
		}
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, []byte(content), mode); err != nil {
			return err
		}
	}
	return nil
}
