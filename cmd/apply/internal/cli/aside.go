package cli

import (
	"io"
	"sync"
)

// aside is where messages go while a run is printed: standard error, above what the printer shows live.
type aside struct {
	mu sync.Mutex
	w  io.Writer
}

// Write writes one message.
func (s *aside) Write(text []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(text)
}

// through makes messages go through the writer that wrap returns.
func (s *aside) through(wrap func(io.Writer) io.Writer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.w = wrap(s.w)
}
