package content

import (
	"errors"
	"io"
	"sort"
)

// Hole is a part of a content that is all zeros and takes no space where it is from. Its JSON is part of the protocol.
type Hole struct {
	Offset int64 `json:"offset"`
	Size   int64 `json:"size"`
}

// MaxHoles is how many holes a Spec may have: they fit a request beside the hashes.
const MaxHoles = 512

// checkHoles tells whether holes are in the content, one behind the other.
func (s *Spec) checkHoles() error {
	end := int64(0)
	for _, h := range s.Holes {
		if h.Offset < end || h.Size < 1 || h.Size > s.Size-h.Offset || len(s.Holes) > MaxHoles {
			return errors.New("a content with holes that are not in it: is none")
		}
		end = h.Offset + h.Size
	}
	return nil
}

// Empty tells whether a chunk lies in a hole: it does not travel, as whoever gets it knows what is in it.
func (s *Spec) Empty(i int64) bool {
	from, to := i*s.Chunk, i*s.Chunk+s.Length(i)
	n := sort.Search(len(s.Holes), func(n int) bool { return s.Holes[n].Offset+s.Holes[n].Size >= to })
	return n < len(s.Holes) && s.Holes[n].Offset <= from
}

// travels is the first part of the content from offset to end that travels; it begins at end where nothing does.
func (s *Spec) travels(offset, end int64) (from, to int64) {
	for from = offset; from < end && s.Empty(from/s.Chunk); {
		from = min((from/s.Chunk+1)*s.Chunk, end)
	}
	for to = from; to < end && !s.Empty(to/s.Chunk); {
		to = min((to/s.Chunk+1)*s.Chunk, end)
	}
	return from, to
}

// Send writes what travels of a content from offset to end, for a reader that takes it chunk by chunk, but for those that are empty.
func (s *Spec) Send(w io.Writer, r io.ReaderAt, offset, end int64, buffer []byte) error {
	for offset < end {
		from, to := s.travels(offset, end)
		n, err := io.CopyBuffer(onlyWriter{w}, io.NewSectionReader(r, from, to-from), buffer)
		switch {
		case err != nil:
			return err
		case n < to-from:
			return io.ErrUnexpectedEOF
		}
		offset = to
	}
	return nil
}

// onlyWriter makes io.CopyBuffer use its buffer.
type onlyWriter struct{ io.Writer }
