package selection

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/nodeapply/apply/cmd/apply/internal/cli"
	"github.com/nodeapply/apply/fleet"
	"github.com/nodeapply/apply/fleet/nodeset"
	"github.com/nodeapply/apply/fleet/transport"
	"github.com/nodeapply/apply/report"
)

// Each does a job on the selected nodes.
func (s *Nodes) Each(ctx context.Context, sets []string, job fleet.Job) error {
	nodes, dialer, err := s.Selected(sets)
	if err != nil {
		return err
	}
	defer dialer.Close()
	return s.On(ctx, nodes, dialer, job)
}

// On does a job on nodes and tells how it ended, with nothing to print of each but that.
func (s *Nodes) On(ctx context.Context, nodes []fleet.Node, dialer transport.Dialer, job fleet.Job) error {
	ctx, end := Interruptible(ctx)
	results := fleet.Each(ctx, nodes, fleet.Options{Dialer: dialer, Timeout: s.Timeout, Ended: s.Ended}, job)
	return errors.Join(s.Finish(results, end()), s.Summary(results))
}

// Ended prints a node's result with --json.
func (s *Nodes) Ended(r *fleet.Result) {
	if s.JSON {
		s.Print(NodeObject(r))
	}
}

// Print prints an object with --json. Where that fails Summary tells it.
func (s *Nodes) Print(object map[string]any) {
	if s.printed == nil {
		s.printed = s.PrintJSON(object)
	}
}

// toldError is why what became of the nodes could not be told.
type toldError struct {
	error
	code int
}

// ExitCode is that of the whole, and not 0: nor 1, which says that nothing was begun.
func (e *toldError) ExitCode() int { return e.code }

// Told is the error of printing what became of the nodes, once Finish has set the exit code.
func (s *Nodes) Told(err error) error {
	if err == nil {
		return nil
	}
	return &toldError{err, max(s.Code, cli.Failed)}
}

// settling is how long a signal may be repeated: timeout(1) sends one to the process and to its group, and a user means one by it.
const settling = 500 * time.Millisecond

// Interruptible ends the context by the first signal; a second, settling later, ends the process. Number is that of the signal that came, 0 for none.
func Interruptible(ctx context.Context) (_ context.Context, end func() (number int)) {
	ctx, cancel := context.WithCancelCause(ctx)
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	done := make(chan int, 1)
	go func() {
		s, ok := <-ch
		if !ok {
			done <- 0
			return
		}
		cancel(fleet.ErrInterrupted)
		for settled := time.After(settling); ok; {
			select {
			case _, ok = <-ch:
			case <-settled:
				ok = false
			}
		}
		signal.Stop(ch)
		done <- int(s.(syscall.Signal))
	}()
	return ctx, func() int {
		signal.Stop(ch)
		close(ch)
		n := <-done
		cancel(nil)
		return n
	}
}

// Finish remembers what failed, and sets the exit code.
func (s *Nodes) Finish(results []*fleet.Result, interrupted int) error {
	enough, err := s.enough(len(results))
	if err != nil {
		return err
	}
	s.Code = fleet.ExitCode(results, enough)
	if interrupted != 0 {
		s.Code = 128 + interrupted
	}
	var failed []string
	if s.retryFailed { // those of which it was not tried again have still failed
		before, _ := s.lastFailed() // which was read before
		failed = slices.DeleteFunc(before, func(name string) bool {
			return slices.ContainsFunc(results, func(r *fleet.Result) bool { return r.Node == name })
		})
	}
	for _, r := range results {
		if r.Outcome != fleet.OK {
			failed = append(failed, r.Node)
		}
	}
	if err := s.saveFailed(failed); err != nil {
		fmt.Fprintf(s.Stderr, "apply: what failed is not kept for --retry-failed: %v\n", err)
	}
	return nil
}

// NodeObject is a result as JSON. Its keys are a promise.
func NodeObject(r *fleet.Result) map[string]any {
	object := map[string]any{"event": "node", "node": r.Node, "outcome": r.Outcome, "duration_ms": report.Millis(r.Took)}
	if r.Err != nil {
		object["error"] = r.Err.Error()
	} else {
		object["code"] = r.Exit.Code
	}
	if r.Exit.Signal != "" {
		object["signal"] = r.Exit.Signal
	}
	return object
}

// Why is what a result is told as: the same for nodes that ended the same way.
func Why(r *fleet.Result) string {
	switch {
	case r.Outcome == fleet.Interrupted:
		return string(r.Outcome) // and the error is just that
	case r.Err != nil:
		return report.Printable(fmt.Sprintf("%s: %v", r.Outcome, r.Err))
	case r.Exit.Signal != "":
		return report.Printable("failed: signal " + r.Exit.Signal)
	case r.Outcome == fleet.Failed:
		return fmt.Sprintf("failed: exit code %d", r.Exit.Code)
	}
	return string(r.Outcome)
}

// Summary says how many nodes went well, and which did not and why: one line, and one for each reason.
func (s *Nodes) Summary(results []*fleet.Result) error {
	by := map[string][]string{}
	var order []string
	outcomes := map[fleet.Outcome][]string{}
	for _, r := range results {
		outcomes[r.Outcome] = append(outcomes[r.Outcome], r.Node)
		if r.Outcome == fleet.OK {
			continue
		}
		reason := Why(r)
		if by[reason] == nil {
			order = append(order, reason)
		}
		by[reason] = append(by[reason], r.Node)
	}
	if s.JSON {
		if s.printed == nil {
			s.printed = s.summaryJSON(results, outcomes)
		}
		return s.Told(s.printed)
	}
	for _, reason := range order {
		if _, err := fmt.Fprintf(s.Stderr, "%s: %s\n", nodeset.Fold(by[reason]), reason); err != nil {
			return s.Told(err)
		}
	}
	line := fmt.Sprintf("%d of %d ok", len(outcomes[fleet.OK]), len(results))
	for _, o := range []fleet.Outcome{fleet.OK, fleet.Failed, fleet.Unreachable, fleet.TimedOut, fleet.Interrupted, fleet.Skipped} {
		switch names := outcomes[o]; {
		case len(names) == 0:
		case o == fleet.OK:
			line += ": " + nodeset.Fold(names)
		default:
			line += fmt.Sprintf("; %d %s: %s", len(names), o, nodeset.Fold(names))
		}
	}
	_, err := fmt.Fprintln(s.Stderr, line)
	return s.Told(err)
}

func (s *Nodes) summaryJSON(results []*fleet.Result, outcomes map[fleet.Outcome][]string) error {
	sets := map[fleet.Outcome]string{}
	for o, names := range outcomes {
		sets[o] = nodeset.Fold(names)
	}
	outcome := fleet.OK
	if len(outcomes[fleet.OK]) < len(results) {
		outcome = fleet.Failed
	}
	return s.PrintJSON(map[string]any{
		"event": "summary", "outcome": outcome, "total": len(results), "ok": len(outcomes[fleet.OK]), "failed": len(outcomes[fleet.Failed]),
		"unreachable": len(outcomes[fleet.Unreachable]), "timeout": len(outcomes[fleet.TimedOut]), "interrupted": len(outcomes[fleet.Interrupted]),
		"skipped": len(outcomes[fleet.Skipped]), "nodes": sets, "code": s.Code,
	})
}

// Segment is the same for nodes that reach each other: those behind the same gateway.
func Segment(d transport.Dialer, t transport.Target) string {
	if s, ok := d.(transport.SSH); ok {
		return s.Gateway(t)
	}
	return t.Gateway // what a connector does is not known
}
