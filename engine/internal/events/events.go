// Package events tells what happens in a run while it does, one thing at a time.
package events

import (
	"sync"

	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// Serial is a report.Events that many goroutines may tell at once: To is told by one at a time.
type Serial struct {
	To report.Events // nil: nobody listens
	mu sync.Mutex
}

var _ report.Events = (*Serial)(nil)

// Begin tells that the run begins.
func (s *Serial) Begin(r *report.Report) { s.tell(func() { s.To.Begin(r) }) }

// Running tells at what a resource is.
func (s *Serial) Running(a resources.Address, what string) { s.tell(func() { s.To.Running(a, what) }) }

// Ended tells a result.
func (s *Serial) Ended(r *report.Result) { s.tell(func() { s.To.Ended(r) }) }

// End tells that the run has ended.
func (s *Serial) End(r *report.Report) { s.tell(func() { s.To.End(r) }) }

func (s *Serial) tell(event func()) {
	if s.To == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	event()
}
