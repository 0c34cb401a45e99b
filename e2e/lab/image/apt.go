package image

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nodeapply/apply/e2e/lab/sealed"
	"github.com/nodeapply/apply/host/osrelease"
)

// Download returns the names of cached .deb files: the packages and all that they depend on and the image has not.
func Download(ctx context.Context, img Image, packages ...string) (debs []string, err error) {
	dir, err := download(ctx, img, packages)
	if err != nil {
		return nil, err
	}
	return filepath.Glob(filepath.Join(dir, "*.deb"))
}

// download returns the folder of the files of Download.
func download(ctx context.Context, img Image, packages []string) (dir string, err error) {
	packages = slices.Sorted(slices.Values(packages))
	key := keyOf(append([]string{img.key}, packages...)...)
	return cached(ctx, "debs", key, func(ctx context.Context, dir string) error {
		archives := filepath.Join(dir, "archives")
		if err := os.MkdirAll(filepath.Join(archives, "partial"), 0o755); err != nil {
			return err
		}
		// apt resolves against the image, not against this machine: the image's dpkg status is the only thing of it that apt reads.
		args := append([]string{
			"-o", "Dir::State::status=" + filepath.Join(img.Layers[0], "var/lib/dpkg/status"),
			"-o", "Dir::Cache::archives=" + archives,
			"install", "-qq", "-y", "--download-only", "--no-install-recommends", "--",
		}, packages...)
		if err := apt(ctx, args...); err != nil {
			return err
		}
		debs, err := filepath.Glob(filepath.Join(archives, "*.deb"))
		if err != nil {
			return err
		}
		tree := filepath.Join(dir, "tree")
		err = os.Mkdir(tree, 0o755)
		for _, deb := range debs {
			err = errors.Join(err, os.Rename(deb, filepath.Join(tree, filepath.Base(deb))))
		}
		return err
	})
}

// aptConf keeps apt away from the machine's own lists, third-party sources and hooks; its proxies and keys stay in force.
const aptConf = `Dir::Etc::sourcelist "%[1]s/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::State::lists "%[1]s/lists";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "3";
#clear APT::Update;
APT::Update::Error-Mode "any";
#clear DPkg::Post-Invoke;
#clear Acquire::IndexTargets::deb::DEP-11;
#clear Acquire::IndexTargets::deb::DEP-11-icons;
`

// apt runs apt-get on this machine with lists of its own. Lists that are missing or too old to download from are renewed once.
func apt(ctx context.Context, args ...string) error {
	state := filepath.Join(Cache(), "apt")
	held, err := lock(ctx, state+".lock")
	if err != nil {
		return err
	}
	defer held.Close()
	if err := os.MkdirAll(filepath.Join(state, "lists/partial"), 0o755); err != nil {
		return err
	}
	sources, _, err := debianSources(ctx)
	if err != nil {
		return err
	}
	conf := filepath.Join(state, "apt.conf")
	if err := errors.Join(
		os.WriteFile(filepath.Join(state, "sources.list"), []byte(sources), 0o644),
		os.WriteFile(conf, fmt.Appendf(nil, aptConf, state), 0o644),
	); err != nil {
		return err
	}
	argv := []string{"apt-get", "-c", conf}
	if _, err := sealed.Run(ctx, "", append(slices.Clone(argv), args...)...); err == nil {
		return nil
	}
	if _, err := sealed.Run(ctx, "", append(slices.Clone(argv), "update", "-qq")...); err != nil {
		return err
	}
	_, err = sealed.Run(ctx, "", append(slices.Clone(argv), args...)...)
	return err
}

// debianSources returns those of the machine's apt sources that are Debian's own, as lines of a sources.list, and the release.
func debianSources(ctx context.Context) (lines, release string, err error) {
	osRelease, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return "", "", err
	}
	release = osrelease.Parse(string(osRelease))["VERSION_CODENAME"]
	out, err := sealed.Run(ctx, "", "apt-get", "indextargets", "--format", "deb $(REPO_URI) $(RELEASE) $(COMPONENT)",
		"Created-By: Packages", "Origin: Debian")
	if err != nil {
		return "", "", err
	}
	if release == "" || !strings.Contains(out, " "+release+" main") {
		return "", "", fmt.Errorf("apt sources: no index of Debian %q main; run apt-get update", release)
	}
	return out, release, nil
}
