// Package pack takes in packs of git objects from whoever sends them.
package pack

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

// Limits bound a pack and each object in it, in bytes.
type Limits struct{ Pack, Object int64 }

// TempPrefix begins the names of files that are being written; what is there without a writer is left over.
const TempPrefix = "incoming-"

// Receive takes the pack that fill writes into the folder dir, with an index of it, and returns its path. It appears whole or not at all: go-git's
// own writer leaves a torn index under its final name when the disk is full, and inflates objects of any size, so this does not go through it.
func Receive(ctx context.Context, dir string, limits Limits, fill func(io.Writer) error) (path string, err error) {
	pack, err := os.CreateTemp(dir, TempPrefix+"*")
	if err != nil {
		return "", err
	}
	defer func() { // on success the name is gone already
		pack.Close()
		os.Remove(pack.Name())
	}()
	if err := fill(&boundedWriter{ctx: ctx, w: pack, left: limits.Pack, limit: limits.Pack}); err != nil {
		return "", err
	}
	if err := checkSizes(ctx, pack, limits.Object); err != nil {
		return "", err
	}
	index := new(idxfile.Writer)
	if _, err := pack.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	parser, err := packfile.NewParser(packfile.NewScanner(&untilDone{ctx, pack}), index)
	if err != nil {
		return "", err
	}
	sum, err := parser.Parse()
	if err != nil {
		return "", fmt.Errorf("pack: %w", err)
	}
	if err := pack.Sync(); err != nil {
		return "", err
	}
	base := filepath.Join(dir, "pack-"+sum.String())
	if err := writeIndex(index, dir, base+".idx"); err != nil {
		return "", err
	}
	// The pack's name is what makes both visible, so it comes last.
	if err := os.Rename(pack.Name(), base+".pack"); err != nil {
		return "", err
	}
	if err := SyncFolder(dir); err != nil {
		return "", err
	}
	return base + ".pack", nil
}

func writeIndex(index *idxfile.Writer, dir, name string) error {
	content, err := index.Index()
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, TempPrefix+"*")
	if err != nil {
		return err
	}
	defer func() {
		f.Close()
		os.Remove(f.Name())
	}()
	if _, err := idxfile.NewEncoder(f).Encode(content); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// SyncFolder makes the names in a folder durable.
func SyncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// checkSizes looks at every object's declared size before any is inflated into memory: a pack of some kilobytes can
// declare terabytes.
func checkSizes(ctx context.Context, pack io.ReadSeeker, most int64) error {
	if _, err := pack.Seek(0, io.SeekStart); err != nil {
		return err
	}
	scanner := packfile.NewScanner(pack)
	_, count, err := scanner.Header()
	if err != nil {
		return fmt.Errorf("pack: %w", err)
	}
	for range count {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		h, err := scanner.NextObjectHeader()
		if err != nil {
			return fmt.Errorf("pack: %w", err)
		}
		if h.Length > most {
			return fmt.Errorf("pack: an object of %d bytes: limit of %d", h.Length, most)
		}
		var head headWriter
		if n, _, err := scanner.NextObject(&head); err != nil {
			return fmt.Errorf("pack: %w", err)
		} else if n != h.Length {
			return fmt.Errorf("pack: an object of %d bytes says that it has %d", n, h.Length)
		}
		if h.Type.IsDelta() {
			if size := head.targetSize(); size > uint64(most) {
				return fmt.Errorf("pack: an object of %d bytes: limit of %d", size, most)
			}
		}
	}
	return nil
}

// untilDone ends the reading of a pack with its context: to resolve the deltas of a large one takes a while.
type untilDone struct {
	ctx context.Context
	io.ReadSeeker
}

// Read reads.
func (u *untilDone) Read(p []byte) (int, error) {
	if u.ctx.Err() != nil {
		return 0, context.Cause(u.ctx)
	}
	return u.ReadSeeker.Read(p)
}

// headWriter keeps the first bytes of a delta: two varints, the sizes of its base and of its result.
type headWriter struct{ head []byte }

func (h *headWriter) Write(p []byte) (int, error) {
	h.head = append(h.head, p[:min(len(p), 2*binary.MaxVarintLen64-len(h.head))]...)
	return len(p), nil
}

func (h *headWriter) targetSize() uint64 {
	r := bytes.NewReader(h.head)
	if _, err := binary.ReadUvarint(r); err != nil {
		return 0 // not a delta at all: the parser says so
	}
	size, err := binary.ReadUvarint(r)
	if err != nil {
		return 0
	}
	return size
}

// boundedWriter ends a copy that has become too long or too late.
type boundedWriter struct {
	ctx   context.Context
	w     io.Writer
	left  int64
	limit int64
}

func (b *boundedWriter) Write(p []byte) (int, error) {
	if b.ctx.Err() != nil {
		return 0, context.Cause(b.ctx)
	}
	if b.left -= int64(len(p)); b.left < 0 {
		return 0, fmt.Errorf("pack: limit of %d bytes", b.limit)
	}
	return b.w.Write(p)
}
