// Package image makes and caches the root file systems that lab nodes boot from: Debian trees of the machine's own release,
// fetched from the machine's own apt sources.
//
// The cache is $APPLY_LAB_CACHE, else $XDG_CACHE_HOME/apply-lab, else /var/cache/apply-lab. An entry is complete or absent, and
// processes that want the same entry at the same time wait for the one that builds it.
package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/nodeapply/apply/e2e/lab/sealed"
	"github.com/nodeapply/apply/exchange/durable"
)

// recipe is part of every cache key: raise it when the way an image is made changes.
const recipe = "1"

// basePackages are what every node has beside Debian's essential packages.
var basePackages = []string{
	"systemd", "systemd-sysv", "dbus", "udev", "iproute2", "util-linux", "e2fsprogs", "apt", "ca-certificates",
	"procps", "gpgv", "iputils-ping",
}

// Image is a root file system made of read-only layers.
type Image struct {
	// Layers are the folders of the tree as overlayfs wants them: the uppermost first.
	Layers []string
	key    string
}

// Base returns the image that has systemd, dbus, udev, iproute2, e2fsprogs, apt, gpgv, procps and ping, and no apt sources.
func Base(ctx context.Context) (Image, error) {
	key := keyOf(append([]string{"base"}, basePackages...)...)
	dir, err := cached(ctx, "images", key, buildBase)
	return Image{Layers: []string{dir}, key: key}, err
}

// With returns the base image with more packages installed, their services enabled as Debian does, none of them ever started.
func With(ctx context.Context, packages ...string) (Image, error) {
	base, err := Base(ctx)
	if err != nil || len(packages) == 0 {
		return base, err
	}
	debs, err := download(ctx, base, packages)
	if err != nil {
		return Image{}, err
	}
	return base.extend(ctx, debs, installDebs)
}

const installDebs = `
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
apt-get install -qq -y --no-install-recommends -o APT::Sandbox::User=root -o Dpkg::Options::=--force-unsafe-io /mnt/*.deb
rm /usr/sbin/policy-rc.d
`

// extend returns the image with what a shell script changes in it, run by root in the image with the folder files at /mnt
// unless that is "". The cache knows the result by the script and the name of the folder.
func (img Image) extend(ctx context.Context, files, script string) (Image, error) {
	key := keyOf(img.key, files, script)
	dir, err := cached(ctx, "images", key, func(ctx context.Context, dir string) error {
		_, err := sealed.Run(ctx, dir, "sh", "-ec", layerScript, "layer", strings.Join(img.Layers, ":"), files, script)
		return err
	})
	return Image{Layers: append([]string{dir}, img.Layers...), key: key}, err
}

// layerScript makes the layer as the folder tree, which is what an overlay keeps of the changes; the mounts vanish with the namespaces
// it runs in. $1 are the layers below, $2 a folder for /mnt or "", $3 the script to run inside.
const layerScript = `
mkdir tree work root
mount -t overlay overlay -o "lowerdir=$1,upperdir=tree,workdir=work" root
mount -t proc proc root/proc
mount --rbind /dev root/dev
mount -t tmpfs tmpfs root/tmp
test -z "$2" || mount --bind "$2" root/mnt
chroot root sh -ec "$3"
`

// Cache returns the cache folder.
func Cache() string {
	if dir := os.Getenv("APPLY_LAB_CACHE"); dir != "" {
		return dir
	}
	if dir := os.Getenv("XDG_CACHE_HOME"); dir != "" {
		return filepath.Join(dir, "apply-lab")
	}
	return "/var/cache/apply-lab"
}

func keyOf(parts ...string) string {
	sum := sha256.Sum256([]byte(recipe + "\x00" + strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:8])
}

// cached returns the folder Cache/kind/key, made by build if it is not there yet. What build leaves as dir/tree becomes the
// folder; the rest of dir is scratch.
func cached(ctx context.Context, kind, key string, build func(ctx context.Context, dir string) error) (string, error) {
	final := filepath.Join(Cache(), kind, key)
	if _, err := os.Stat(final); err == nil {
		return final, nil
	}
	held, err := lock(ctx, final+".lock")
	if err != nil {
		return "", err
	}
	defer held.Close()
	if _, err := os.Stat(final); !errors.Is(err, fs.ErrNotExist) {
		return final, err
	}
	// Whoever holds the lock owns the half-made tree that a killed process may have left.
	tmp := final + ".tmp"
	if err := os.RemoveAll(tmp); err != nil {
		return "", err
	}
	if err := os.Mkdir(tmp, 0o755); err != nil {
		return "", err
	}
	err = build(ctx, tmp)
	if err == nil {
		err = os.Rename(filepath.Join(tmp, "tree"), final)
	}
	if err := errors.Join(err, os.RemoveAll(tmp)); err != nil {
		return "", fmt.Errorf("image: %s %s: %w", kind, key, err)
	}
	return final, nil
}

// lock takes an exclusive lock on the file name, waiting until ctx ends; closing the file gives it back.
func lock(ctx context.Context, name string) (io.Closer, error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return nil, err
	}
	return durable.Lock(ctx, name)
}

func buildBase(ctx context.Context, dir string) error {
	sources, release, err := debianSources(ctx)
	if err != nil {
		return err
	}
	tree, list := filepath.Join(dir, "tree"), filepath.Join(dir, "sources.list")
	if err := os.WriteFile(list, []byte(sources), 0o644); err != nil {
		return err
	}
	if _, err := sealed.Run(ctx, "", "mmdebstrap", "--quiet", "--mode=root", "--format=directory", "--variant=minbase",
		"--include="+strings.Join(basePackages, ","),
		"--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*",
		"--dpkgopt=path-exclude=/usr/share/locale/*", "--dpkgopt=force-unsafe-io",
		release, tree, list); err != nil {
		return err
	}
	return tidyBase(tree)
}

// tidyBase takes away what ties a fresh tree to the network it was made in, and the timers that would take apt's lock at some
// random moment of a test.
func tidyBase(dir string) error {
	var errs []error
	for _, pattern := range []string{
		"etc/apt/sources.list", "etc/apt/sources.list.d/*", "etc/resolv.conf", "etc/hostname",
		"etc/dpkg/dpkg.cfg.d/*mmdebstrap*",
		"etc/systemd/system/timers.target.wants/apt-daily*", "etc/systemd/system/timers.target.wants/e2scrub*",
	} {
		names, err := filepath.Glob(filepath.Join(dir, pattern))
		errs = append(errs, err)
		for _, name := range names {
			errs = append(errs, os.Remove(name))
		}
	}
	return errors.Join(errs...)
}
