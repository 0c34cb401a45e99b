// Package tree brings one content to many nodes through each other: every node gets it from a parent, of which the first get it from the seat, and passes
// each piece on as soon as it has it.
//
// What a node takes over it has verified against hashes that the seat told it over ssh, so a parent can neither alter anything nor pass on what it has not got.
// Nodes speak mutual TLS with certificates made for the run, by an authority that ends with it. A parent that is dead, slow or wrong is named, and left for the
// next one: at last the seat.
package tree

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"time"
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

// NewSpec reads a content, but for what is in its holes.
func NewSpec(r io.ReaderAt, size int64, holes []Hole) (*Spec, error) {
	s := &Spec{Size: size, Chunk: minChunk, Holes: holes}
	if err := s.checkHoles(); err != nil {
		return nil, err
	}
	for s.count() > maxChunks {
		s.Chunk *= 2
	}
	if s.Chunk > maxChunk {
		return nil, fmt.Errorf("%d bytes are over the limit of what is brought at once", size)
	}
	all := sha256.New()
	for i := range s.count() {
		sum := sha256.New()
		if s.empty(i) {
			s.Hashes = append(s.Hashes, make([]byte, sha256.Size)) // nobody asks for it
			all.Write(s.Hashes[i])
			continue
		}
		if n, err := io.Copy(sum, io.NewSectionReader(r, i*s.Chunk, s.length(i))); err != nil || n != s.length(i) {
			return nil, fmt.Errorf("it changes while it is read: %w", orEOF(err))
		}
		s.Hashes = append(s.Hashes, sum.Sum(nil))
		all.Write(s.Hashes[i])
	}
	s.ID = hex.EncodeToString(all.Sum(nil))
	return s, nil
}

func orEOF(err error) error {
	if err == nil {
		return io.ErrUnexpectedEOF
	}
	return err
}

// check bounds a Spec that came over the wire.
func (s *Spec) check() error {
	if len(s.ID) != 2*sha256.Size || s.Size < 0 || s.Chunk < 1 || s.Chunk > maxChunk || s.count() > maxChunks || int64(len(s.Hashes)) != s.count() {
		return fmt.Errorf("a content of %d bytes in %d chunks of %d: is none", s.Size, len(s.Hashes), s.Chunk)
	}
	return s.checkHoles()
}

func (s *Spec) count() int64 { return (s.Size + s.Chunk - 1) / s.Chunk }

// length is that of a chunk.
func (s *Spec) length(i int64) int64 { return min(s.Chunk, s.Size-i*s.Chunk) }

// holds tells whether data is the chunk.
func (s *Spec) holds(i int64, data []byte) bool {
	sum := sha256.Sum256(data)
	return bytes.Equal(sum[:], s.Hashes[i])
}

// slowest is what a source must bring in the mean, in bytes a second: below it another one is tried.
const slowest = 256 << 10

// atSlowest is how long n bytes take there.
func atSlowest(n int64) time.Duration { return time.Duration(n) * time.Second / slowest }
