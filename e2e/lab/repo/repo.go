package repo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nodeapply/apply/e2e/lab/sealed"
)

// Key is a signing key made for a test, without a passphrase.
type Key struct {
	Armored string // the public key
	home    string
}

// NewKey makes a key in the folder home, which must exist, be empty and stay as long as the key is used.
func NewKey(ctx context.Context, home string) (*Key, error) {
	k := &Key{home: home}
	if err := os.Chmod(home, 0o700); err != nil {
		return nil, err
	}
	if _, err := k.gpg(ctx, "", "gpg", "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", "lab", "rsa2048", "sign", "never"); err != nil {
		return nil, err
	}
	var err error
	k.Armored, err = k.gpg(ctx, "", "gpg", "--batch", "--armor", "--export")
	return k, err
}

// gpg runs a command that signs with the key, in the folder dir. The home is mounted at a short name, since gpg-agent's socket is in it
// and the name of a socket has at most 107 bytes.
func (k *Key) gpg(ctx context.Context, dir string, argv ...string) (stdout string, err error) {
	const script = `mount --bind "$1" /mnt; shift; GNUPGHOME=/mnt exec "$@"`
	return sealed.Run(ctx, dir, append([]string{"sh", "-ec", script, "gpg", k.home}, argv...)...)
}

// Apt puts packages into the apt repository of the folder dir, which is made if need be, and signs it anew. Versions that it had
// already stay. Its suite is "stable", its component "main".
func Apt(ctx context.Context, dir string, key *Key, debs ...string) error {
	if err := copyInto(filepath.Join(dir, "pool"), debs); err != nil {
		return err
	}
	arch, err := sealed.Run(ctx, "", "dpkg", "--print-architecture")
	if err != nil {
		return err
	}
	arch = strings.TrimSpace(arch)
	index, err := sealed.Run(ctx, dir, "apt-ftparchive", "packages", "pool")
	if err != nil {
		return err
	}
	if err := writeTree(dir, map[string]string{"/dists/stable/main/binary-" + arch + "/Packages": index}); err != nil {
		return err
	}
	dist := filepath.Join(dir, "dists", "stable")
	inRelease := filepath.Join(dist, "InRelease")
	before, err := os.Stat(inRelease)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// The release file must not list its own older self.
	for _, name := range []string{"Release", "Release.gpg", "InRelease"} {
		if err := os.RemoveAll(filepath.Join(dist, name)); err != nil {
			return err
		}
	}
	const option = "APT::FTPArchive::Release::"
	release, err := sealed.Run(ctx, dist, "apt-ftparchive", "-o", option+"Origin=lab", "-o", option+"Suite=stable",
		"-o", option+"Codename=stable", "-o", option+"Components=main", "-o", option+"Architectures="+arch, "release", ".")
	if err != nil {
		return err
	}
	if err := writeTree(dist, map[string]string{"/Release": release}); err != nil {
		return err
	}
	if _, err := key.gpg(ctx, dist, "gpg", "--batch", "--armor", "--detach-sign", "--output", "Release.gpg", "Release"); err != nil {
		return err
	}
	if _, err = key.gpg(ctx, dist, "gpg", "--batch", "--clear-sign", "--output", "InRelease", "Release"); err != nil || before == nil {
		return err
	}
	return newer(inRelease, before.ModTime())
}

// newer sees to it that a file that was published again is newer than it was by the second: apt, and HTTP, know no finer time, and would keep the old one.
func newer(name string, old time.Time) error {
	st, err := os.Stat(name)
	if err != nil {
		return err
	}
	if least := old.Truncate(time.Second).Add(time.Second); st.ModTime().Before(least) {
		return os.Chtimes(name, time.Time{}, least)
	}
	return nil
}

// Yum signs packages and puts them into the yum repository of the folder dir, which is made if need be, and signs it anew. Versions
// that it had already stay.
func Yum(ctx context.Context, dir string, key *Key, rpms ...string) error {
	packages := filepath.Join(dir, "Packages")
	if err := copyInto(packages, rpms); err != nil {
		return err
	}
	for _, rpm := range rpms {
		if _, err := key.gpg(ctx, packages, "rpmsign", "--define", "_gpg_name lab", "--define", "_gpg_path /mnt", "--define", "__gpg /usr/bin/gpg",
			"--addsign", filepath.Base(rpm)); err != nil {
			return err
		}
	}
	if _, err := sealed.Run(ctx, dir, "createrepo_c", "--quiet", "."); err != nil {
		return err
	}
	_, err := key.gpg(ctx, filepath.Join(dir, "repodata"), "gpg", "--batch", "--yes", "--armor", "--detach-sign", "repomd.xml")
	return err
}

func copyInto(dir string, files []string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, name := range files {
		if err := copyFile(filepath.Join(dir, filepath.Base(name)), name); err != nil {
			return fmt.Errorf("repository: %w", err)
		}
	}
	return nil
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
