// Package content says what a content is that travels through a tree of nodes: its chunks, the hash of each, and where it has holes. Whoever has its [Spec] can
// tell of each chunk alone whether it is right.
package content

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
)

// Spec says what a content is. Its JSON is part of the protocol.
type Spec struct {
	ID     string   `json:"id"`     // SHA-256 of all that follows
	Size   int64    `json:"size"`   // bytes
	Chunk  int64    `json:"chunk"`  // bytes of each but the last
	Hashes [][]byte `json:"hashes"` // SHA-256 of each chunk
	Holes  []Hole   `json:"holes,omitempty"`
}

// Bounds of chunks: what is verified at once is held in memory, and all hashes fit a request.
const (
	minChunk  = 256 << 10
	maxChunk  = 64 << 20
	maxChunks = 4096
)

// New reads a content, but for what is in its holes.
func New(r io.ReaderAt, size int64, holes []Hole) (*Spec, error) {
	s := &Spec{Size: size, Chunk: minChunk, Holes: holes}
	if err := s.checkHoles(); err != nil {
		return nil, err
	}
	for s.Count() > maxChunks {
		s.Chunk *= 2
	}
	if s.Chunk > maxChunk {
		return nil, fmt.Errorf("%d bytes are over the limit of what is brought at once", size)
	}
	all := sha256.New()
	for i := range s.Count() {
		sum := sha256.New()
		if s.Empty(i) {
			s.Hashes = append(s.Hashes, make([]byte, sha256.Size)) // nobody asks for it
			all.Write(s.Hashes[i])
			continue
		}
		if n, err := io.Copy(sum, io.NewSectionReader(r, i*s.Chunk, s.Length(i))); err != nil || n != s.Length(i) {
			return nil, fmt.Errorf("it changes while it is read: %w", cmp.Or(err, io.ErrUnexpectedEOF))
		}
		s.Hashes = append(s.Hashes, sum.Sum(nil))
		all.Write(s.Hashes[i])
	}
	s.ID = hex.EncodeToString(all.Sum(nil))
	return s, nil
}

// Check bounds a Spec that came over the wire.
func (s *Spec) Check() error {
	if len(s.ID) != 2*sha256.Size || s.Size < 0 || s.Chunk < 1 || s.Chunk > maxChunk || s.Count() > maxChunks || int64(len(s.Hashes)) != s.Count() {
		return fmt.Errorf("a content of %d bytes in %d chunks of %d: is none", s.Size, len(s.Hashes), s.Chunk)
	}
	return s.checkHoles()
}

// Count is how many chunks there are.
func (s *Spec) Count() int64 { return (s.Size + s.Chunk - 1) / s.Chunk }

// Length is that of a chunk.
func (s *Spec) Length(i int64) int64 { return min(s.Chunk, s.Size-i*s.Chunk) }

// Holds tells whether data is the chunk.
func (s *Spec) Holds(i int64, data []byte) bool {
	sum := sha256.Sum256(data)
	return bytes.Equal(sum[:], s.Hashes[i])
}
