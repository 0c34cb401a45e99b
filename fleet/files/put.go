// Package files brings files and folders to nodes, whole or not at all: what is received is verified by SHA-256 beside its place and then
// renamed into it. On the nodes it needs a POSIX shell, tar, find, mktemp, mv -T and sha256sum, nothing of this program.
//
// A single file, and a folder that is not there yet, come by one rename. A folder that is there is added to, file by file, each old or new.
package files

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nodeapply/apply/fleet"
	"github.com/nodeapply/apply/fleet/shell"
	"github.com/nodeapply/apply/fleet/transport"
)

// Bundle is what is to be brought to nodes. It may be used by several goroutines.
type Bundle struct {
	entries []entry
	sums    []byte
	tops    int
}

// entry is one file of a bundle.
type entry struct {
	file    string // here; "" where it has content instead
	content []byte
	header  tar.Header
}

// NewBundle takes up files and folders, each under the last element of its name; links below them stay links. Named pipes and devices are refused.
// Of a folder whose name ends in /. it is what it holds that is brought, as by cp -r.
func NewBundle(sources []string) (*Bundle, error) {
	b := &Bundle{tops: len(sources)}
	seen := map[string]bool{}
	for _, src := range sources {
		if last := filepath.Base(src); last == "." || last == ".." {
			if b.tops = 0; len(sources) > 1 {
				return nil, fmt.Errorf("%s: what a folder holds is brought alone, not beside other sources", src)
			}
		}
		abs, err := filepath.Abs(src)
		if err != nil {
			return nil, err
		}
		top := filepath.Base(abs)
		if seen[top] || top == "/" {
			return nil, fmt.Errorf("%s: cannot be brought as %q: the name is taken or empty", src, top)
		}
		seen[top] = true
		if abs, err = filepath.EvalSymlinks(abs); err != nil {
			return nil, err
		}
		if err := b.add(abs, top); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (b *Bundle) add(root, top string) error {
	return filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		return b.entry(file, path.Join("data", top, filepath.ToSlash(rel)), info)
	})
}

// Tree takes up a folder as top, with what is in it, without what begins with a dot and what is neither a file, a folder nor a link.
func Tree(dir, top string) (*Bundle, error) {
	b := &Bundle{tops: 1}
	size := int64(0)
	return b, filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if file != dir && strings.HasPrefix(d.Name(), ".") {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if t := d.Type(); !t.IsRegular() && !t.IsDir() && t != fs.ModeSymlink {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if size += info.Size(); size > maxTree {
			return fmt.Errorf("%s: over the limit of %d MiB for a manifest with all that is in its folder", dir, maxTree>>20)
		}
		rel, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		return b.entry(file, path.Join("data", top, filepath.ToSlash(rel)), info)
	})
}

// maxTree bounds what a manifest brings with it.
const maxTree = 256 << 20

// With returns the bundle with one more file, readable by its owner alone. The bundle itself stays as it is.
func (b *Bundle) With(name string, content []byte) *Bundle {
	h := tar.Header{Name: name, Mode: 0o600, Size: int64(len(content)), Typeflag: tar.TypeReg, Format: tar.FormatPAX}
	sum := sha256.Sum256(content)
	return &Bundle{
		entries: append(slices.Clip(b.entries), entry{content: content, header: h}),
		sums:    append(slices.Clip(b.sums), sumLine(hex.EncodeToString(sum[:]), name)...), tops: b.tops,
	}
}

// And returns both bundles as one.
func (b *Bundle) And(more *Bundle) *Bundle {
	return &Bundle{entries: slices.Concat(b.entries, more.entries), sums: slices.Concat(b.sums, more.sums), tops: b.tops + more.tops}
}

func (b *Bundle) entry(file, name string, info fs.FileInfo) error {
	target := ""
	switch {
	case info.Mode().IsRegular():
		sum, err := hashFile(file)
		if err != nil {
			return err
		}
		b.sums = append(b.sums, sumLine(sum, name)...)
	case info.Mode()&fs.ModeSymlink != 0:
		var err error
		if target, err = os.Readlink(file); err != nil {
			return err
		}
	case !info.IsDir():
		return fmt.Errorf("%s: is neither a file, a folder nor a link", file)
	}
	h, err := tar.FileInfoHeader(info, target)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if h.Name = name; info.IsDir() {
		h.Name += "/"
	}
	h.Uid, h.Gid, h.Uname, h.Gname, h.Format = 0, 0, "", "", tar.FormatPAX
	b.entries = append(b.entries, entry{file: file, header: *h})
	return nil
}

func hashFile(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// sumLine is a line as sha256sum writes it.
func sumLine(sum, name string) string {
	escaped := strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`).Replace(name)
	if escaped != name {
		sum = `\` + sum
	}
	return sum + "  " + escaped + "\n"
}

// putScript receives a bundle. $1 is where to, $2 how many sources there are, 0 for what a folder holds. What runs that died have left is removed after an hour.
const putScript = shell.Full + `set -eu
umask 077
dst=$1
case $dst in /*) ;; *) dst=$PWD/$dst ;; esac
into=
but=
named=
case $dst in */) named=1 ;; esac
if [ "$2" = 0 ]; then
	but='-mindepth 1'
elif [ -d "$dst" ] || [ "$named" ] || [ "$2" -gt 1 ]; then
	into=1
fi
if [ "$into" ] || [ -d "$dst" ]; then dir=$dst; else dir=$(dirname -- "$dst"); fi
if [ "$into$named" ] && [ ! -d "$dir" ]; then (umask 022 && mkdir -p -- "$dir"); fi
find "$dir" -maxdepth 1 -type d -name '.apply-put.??????????' -user "$(id -u)" -mmin +60 -exec rm -rf -- {} +
stage=$(mktemp -d -- "$dir/.apply-put.XXXXXXXXXX")
trap 'rm -rf -- "$stage"' EXIT
trap 'exit 129' HUP INT TERM PIPE
cd -- "$stage"
tar -xpof - || full .
if [ -s SUMS ]; then sha256sum -c SUMS >/dev/null; fi
sync -f . 2>/dev/null || sync
merge() {
	(cd -- "$1" && find . $but -type d -exec sh -ec 't=$1; shift; for d; do [ -d "$t/$d" ] || mkdir -- "$t/$d"; chmod "$(stat -c %a -- "$d")" "$t/$d"; done' folders "$2" {} + &&
	find . ! -type d -exec sh -ec 't=$1; shift; for f; do mv -fT -- "$f" "$t/$f"; done' files "$2" {} +)
}
for f in data/* data/.[!.]* data/..?*; do
	[ -e "$f" ] || [ -L "$f" ] || continue
	if [ "$into" ]; then target=${dir%/}/${f#data/}; else target=$dst; fi
	if [ -d "$f" ] && [ ! -L "$f" ] && [ -d "$target" ]; then merge "$f" "$target"; else mv -fT -- "$f" "$target"; fi
done
sync -f "$dir" 2>/dev/null || sync`

// Tops is how many sources it has, or 0 for what a folder holds.
func (b *Bundle) Tops() int { return b.tops }

// Put brings the bundle to a node, as cp -r would: into dst where that is a folder, ends in / or there are several sources, else as dst. What a folder holds
// goes to dst itself.
func (b *Bundle) Put(ctx context.Context, c transport.Conn, dst string) error {
	script := shell.Line([]string{"sh", "-c", putScript, "put", dst, fmt.Sprint(b.tops)})
	return b.Send(ctx, c, transport.Command{Line: script})
}

// Send runs a script that reads the bundle as a tar archive: SUMS, then the sources below data/. A code other than 0 is a *fleet.JobError with
// the first lines that the command wrote to standard error.
func (b *Bundle) Send(ctx context.Context, c transport.Conn, cmd transport.Command) error {
	r, w := io.Pipe()
	written := make(chan error, 1)
	go func() {
		err := b.write(w)
		w.CloseWithError(err)
		written <- err
	}()
	var said fleet.Said
	cmd.Script, cmd.Stdin, cmd.Stderr = true, r, &said
	exit, err := c.Run(ctx, cmd)
	r.Close()
	sent := <-written
	switch {
	case err != nil && ctx.Err() != nil:
		return err
	case sent != nil && !errors.Is(sent, io.ErrClosedPipe):
		return &fleet.JobError{Err: sent}
	case exit.Code != 0:
		return said.Failure(exit)
	}
	return err
}
