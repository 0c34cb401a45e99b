// Package place installs what is brought to a node: an archive goes where cp -r would put what is in it, each file whole or not at all.
package place

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/nodeapply/apply/host"
)

// Place is where sources go on a node.
type Place struct {
	dir  string // absolute, there
	base string // "" where the sources go into dir under their own names, "." where what a folder holds does
}

// New finds, as cp -r would, where so many sources go: into dst where that is a folder, ends in / or there are several of them, else to dst itself, as does
// what a folder holds, for which tops is 0. A folder that is named so and is not there is made.
func New(ctx context.Context, h host.Host, dst string, tops int) (Place, error) {
	abs, err := filepath.Abs(dst)
	if err != nil {
		return Place{}, err
	}
	info, err := os.Stat(abs) // a link to a folder is one
	isDir := err == nil && info.IsDir()
	switch {
	case isDir && tops == 0:
		return Place{abs, "."}, nil
	case isDir:
		return Place{dir: abs}, nil
	}
	named := strings.HasSuffix(dst, "/")
	there := Place{dir: abs}
	if tops == 0 || tops == 1 && !named {
		there = Place{path.Dir(abs), path.Base(abs)}
	}
	if named || tops > 1 {
		return there, mkdirs(ctx, h, there.dir)
	}
	return there, nil
}

func mkdirs(ctx context.Context, h host.Host, name string) error {
	if _, err := os.Stat(name); err == nil || name == "/" {
		return nil
	}
	if err := mkdirs(ctx, h, path.Dir(name)); err != nil {
		return err
	}
	if err := h.Mkdir(ctx, name, host.Meta{}); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// file is an entry of an archive with the place of its content.
type file struct {
	*tar.Header
	offset int64
}

// Installation is an archive that is to be installed.
type Installation struct {
	archive *Spool
	tops    [][]file
	place   Place
}

// Open reads what is in an archive that is all there, and was verified: SUMS, then the sources below data/.
func (p Place) Open(archive *Spool) (*Installation, error) {
	tops, err := read(io.NewSectionReader(archive, 0, archive.size))
	return &Installation{archive, tops, p}, err
}

// target is where a source goes.
func (i *Installation) target(top []file) string {
	name := path.Base(path.Clean(top[0].Name))
	if i.place.base != "" {
		name = i.place.base
	}
	return path.Join(i.place.dir, name)
}

// Folders are those in which there may be temporary files while it is installed.
func (i *Installation) Folders() []string {
	folders := []string{i.place.dir}
	for _, top := range i.tops {
		target := i.target(top)
		if info, err := os.Stat(target); err != nil || !info.IsDir() {
			continue // comes by one rename
		}
		for _, f := range top {
			if f.Typeflag == tar.TypeDir {
				folders = append(folders, path.Join(target, strings.TrimPrefix(f.Name, top[0].Name)))
			}
		}
	}
	return folders
}

// Do puts what the archive holds at the place: a file, or a folder that is not there yet, by one rename; a folder that is there is added to, each file old
// or new. Where something else is in the way of any of it, nothing is touched.
func (i *Installation) Do(ctx context.Context, h host.Host) error {
	for _, top := range i.tops {
		if err := free(top, i.target(top)); err != nil {
			return err
		}
	}
	for _, top := range i.tops {
		if err := i.source(ctx, h, top, i.target(top)); err != nil {
			return err
		}
	}
	return nil
}

// free tells what is in the way of a source: a folder where a file is to be, or something else where a folder is.
func free(top []file, target string) error {
	for _, f := range top {
		name := path.Join(target, strings.TrimPrefix(f.Name, top[0].Name))
		info, err := os.Lstat(name)
		if err == nil && f.Typeflag == tar.TypeDir {
			info, err = os.Stat(name) // a link to a folder is one
		}
		switch {
		case errors.Is(err, fs.ErrNotExist) && name == target:
			return nil // with nothing in it
		case err != nil: // whoever writes there is told
		case f.Typeflag == tar.TypeDir && !info.IsDir():
			return fmt.Errorf("%s: is there and not a folder", name)
		case f.Typeflag != tar.TypeDir && info.IsDir():
			return fmt.Errorf("%s: is a folder, not a file", name)
		case f.Typeflag != tar.TypeDir && !info.Mode().IsRegular() && info.Mode().Type() != fs.ModeSymlink:
			return fmt.Errorf("%s: is not a file", name)
		}
	}
	return nil
}

// read lists the entries of an archive, by source.
func read(r *io.SectionReader) (tops [][]file, err error) {
	t := tar.NewReader(r)
	for {
		header, err := t.Next()
		if err == io.EOF {
			return tops, nil
		}
		if err != nil {
			return nil, err
		}
		rest, ok := strings.CutPrefix(path.Clean(header.Name), "data/")
		if !ok {
			continue // checksums, for nodes that have nothing else to verify by
		}
		if !filepath.IsLocal(rest) {
			return nil, fmt.Errorf("%q: leads out of its folder", header.Name)
		}
		offset, err := r.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, err
		}
		header.Name = rest
		if !strings.Contains(rest, "/") {
			tops = append(tops, nil)
		}
		if len(tops) == 0 {
			return nil, fmt.Errorf("%q: comes before its folder", rest)
		}
		tops[len(tops)-1] = append(tops[len(tops)-1], file{header, offset})
	}
}

// source installs one source as target.
func (i *Installation) source(ctx context.Context, h host.Host, entries []file, target string) error {
	if entries[0].Typeflag != tar.TypeDir {
		if err := i.write(ctx, h, entries[0], target); err != nil {
			return fmt.Errorf("%s: %w", target, err)
		}
		return nil
	}
	if info, err := os.Stat(target); err == nil && info.IsDir() {
		top := entries[0].Name
		if i.place.base == "." {
			entries = entries[1:] // the folder itself is not brought: it keeps its mode
		}
		return i.folder(ctx, h, top, entries, target, target)
	}
	if _, err := os.Lstat(target); err == nil {
		return fmt.Errorf("%s: is there and not a folder", target)
	}
	return h.Supplant(ctx, target, false, func(h host.Host, name string) error {
		return i.folder(ctx, h, entries[0].Name, entries, name, target)
	})
}

// writers is how many files of a folder are written at a time: they share the wait for the disk.
const writers = 16

// folder installs the folder top of an archive with what is in it as target, which may be there. It is told of by the name that it is to have.
func (i *Installation) folder(ctx context.Context, h host.Host, top string, entries []file, target, named string) error {
	within := func(f file) string { return strings.TrimPrefix(f.Name, top) }
	at := func(f file) string { return path.Join(target, within(f)) }
	told := func(f file, err error) error { return fmt.Errorf("%s: %w", path.Join(named, within(f)), err) }
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	slots := make(chan struct{}, writers)
	for _, f := range entries {
		if f.Typeflag == tar.TypeDir {
			// Readable by nobody else until all is in it.
			if err := h.Mkdir(ctx, at(f), host.Meta{Mode: new(uint32(0o700))}); err != nil && !errors.Is(err, fs.ErrExist) {
				cancel(told(f, err))
			}
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if err := context.Cause(ctx); err == nil {
				if err := i.write(ctx, h, f, at(f)); err != nil {
					cancel(told(f, err))
				}
			}
		})
	}
	wg.Wait()
	for _, f := range slices.Backward(entries) {
		if f.Typeflag == tar.TypeDir && ctx.Err() == nil {
			if err := h.SetMeta(ctx, at(f), host.Meta{Mode: new(uint32(f.Mode) & 0o7777)}); err != nil {
				return told(f, err)
			}
		}
	}
	return context.Cause(ctx)
}

// attempts bounds how often a file is written that somebody else replaces at the same time, such as a put to this node by another name of it.
const attempts = 10

// write installs a file or a link.
func (i *Installation) write(ctx context.Context, h host.Host, f file, target string) error {
	switch f.Typeflag {
	case tar.TypeSymlink:
		return h.Symlink(ctx, f.Linkname, target)
	case tar.TypeReg:
		mode := uint32(f.Mode) & 0o7777
		for n := 1; ; n++ {
			err := h.WriteFile(ctx, target, host.NewFile{Content: i.archive.content(f), Meta: host.Meta{Mode: &mode}})
			if n == attempts || !errors.Is(err, host.ErrReplaced) {
				return err
			}
		}
	}
	return fmt.Errorf("%s: is neither a file, a folder nor a link", f.Name)
}
