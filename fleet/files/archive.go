package files

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"sort"

	"github.com/nodeapply/apply/fleet/place"
	"github.com/nodeapply/apply/fleet/tree/content"
)

// Archive is a bundle as the bytes of a tar archive, which can be read from any place: SUMS, then the sources below data/.
type Archive struct {
	parts []part
	size  int64
	own   []place.Span
	holes []content.Hole
}

// part is a piece of an archive: of a file, or held here.
type part struct {
	offset, size int64
	file         string
	data         []byte
}

// block is what a tar archive's parts are filled up to.
const block = 512

// Archive lays the bundle out.
func (b *Bundle) Archive() (*Archive, error) {
	a := &Archive{}
	all := append([]entry{{content: b.sums, header: tar.Header{Name: "SUMS", Mode: 0o600, Size: int64(len(b.sums)), Typeflag: tar.TypeReg}}}, b.entries...)
	for _, e := range all {
		var head bytes.Buffer
		if err := tar.NewWriter(&head).WriteHeader(&e.header); err != nil {
			return nil, fmt.Errorf("%s: %w", e.header.Name, err)
		}
		a.add(part{data: head.Bytes(), size: int64(head.Len())})
		if e.header.Typeflag == tar.TypeReg {
			if top := path.Dir(e.header.Name) == "data"; top && e.header.Size >= minOwn && len(a.own) < place.MaxSpans {
				a.own = append(a.own, place.Span{Offset: a.size, Size: e.header.Size})
				found, err := holes(e.file, e.header.Size)
				if err != nil {
					return nil, err
				}
				for _, h := range found {
					a.holes = append(a.holes, content.Hole{Offset: a.size + h.Offset, Size: h.Size})
				}
			}
			a.add(part{file: e.file, data: e.content, size: e.header.Size})
			a.add(part{data: make([]byte, (block-e.header.Size%block)%block), size: (block - e.header.Size%block) % block})
		}
	}
	a.add(part{data: make([]byte, 2*block), size: 2 * block})
	a.holes = largest(a.holes, content.MaxHoles)
	return a, nil
}

// Holes are the parts of the contents in Own that take no space here, at most content.MaxHoles of them.
func (a *Archive) Holes() []content.Hole { return a.holes }

func (a *Archive) add(p part) {
	if p.size > 0 {
		p.offset = a.size
		a.size += p.size
		a.parts = append(a.parts, p)
	}
}

// minOwn is from how many bytes on a node need not write a content twice.
const minOwn = 64 << 10

// Own are the larger contents that will be files right at the place to which the archive is brought.
func (a *Archive) Own() []place.Span { return a.own }

// Size is in bytes.
func (a *Archive) Size() int64 { return a.size }

// ReadAt implements io.ReaderAt. A file that has become shorter is an error.
func (a *Archive) ReadAt(p []byte, offset int64) (int, error) {
	done := 0
	first := sort.Search(len(a.parts), func(i int) bool { return a.parts[i].offset+a.parts[i].size > offset })
	for _, part := range a.parts[min(first, len(a.parts)):] {
		if done == len(p) {
			break
		}
		n, err := part.readAt(p[done:], offset+int64(done)-part.offset)
		if done += n; err != nil {
			return done, err
		}
	}
	if done < len(p) {
		return done, io.EOF
	}
	return done, nil
}

func (p *part) readAt(b []byte, offset int64) (int, error) {
	b = b[:min(int64(len(b)), p.size-offset)]
	if p.file == "" {
		return copy(b, p.data[offset:]), nil
	}
	f, err := os.Open(p.file)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	n, err := f.ReadAt(b, offset)
	switch {
	case n == len(b):
		return n, nil
	case err == io.EOF:
		err = errors.New("it became shorter while it was brought")
	}
	return n, fmt.Errorf("%s: %w", p.file, err)
}

// write writes the bundle as a tar archive.
func (b *Bundle) write(w io.Writer) error {
	a, err := b.Archive()
	if err == nil {
		_, err = io.Copy(w, io.NewSectionReader(a, 0, a.size))
	}
	return err
}
