package place

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sort"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/host"
)

// Span is a part of an archive that is the whole content of a file. Its JSON is part of the protocol.
type Span struct {
	Offset int64 `json:"offset"`
	Size   int64 `json:"size"`
}

// MaxSpans is how many contents of an archive may be written straight to files of their own; maxHoles bounds the holes in them.
const (
	MaxSpans = 64
	maxHoles = 1 << 16
)

// Spool is an archive as it comes, in files without names, which are gone when they are closed, or the process is. Contents that are to be files of the place
// are written to files of their own, which only want a name in the end: nothing of them is written twice.
type Spool struct {
	size   int64
	rest   *os.File // of the archive's size, with holes where the drafts are
	drafts []draft  // by offset
	holes  []Span   // by offset: of what is written there zeros take no space
}

// draft is a content in a file of its own.
type draft struct {
	Span
	file *os.File
}

// Spool makes files for an archive of so many bytes that is to be installed at the place. Own are the contents that are to be files of their own, by offset,
// holes the parts of it that are to stay holes where they are in one of those.
func (p Place) Spool(size int64, own, holes []Span) (*Spool, error) {
	if err := errors.Join(check(size, own, MaxSpans), check(size, holes, maxHoles)); err != nil {
		return nil, err
	}
	rest, named, err := p.unnamed()
	if err != nil {
		return nil, err
	}
	s := &Spool{size: size, rest: rest, holes: holes}
	if !named {
		own = nil // what has lost its name cannot be given one
	}
	for _, span := range own {
		f, _, err := p.unnamed()
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		s.drafts = append(s.drafts, draft{span, f})
	}
	if err := s.grow(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// grow gives the files their sizes before anything comes: what lies in a hole is written nowhere, and is read by other nodes all the same.
func (s *Spool) grow() error {
	err := s.rest.Truncate(s.size)
	for _, d := range s.drafts {
		err = errors.Join(err, d.file.Truncate(d.Size))
	}
	return err
}

// check tells spans that are not in an archive, or in each other.
func check(size int64, spans []Span, most int) error {
	end := int64(0)
	for _, o := range spans {
		if o.Offset < end || o.Size < 0 || o.Size > size-o.Offset || len(spans) > most {
			return fmt.Errorf("an archive of %d bytes with %d parts, one of %d at %d: is none", size, len(spans), o.Size, o.Offset)
		}
		end = o.Offset + o.Size
	}
	return nil
}

// unnamed makes a file without a name, and tells whether it can be given one.
func (p Place) unnamed() (f *os.File, nameable bool, err error) {
	fd, err := unix.Open(p.dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err == nil {
		return os.NewFile(uintptr(fd), p.dir), true, nil
	}
	if !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.EISDIR) { // of a file system, or a kernel, that cannot
		return nil, false, fmt.Errorf("%s: %w", p.dir, err)
	}
	f, err = os.CreateTemp(p.dir, ".apply-put.")
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		err = fmt.Errorf("%s: %w", p.dir, path.Err) // the same on every node
	}
	if err != nil {
		return nil, false, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, false, err
	}
	return f, false, nil
}

// Close lets go of what was not installed.
func (s *Spool) Close() error {
	err := s.rest.Close()
	for _, d := range s.drafts {
		err = errors.Join(err, d.file.Close())
	}
	return err
}

// ReadAt reads the archive.
func (s *Spool) ReadAt(p []byte, offset int64) (int, error) {
	return s.each(p, offset, (*os.File).ReadAt)
}

// WriteAt writes the archive. Zeros in a hole are written nowhere.
func (s *Spool) WriteAt(p []byte, offset int64) (done int, err error) {
	for done < len(p) && err == nil {
		at := offset + int64(done)
		n := sort.Search(len(s.holes), func(n int) bool { return s.holes[n].Offset+s.holes[n].Size > at })
		part := p[done:]
		switch {
		case n == len(s.holes):
		case at < s.holes[n].Offset:
			part = part[:min(int64(len(part)), s.holes[n].Offset-at)]
		default:
			part = part[:min(int64(len(part)), s.holes[n].Offset+s.holes[n].Size-at)]
			if len(bytes.TrimLeft(part, "\x00")) == 0 {
				done += len(part)
				continue
			}
		}
		var wrote int
		wrote, err = s.each(part, at, (*os.File).WriteAt)
		done += wrote
	}
	return done, err
}

// each does something to the parts of the files at which p is.
func (s *Spool) each(p []byte, offset int64, do func(f *os.File, p []byte, offset int64) (int, error)) (done int, err error) {
	for done < len(p) && err == nil {
		f, at, left := s.at(offset + int64(done))
		var n int
		n, err = do(f, p[done:done+int(min(left, int64(len(p)-done)))], at)
		done += n
	}
	return done, err
}

// at is the file of a byte, the byte's offset in it, and how many bytes are there from it on.
func (s *Spool) at(offset int64) (f *os.File, at, left int64) {
	left = max(s.size-offset, 1)
	for _, d := range s.drafts {
		if offset < d.Offset {
			left = d.Offset - offset
			break
		}
		if offset < d.Offset+d.Size {
			return d.file, offset - d.Offset, d.Offset + d.Size - offset
		}
	}
	return s.rest, offset, left
}

// content is that of an entry: the file that it is in, where it wants but a name.
func (s *Spool) content(f file) io.Reader {
	for _, d := range s.drafts {
		if d.Span == (Span{f.offset, f.Size}) {
			return host.NewDraft(d.file, f.Size)
		}
	}
	return io.NewSectionReader(s, f.offset, f.Size)
}
