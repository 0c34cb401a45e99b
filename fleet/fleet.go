// Package fleet does one thing on many nodes from one seat: it selects them from an inventory, reaches each by a transport, and says truthfully how it
// ended on every one of them.
//
// A node's name is its unit everywhere. A dead node costs its own time and nobody else's.
package fleet

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nodeapply/apply/fleet/transport"
)

// Node is a node to work on.
type Node struct {
	transport.Target
	Groups []string
	Facts  map[string]string // each as JSON
	Agent  bool              // commands go by its agent, not by ssh
}

// Outcome says how it ended on a node.
type Outcome string

// The outcomes.
const (
	OK          Outcome = "ok"
	Failed      Outcome = "failed"      // the command ended with another code than 0, or by a signal
	Unreachable Outcome = "unreachable" // no connection, or it was lost
	TimedOut    Outcome = "timeout"     // the command was ended because it took too long
	Interrupted Outcome = "interrupted" // the operator ended it
	Skipped     Outcome = "skipped"     // not begun: too many others had failed, or the operator ended the run
)

// Result is how it ended on one node.
type Result struct {
	Node    string
	Outcome Outcome
	Exit    transport.Exit
	Err     error // why it is neither OK nor Failed by its exit code
	Took    time.Duration
}

// Code is what the node adds to the exit code of the whole: the command's own, 4 where it had none.
func (r *Result) Code() int {
	switch {
	case r.Outcome == OK:
		return 0
	case r.Outcome == Failed && r.Exit.Code != 0:
		return r.Exit.Code
	}
	return codeFailed
}

// codeFailed is the exit code of a run in which something failed.
const codeFailed = 4

// ExitCode is the exit code of the whole: the highest that a command ended with, where a node that was not reached, timed out or was skipped counts as 4;
// 0 where at least enough nodes are OK.
func ExitCode(results []*Result, enough int) int {
	code, ok := 0, 0
	for _, r := range results {
		code = max(code, r.Code())
		if r.Outcome == OK {
			ok++
		}
	}
	if ok >= enough {
		return 0
	}
	return code
}

// ErrInterrupted is the cause of a context that the operator ended.
var ErrInterrupted = errors.New("interrupted")

// errEnough is why nodes are skipped.
var errEnough = errors.New("too many nodes failed before")

// Job works on one connected node. A JobError or a transport.OutputError makes the node Failed; any other error Unreachable, unless the context ended it.
type Job func(ctx context.Context, n Node, c transport.Conn) (transport.Exit, error)

// JobError is why a job failed on a node that was reached.
type JobError struct {
	Err  error
	Exit transport.Exit // of the program that failed, if it was one
}

// Error is the reason alone.
func (e *JobError) Error() string { return e.Err.Error() }

// Unwrap gives the reason.
func (e *JobError) Unwrap() error { return e.Err }

// Options say how Each works.
type Options struct {
	Dialer      transport.Dialer // required
	Timeout     time.Duration    // of the job on each node, once it is connected; 0: none
	Batch       int              // nodes at a time, each batch after the last one ended; 0: all at once
	MaxFailures int              // so many failed nodes, and no further batch begins; 0: all begin
	Begun       func(Node)       // may be nil
	Ended       func(*Result)    // may be nil; called by one goroutine at a time
}

// Each does the job on every node and returns the results in the order of nodes.
func Each(ctx context.Context, nodes []Node, o Options, job Job) []*Result {
	results := make([]*Result, len(nodes))
	batch := o.Batch
	if batch <= 0 {
		batch = max(len(nodes), 1)
	}
	failures := 0
	var mu sync.Mutex
	tell := func(i int, r *Result) {
		mu.Lock()
		defer mu.Unlock()
		results[i] = r
		if r.Outcome != OK {
			failures++
		}
		if o.Ended != nil {
			o.Ended(r)
		}
	}
	for start := 0; start < len(nodes); start += batch {
		end := min(start+batch, len(nodes))
		if o.MaxFailures > 0 && failures >= o.MaxFailures || ctx.Err() != nil {
			for i := start; i < len(nodes); i++ {
				err := errEnough
				if ctx.Err() != nil {
					err = context.Cause(ctx)
				}
				tell(i, &Result{Node: nodes[i].Name, Outcome: Skipped, Err: err})
			}
			break
		}
		var wg sync.WaitGroup
		for i := start; i < end; i++ {
			wg.Go(func() { tell(i, o.one(ctx, nodes[i], job)) })
		}
		wg.Wait()
	}
	return results
}

// one does the job on one node.
func (o *Options) one(ctx context.Context, n Node, job Job) *Result {
	start := time.Now()
	if o.Begun != nil {
		o.Begun(n)
	}
	r := &Result{Node: n.Name}
	r.Exit, r.Err = o.reach(ctx, n, job)
	r.Took = time.Since(start)
	r.Outcome = outcome(r)
	return r
}

func (o *Options) reach(ctx context.Context, n Node, job Job) (transport.Exit, error) {
	c, err := o.Dialer.Dial(ctx, n.Target)
	if err != nil {
		return transport.Exit{}, err
	}
	defer c.Close()
	if o.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, o.Timeout, &commandTimeout{transport.TimeoutError{After: o.Timeout, What: "command"}})
		defer cancel()
	}
	return job(ctx, n, c)
}

// commandTimeout tells a command that took too long from a node that did not answer.
type commandTimeout struct{ transport.TimeoutError }

func outcome(r *Result) Outcome {
	var late *commandTimeout
	var job *JobError
	var output *transport.OutputError
	switch {
	case errors.Is(r.Err, ErrInterrupted):
		return Interrupted
	case errors.As(r.Err, &late):
		return TimedOut
	case errors.As(r.Err, &job), errors.As(r.Err, &output):
		return Failed
	case r.Err != nil:
		return Unreachable
	case r.Exit.Code != 0 || r.Exit.Signal != "":
		return Failed
	}
	return OK
}
