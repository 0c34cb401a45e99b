package limits

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// bounds are what one Run may take.
type bounds struct {
	time   time.Duration
	memory uint64 // bytes by which the heap and the stacks of the process may grow
}

var usual = bounds{time: 10 * time.Second, memory: 1 << 30}

// spot is where an evaluation is at, told by the goroutine that evaluates, for the message about the one that took too much.
// A nil *spot can be set too: it forgets.
type spot struct{ at atomic.Pointer[hcl.Range] }

// set tells that what stands at r is evaluated next. It keeps r and costs one atomic store.
func (p *spot) set(r *hcl.Range) {
	if p != nil {
		p.at.Store(r)
	}
}

// exceededError is returned by Run when fn took more than its bounds, or panicked.
type exceededError struct {
	place  *hcl.Range // what was being evaluated; nil if fn never told
	reason string
	stack  []byte // of a panic
}

// Error gives the text of diagnostic on one line.
func (e *exceededError) Error() string { return e.diagnostic().Error() }

// diagnostic is the error with its place, for printing among those of the manifests.
func (e *exceededError) diagnostic() *hcl.Diagnostic {
	d := &hcl.Diagnostic{Severity: hcl.DiagError, Summary: Summary, Detail: e.reason, Subject: e.place}
	if e.stack != nil {
		d.Summary = "Evaluation broke down"
	}
	return d
}

// Diagnose is the diagnostic of an error that Run returned.
func Diagnose(err error) *hcl.Diagnostic {
	if over, ok := errors.AsType[*exceededError](err); ok {
		return over.diagnostic()
	}
	return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Interrupted", Detail: fmt.Sprintf("%v.", err)}
}

// Constant evaluates, within the default bounds, what can refer to nothing.
func Constant(ctx context.Context, x hcl.Expression) (cty.Value, hcl.Diagnostics) {
	var v cty.Value
	var diags hcl.Diagnostics
	err := run(ctx, usual, func(ctx context.Context, at *spot) {
		at.set(x.Range().Ptr())
		if native, ok := x.(hclsyntax.Expression); ok {
			Bound(native, func() { step(ctx) })
		}
		v, diags = x.Value(nil)
	})
	if err != nil {
		return cty.DynamicVal, hcl.Diagnostics{Diagnose(err)}
	}
	return v, diags
}

// pollEvery is short against the time in which an evaluation that doubles a text doubles the memory of the process.
const pollEvery = 5 * time.Millisecond

// Run calls fn and waits for it, at most for the bounds of reading, parsing and evaluating all manifests of one catalog: 10 seconds and 1 GiB. Beyond them it
// returns an error, see [Diagnose], as it does when fn panics; when ctx ends, it returns the cause.
//
// Memory is over the bound when what the collector last found alive is, and also, because what is resident is what counts for the node,
// when what is not collected yet takes a quarter more. So that garbage alone does not come to that, the process is expected to have
// a memory limit (runtime/debug) no higher than the bound, beside what it keeps for good.
//
// When Run returns an error that is not about a panic, fn may still be running: the caller must not use what fn writes. It is ended where it comes by
// a step: see [Watch], and [Bound].
func Run(ctx context.Context, fn func()) error {
	return run(ctx, usual, func(context.Context, *spot) { fn() })
}

// run is Run within other bounds. It gives fn the context of its steps.
func run(ctx context.Context, b bounds, fn func(ctx context.Context, at *spot)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, b.time, errTime)
	defer cancel()
	var at spot
	before := used().total
	done := make(chan error, 1)
	go func() {
		ended := false
		defer func() {
			if r := recover(); r != nil {
				done <- &exceededError{place: at.at.Load(), reason: fmt.Sprintf("panic: %v", r), stack: debug.Stack()}
			} else if ended { // and not by a step: then run has returned, or is about to
				done <- nil
			}
		}()
		fn(ctx, &at)
		ended = true
	}()
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for {
		select {
		case err := <-done:
			if err != nil || ctx.Err() == nil {
				return err
			}
			// It may have ended because ctx did.
		case <-ctx.Done():
		case <-poll.C:
			if used().exceeds(before, b.memory) {
				return &exceededError{place: at.at.Load(), reason: fmt.Sprintf("Evaluation takes more than %d MiB of memory.", b.memory>>20)}
			}
			continue
		}
		if cause := context.Cause(ctx); cause != errTime {
			return cause
		}
		return &exceededError{place: at.at.Load(), reason: fmt.Sprintf("Evaluation takes longer than %v.", b.time)}
	}
}

var errTime = fmt.Errorf("evaluation: %w", context.DeadlineExceeded)

// memory is what the process takes, in bytes.
type memory struct {
	total uint64 // heap objects, dead ones too, the gaps between them, and stacks
	live  uint64 // what the last collection found in use, and stacks
}

// exceeds tells whether memory grew by more than bound since it was before. No collection is waited for: meanwhile it would grow on.
func (m memory) exceeds(before, bound uint64) bool {
	return m.live > before+bound || m.total > before+bound+bound/4
}

func used() memory {
	s := []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/memory/classes/heap/stacks:bytes"}, {Name: "/gc/heap/live:bytes"},
	}
	metrics.Read(s)
	stacks := s[2].Value.Uint64()
	return memory{total: s[0].Value.Uint64() + s[1].Value.Uint64() + stacks, live: s[3].Value.Uint64() + stacks}
}
