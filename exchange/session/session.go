// Package session is the part that one run of a node takes in its exchange, as resources see it.
//
// Nothing is connected before it is needed. A run joins in the background, so that what does not need other nodes goes on while
// the exchange is away; what does need them waits, each with its own deadline.
package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nodeapply/apply/exchange"
	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/exchange/store"
	"github.com/nodeapply/apply/exchange/verdict"
	"github.com/nodeapply/apply/exchange/view"
)

const (
	lookTimeout = 10 * time.Second // for what stands in the exchange
	viewFresh   = time.Second      // how old a view may be
	awayFresh   = 30 * time.Second // for how long an exchange that did not answer is not asked again
	tellTimeout = 30 * time.Second // to say that a fact will not come, and that the run has ended
	doingEvery  = time.Second      // how often what the run is at is told
)

var errUntold = fmt.Errorf("not told within %v", tellTimeout)

// Options say which exchange, and who takes part.
type Options struct {
	URL         string // "" is a file in the state folder, which knows this node alone
	Credentials string // folder; "" is /etc/apply/exchange
	// Store is an exchange of the caller's own, in the place of URL and Credentials; default: none. It stays the caller's to close.
	Store      store.Store
	StateDir   string
	Deployment string
	// Identify says who this node is; it is asked once, when it is first needed. Nil: this machine, in no group.
	Identify func(ctx context.Context) (exchange.Identity, error)
	Warn     func(string) // may be nil
}

// Session is a node's part. It may be used by several goroutines.
type Session struct {
	o Options

	mu    sync.Mutex
	conn  *exchange.Exchange
	store io.Closer // that conn is on, if it is the session's to close
	id    *exchange.Identity
	part  *part

	cycles map[string]string // by wait that failed for one

	looking sync.Mutex // over the view, which is for one reader at a time
	view    *view.View
	away    error
	seen    time.Time
}

// New prepares a session; nothing is connected yet.
func New(o Options) *Session {
	if o.Identify == nil {
		o.Identify = func(context.Context) (exchange.Identity, error) { return ThisMachine() }
	}
	return &Session{o: o}
}

// Shared says that other nodes may take part.
func (s *Session) Shared() bool { return s.o.URL != "" || s.o.Store != nil }

// Begin joins the exchange with what a run will do. It returns at once. End must be called. goingDown is asked before the others are told
// that something will not come: of a node that is being shut down it will, once the node is up again. Nil: it is not.
func (s *Session) Begin(ctx context.Context, run, commit string, plan exchange.Plan, goingDown func(context.Context) bool) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p := &part{joined: make(chan struct{}), notYet: make(chan struct{}), cancel: cancel, goingDown: goingDown}
	s.mu.Lock()
	s.part = p
	s.mu.Unlock()
	p.wg.Go(func() {
		p.run, p.err = s.join(store.WithAway(ctx, p.isAway), run, commit, plan)
		close(p.joined)
		if p.err == nil {
			p.tell(ctx)
		}
	})
}

func (s *Session) join(ctx context.Context, run, commit string, plan exchange.Plan) (*exchange.Run, error) {
	id, err := s.identity(ctx)
	if err != nil {
		return nil, err
	}
	conn, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	id.Run, id.Commit = run, commit
	return conn.Join(ctx, id, plan)
}

// now is the run that has begun, nil where none has.
func (s *Session) now() *part {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.part
}

// Doing says what the run is at, for those who wait for it.
func (s *Session) Doing(what string) {
	if p := s.now(); p != nil {
		p.mu.Lock()
		p.doing = what
		p.mu.Unlock()
	}
}

// NotComing says of a fact that this run does not export it after all: what stands of it stays.
func (s *Session) NotComing(fact string) {
	if p := s.now(); p != nil {
		p.mu.Lock()
		p.notComing = append(p.notComing, fact)
		p.mu.Unlock()
	}
}

// BlockOver says of a block of facts whose names only the run tells that nothing more comes of it, and why that is if it is a failure.
func (s *Session) BlockOver(address, because string) {
	because = s.reason(because)
	if p := s.now(); p != nil {
		p.mu.Lock()
		if p.blocksOver == nil {
			p.blocksOver = map[string]string{}
		}
		p.blocksOver[address] = because
		p.mu.Unlock()
	}
}

// End says that the run has ended, whole or not, and with which failure ("" for none). An exchange that the run cannot reach is told nothing.
func (s *Session) End(ctx context.Context, whole bool, failed string) error {
	s.mu.Lock()
	p := s.part
	s.part = nil
	s.mu.Unlock()
	if p == nil {
		return nil
	}
	p.patient()
	p.cancel()
	p.wg.Wait()
	if p.run == nil {
		return nil // what needed it has failed with the reason
	}
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), tellTimeout, errUntold)
	defer cancel()
	if (!whole || failed != "") && p.goingDown != nil && p.goingDown(ctx) {
		return p.run.Leave(ctx)
	}
	return p.run.End(ctx, failed)
}

// run waits until the run has joined. away, which may be nil, is told once why it has not yet, or whoever the context names for that is.
func (s *Session) run(ctx context.Context, away func(error)) (*exchange.Run, error) {
	p := s.now()
	if p == nil {
		return nil, errors.New("exchange: no run has begun")
	}
	notYet := p.notYet
	if away == nil {
		away = func(err error) { store.TellAway(ctx, err) }
	}
	for {
		select {
		case <-p.joined:
			return p.run, p.err
		case <-notYet:
			away(p.why())
			notYet = nil
		case <-ctx.Done():
			return nil, p.missed(s.o.URL, context.Cause(ctx))
		}
	}
}

// Wait waits until a wait is met, or can never be.
func (s *Session) Wait(ctx context.Context, w record.Wait, progress func(verdict.Verdict)) (exchange.Values, error) {
	run, err := s.run(ctx, func(away error) {
		if progress != nil {
			progress(verdict.Verdict{Fact: w.Fact, Away: away})
		}
	})
	if err != nil {
		return exchange.Values{}, fmt.Errorf("wait.%s: %s: %w", w.Name, w.Subject(), err)
	}
	values, err := run.Wait(ctx, w, progress)
	if failed, ok := errors.AsType[*exchange.WaitError](err); ok {
		s.keepCycle(w.Name, failed.CycleText())
	}
	return values, err
}

func (s *Session) keepCycle(wait, cycle string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cycles == nil {
		s.cycles = map[string]string{}
	}
	s.cycles[wait] = cycle
}

// reason is what others are told of a resource that failed: its address and, of a wait in a cycle, the cycle, so that all of its nodes print it.
func (s *Session) reason(address string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if cycle := s.cycles[strings.Replace(address, "wait.", "", 1)]; cycle != "" {
		return address + ": " + cycle
	}
	return address
}

// Publish keeps a fact in the state folder and exports it.
func (s *Session) Publish(ctx context.Context, fact string, value json.RawMessage, ttl time.Duration) error {
	defer s.forget()
	if err := keep(s.o.StateDir, fact, value); err != nil {
		return err
	}
	run, err := s.run(ctx, nil)
	if err != nil {
		return fmt.Errorf("fact.%s: %w", fact, err)
	}
	return run.Publish(ctx, fact, value, ttl)
}

// Withdraw takes a fact back.
func (s *Session) Withdraw(ctx context.Context, fact string) error {
	return s.takeBack(ctx, fact, func(ctx context.Context, run *exchange.Run) error { return run.Withdraw(ctx, fact) })
}

// Fail says that a fact will not come in this run, because of what failed.
func (s *Session) Fail(ctx context.Context, fact, because string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, tellTimeout, errUntold)
	defer cancel()
	if p := s.now(); p != nil && p.goingDown != nil && p.goingDown(ctx) {
		return nil
	}
	return s.takeBack(ctx, fact, func(ctx context.Context, run *exchange.Run) error { return run.Fail(ctx, fact, s.reason(because)) })
}

func (s *Session) takeBack(ctx context.Context, fact string, do func(context.Context, *exchange.Run) error) error {
	defer s.forget()
	if err := drop(s.o.StateDir, fact); err != nil {
		return err
	}
	run, err := s.run(ctx, nil)
	if err != nil {
		return fmt.Errorf("fact.%s: %w", fact, err)
	}
	return do(ctx, run)
}

// Enter waits for a place in a limit, which concerns a group of nodes or, with "", all. It returns nil for a node of another group.
func (s *Session) Enter(ctx context.Context, limit string, most int, group string, progress func([]view.Place)) (*exchange.Held, error) {
	id, err := s.identity(ctx)
	if err != nil {
		return nil, err
	}
	if group != "" && !s.Shared() {
		return nil, fmt.Errorf("limit.%s: %w", limit, exchange.ErrLocal)
	}
	if group != "" && !slices.Contains(id.Groups, group) {
		return nil, nil
	}
	run, err := s.run(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("limit.%s: %w", limit, err)
	}
	return run.Enter(ctx, limit, most, progress)
}
