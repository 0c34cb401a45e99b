// Package fetch brings files and folders from nodes to the seat, whole or not at all: what came is verified by SHA-256 beside its place and then renamed into
// it. On the nodes it needs a POSIX shell, tar, find and sha256sum. Nothing that a node sends can lead out of the folder that is for it.
package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/fleet"
	"github.com/nodeapply/apply/fleet/shell"
	"github.com/nodeapply/apply/fleet/transport"
)

// getScript sends what is at $1: its checksums, then the files, as one archive. A file that the kernel makes up when it is read has no size by which tar could
// take it: a copy of it is sent.
const getScript = shell.Full + `set -eu
umask 077
src=$1
if [ -L "$src" ]; then src=$(readlink -f -- "$src"); fi
if [ ! -e "$src" ]; then echo "$1: no such file or folder" >&2; exit 1; fi
tmp=$(mktemp -d)
trap 'rm -rf -- "$tmp"' EXIT
trap 'exit 129' HUP INT TERM PIPE
cd -- "$(dirname -- "$src")"
base=./$(basename -- "$src")
case $PWD/ in /proc/* | /sys/*) if [ -f "$base" ]; then mkdir "$tmp/copy" && cp -p -- "$base" "$tmp/copy/" && cd "$tmp/copy"; fi ;; esac
find "$base" -type f -exec sha256sum -b -- {} + >"$tmp/SUMS" || full "$tmp" "${tmp%/*}: "
tar -cf - -C "$tmp" SUMS -C "$PWD" "$base"`

// maxSums bounds the list of checksums that a node may send.
const maxSums = 64 << 20

// Get fetches src from a node as dir/NODE/BASE, where BASE is the last element of src. What was there is replaced by it as a whole.
func Get(ctx context.Context, c transport.Conn, node, src, dir string) (err error) {
	named := strings.TrimSuffix(strings.TrimRight(src, "/"), "/.") // FOLDER/. is the folder
	base := path.Base(named)
	if base == "/" || base == "." || base == ".." {
		return &fleet.JobError{Err: fmt.Errorf("%s: has no last element to be named by", src)}
	}
	home := filepath.Join(dir, node)
	if err := os.MkdirAll(home, 0o755); err != nil {
		return &fleet.JobError{Err: fmt.Errorf("%s: %w", filepath.Join(dir, "NODE"), reason(err))}
	}
	stage, err := os.MkdirTemp(home, ".apply-get.")
	if err != nil {
		return &fleet.JobError{Err: fmt.Errorf("%s: %w", dir, reason(err))}
	}
	defer func() {
		if err = errors.Join(err, os.RemoveAll(stage)); err != nil {
			_ = os.Remove(home) // where nothing is in it
		}
	}()
	if err := receive(ctx, c, named, stage); err != nil {
		return err
	}
	if err := install(filepath.Join(stage, "data"), filepath.Join(home, base)); err != nil {
		return &fleet.JobError{Err: err}
	}
	return nil
}

// errUnwanted is what the node's part sees when nothing more of it is wanted.
var errUnwanted = errors.New("it is not wanted")

// receive runs the node's part and unpacks what comes into stage.
func receive(ctx context.Context, c transport.Conn, src, stage string) error {
	r, w := io.Pipe()
	unpacked := make(chan error, 1)
	go func() {
		err := unpack(r, stage)
		if err == nil {
			r.Close()
		} else {
			r.CloseWithError(errUnwanted)
		}
		unpacked <- err
	}()
	var said fleet.Said
	exit, err := c.Run(ctx, transport.Command{Line: shell.Line([]string{"sh", "-c", getScript, "get", src}), Script: true, Stdout: w, Stderr: &said})
	w.CloseWithError(err) // what ended the node's part also ends what came of it
	bad := <-unpacked
	switch {
	case err != nil && ctx.Err() != nil:
		return err
	case err == nil && exit.Code != 0:
		return said.Failure(exit)
	case bad != nil && (err == nil || errors.Is(err, errUnwanted)):
		return &fleet.JobError{Err: bad}
	}
	return err
}

// install puts a fetched file or folder in its place, by one rename.
func install(from, to string) error {
	f, err := os.Open(filepath.Dir(from))
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(to), reason(err))
	}
	defer f.Close()
	if err := unix.Syncfs(int(f.Fd())); err != nil {
		return fmt.Errorf("%s: %w", to, err)
	}
	if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
		return os.Rename(from, to)
	}
	if err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_EXCHANGE); err != nil {
		return fmt.Errorf("%s: %w", to, err)
	}
	return nil
}
