package fleet

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/nodeapply/apply/fleet/transport"
)

// Full is a function of sh that ends a script, and says where it is so that no space is left in the folder $1: tar and others tell of a short write and not
// why. $2 is said before.
const Full = `full() { df -Pk "$1" | { read -r _; read -r _ _ _ free _; [ "$free" -ge 64 ] || echo "${2-}No space left on device" >&2; }; exit 1; }
`

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
