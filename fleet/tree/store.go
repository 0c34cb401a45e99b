package tree

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/nodeapply/apply/fleet/tree/content"
)

// Store is the contents that a node has or is getting. It may be used by several goroutines.
type Store struct {
	mu     sync.Mutex
	change sync.Cond
	held   map[string]*held
}

// File is where a content is kept while others get it. It is written and read by several goroutines. What is written nowhere is zeros.
type File interface {
	io.ReaderAt
	io.WriterAt
}

// held is a content of which the first chunks are there.
type held struct {
	spec *content.Spec
	file File
	have int64 // chunks, each verified
	err  error // no more will come
}

// NewStore makes an empty one.
func NewStore() *Store {
	s := &Store{held: map[string]*held{}}
	s.change.L = &s.mu
	return s
}

// add takes up a content that is to come into file.
func (s *Store) add(spec *content.Spec, file File) (*held, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[spec.ID] != nil {
		return nil, errors.New("this content is coming already")
	}
	h := &held{spec: spec, file: file}
	s.held[spec.ID] = h
	s.change.Broadcast()
	return h, nil
}

// keep writes a chunk that was verified; what lies in a hole is not written.
func (s *Store) keep(h *held, data []byte) error {
	if _, err := h.file.WriteAt(data, h.have*h.spec.Chunk); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	h.have++
	s.change.Broadcast()
	return nil
}

// fail says that no more comes.
func (s *Store) fail(h *held, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h.err = err
	s.change.Broadcast()
}

// piece is how much of a content is written at once, in bytes.
const piece = 256 << 10

// copy writes a content from an offset, as its chunks come. It waits for a content that nobody has spoken of yet.
func (s *Store) copy(ctx context.Context, w io.Writer, id string, offset int64) error {
	stop := context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.change.Broadcast()
	})
	defer stop()
	buffer := make([]byte, piece)
	for {
		h, there, err := s.await(ctx, id, offset)
		if err != nil {
			return err
		}
		if offset == h.spec.Size {
			return nil
		}
		if err := h.spec.Send(w, h.file, offset, there, buffer); err != nil {
			return err
		}
		offset = there
	}
}

// await waits until more of a content is there than offset, or all of it, and says up to where.
func (s *Store) await(ctx context.Context, id string, offset int64) (*held, int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		h := s.held[id]
		if h != nil {
			there := min(h.have*h.spec.Chunk, h.spec.Size)
			switch {
			case offset < there || offset == h.spec.Size && there == offset:
				return h, there, nil
			case offset < 0 || offset > h.spec.Size:
				return nil, 0, errors.New("an offset that is not in the content")
			case h.err != nil:
				return nil, 0, h.err
			}
		}
		if ctx.Err() != nil {
			return nil, 0, context.Cause(ctx)
		}
		s.change.Wait()
	}
}
