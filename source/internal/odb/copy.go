package odb

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"context"
	"crypto/sha1" // a pack's trailer is a checksum, not a proof
	"encoding/binary"
	"fmt"
	"io"

	"github.com/nodeapply/apply/source/internal/gittree"
)

// Copy puts the object root and what belongs to it (a tag's target, a commit's tree, a tree's entries; not a commit's parents)
// into dst, as one pack of what dst does not have yet.
func (s *Store) Copy(ctx context.Context, dst *Store, root Hash) error {
	c := copier{src: s, dst: dst, kinds: map[Hash]string{}}
	if err := c.collect(ctx, root); err != nil {
		return err
	}
	if len(c.order) == 0 {
		return nil
	}
	return dst.Ingest(ctx, c.writePack)
}

type copier struct {
	src, dst *Store
	kinds    map[Hash]string
	order    []Hash
}

func (c *copier) collect(ctx context.Context, h Hash) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if c.kinds[h] != "" {
		return nil
	}
	if has, err := c.dst.Has(h); has || err != nil {
		return err
	}
	kind, err := c.src.Kind(h)
	if err != nil {
		return err
	}
	c.kinds[h] = kind
	c.order = append(c.order, h)
	switch kind {
	case "tag":
		tag, err := c.src.Tag(h)
		if err != nil {
			return err
		}
		return c.collect(ctx, tag.Target)
	case "commit":
		commit, err := c.src.Commit(h)
		if err != nil {
			return err
		}
		return c.collect(ctx, commit.Tree)
	case "tree":
		return c.collectTree(ctx, h)
	}
	return nil
}

func (c *copier) collectTree(ctx context.Context, h Hash) error {
	raw, err := c.src.Read(h, "tree")
	if err != nil {
		return err
	}
	entries, err := gittree.Parse(raw)
	if err != nil {
		return fmt.Errorf("tree %x: %w", h, err)
	}
	for _, e := range entries {
		if e.Mode == gittree.Submodule {
			continue
		}
		if err := c.collect(ctx, e.Hash); err != nil {
			return err
		}
	}
	return nil
}

// writePack writes the collected objects whole, one in memory at a time.
func (c *copier) writePack(w io.Writer) error {
	sum := sha1.New()
	out := bufio.NewWriter(io.MultiWriter(w, sum))
	head := binary.BigEndian.AppendUint32([]byte("PACK\x00\x00\x00\x02"), uint32(len(c.order)))
	if _, err := out.Write(head); err != nil {
		return err
	}
	codes := map[string]byte{"commit": 1, "tree": 2, "blob": 3, "tag": 4}
	for _, h := range c.order {
		content, err := c.src.Read(h, c.kinds[h])
		if err != nil {
			return err
		}
		size := len(content)
		b := codes[c.kinds[h]]<<4 | byte(size&0x0f)
		for size >>= 4; size > 0; size >>= 7 {
			out.WriteByte(b | 0x80)
			b = byte(size & 0x7f)
		}
		out.WriteByte(b)
		z := zlib.NewWriter(out)
		if _, err := io.Copy(z, bytes.NewReader(content)); err != nil {
			return err
		}
		if err := z.Close(); err != nil {
			return err
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	_, err := w.Write(sum.Sum(nil))
	return err
}
