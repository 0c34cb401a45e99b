package fleet

import (
	"errors"
	"fmt"
	"strings"

	"github.com/nodeapply/apply/fleet/transport"
)

// Said keeps the beginning of what a command writes to standard error.
type Said struct{ transport.Head }

// maxLines bounds what is told of it.
const maxLines = 3

// Failure is why a command failed: the first lines that it wrote, or how it ended.
func (s *Said) Failure(exit transport.Exit) *JobError {
	text := s.String()
	if text == "" {
		return &JobError{Err: fmt.Errorf("exit code %d", exit.Code), Exit: exit}
	}
	lines := strings.Split(text, "\n")
	return &JobError{Err: errors.New(strings.Join(lines[:min(len(lines), maxLines)], "; ")), Exit: exit}
}
