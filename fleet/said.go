package fleet

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/nodeapply/apply/fleet/transport"
)

// Said keeps the beginning of what a command writes to standard error.
type Said struct{ text bytes.Buffer }

// maxSaid and maxLines bound what is kept, and what is told of it.
const (
	maxSaid  = 4 << 10
	maxLines = 3
)

// Write takes everything.
func (s *Said) Write(p []byte) (int, error) {
	s.text.Write(p[:min(len(p), maxSaid-s.text.Len())])
	return len(p), nil
}

// Failure is why a command failed: the first lines that it wrote, or how it ended.
func (s *Said) Failure(exit transport.Exit) *JobError {
	text := strings.TrimSpace(s.text.String())
	if text == "" {
		return &JobError{Err: fmt.Errorf("exit code %d", exit.Code), Exit: exit}
	}
	lines := strings.Split(text, "\n")
	return &JobError{Err: errors.New(strings.Join(lines[:min(len(lines), maxLines)], "; ")), Exit: exit}
}
