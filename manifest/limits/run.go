package limits

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"time"

	"github.com/hashicorp/hcl/v2"
)

// Bounds is what one Run may take.
type Bounds struct {
	Time   time.Duration
	Memory uint64 // bytes by which the heap and the stacks of the process may grow
}

// Default are the bounds of reading, parsing and evaluating all manifests of one catalog.
var Default = Bounds{Time: 10 * time.Second, Memory: 1 << 30}

// Place is where an evaluation is at, told by the goroutine that evaluates, for the message about the one that took too much.
// A nil *Place can be set too: it forgets.
type Place struct{ at atomic.Pointer[hcl.Range] }

// Set tells that what stands at r is evaluated next. It keeps r and costs one atomic store.
func (p *Place) Set(r *hcl.Range) {
	if p != nil {
		p.at.Store(r)
	}
}

// ExceededError is returned by Run when fn took more than its bounds, or panicked.
type ExceededError struct {
	Place  *hcl.Range // what was being evaluated; nil if fn never told
	Reason string
	Stack  []byte // of a panic
}

// Error gives the text of Diagnostic on one line.
func (e *ExceededError) Error() string { return e.Diagnostic().Error() }

// Diagnostic is the error with its place, for printing among those of the manifests.
func (e *ExceededError) Diagnostic() *hcl.Diagnostic {
	d := &hcl.Diagnostic{Severity: hcl.DiagError, Summary: Summary, Detail: e.Reason, Subject: e.Place}
	if e.Stack != nil {
		d.Summary = "Evaluation broke down"
	}
	return d
}

const pollEvery = 20 * time.Millisecond

// Run calls fn and waits for it, at most for the bounds b. Beyond them it returns an *ExceededError, as it does when fn panics; when ctx
// ends, it returns the cause.
//
// HCL's evaluation cannot be interrupted. When Run returns an error that is not about a panic, fn may still be running, until it
// looks at the context it was given: the caller must not use what fn writes, and is expected to end the process soon.
func Run(ctx context.Context, b Bounds, fn func(ctx context.Context, at *Place)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, b.Time, errTime)
	defer cancel()
	base := memory()
	var at Place
	done := make(chan error, 1)
	go func() {
		defer func() {
			var err error
			if r := recover(); r != nil {
				err = &ExceededError{Place: at.at.Load(), Reason: fmt.Sprintf("panic: %v", r), Stack: debug.Stack()}
			}
			done <- err
		}()
		fn(ctx, &at)
	}()
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-ctx.Done():
			if cause := context.Cause(ctx); cause != errTime {
				return cause
			}
			return &ExceededError{Place: at.at.Load(), Reason: fmt.Sprintf("Evaluation takes longer than %v.", b.Time)}
		case <-poll.C:
			if exceeds(base, b.Memory) {
				return &ExceededError{Place: at.at.Load(), Reason: fmt.Sprintf("Evaluation takes more than %d MiB of memory.", b.Memory>>20)}
			}
		}
	}
}

var errTime = fmt.Errorf("evaluation: %w", context.DeadlineExceeded)

// exceeds tells whether the memory in use grew by more than bound since base. What is not live any more does not count,
// unless garbage comes faster than it can be collected.
func exceeds(base, bound uint64) bool {
	if now := memory(); now < base+bound {
		return false
	} else if now > base+bound+bound/2 {
		return true
	}
	runtime.GC()
	return memory() >= base+bound
}

// memory is what heap objects and stacks take.
func memory() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64() + s[1].Value.Uint64()
}
