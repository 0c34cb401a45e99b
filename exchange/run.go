package exchange

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nodeapply/apply/exchange/internal/board"
	"github.com/nodeapply/apply/exchange/internal/cell"
	"github.com/nodeapply/apply/exchange/internal/place"
	"github.com/nodeapply/apply/exchange/internal/queue"
	"github.com/nodeapply/apply/exchange/name"
	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/exchange/store"
	"github.com/nodeapply/apply/exchange/view"
)

// Identity is the node that joins.
type Identity struct {
	Node    string
	Groups  []string
	Boot    string // id of this boot; another one makes facts of an earlier boot stale
	Machine string // id of the machine: two machines that use one name are told so
	Address string // for people, in errors and on the page
	Run     string // id of the run
	Commit  string // of the manifest, if it has one
}

// Plan is what a run will do, as far as other nodes are concerned.
type Plan struct {
	Exports []record.Export
	Blocks  []record.Block
	Waits   []record.Wait
}

// Run is a node's part in an exchange, from Join to End.
type Run struct {
	x     *Exchange
	id    Identity
	who   *cell.Cell // what it says of its node
	place *place.Place
	board *board.Board

	mu    sync.Mutex
	facts map[string]*cell.Cell
}

// Join says who the node is and what its run will do. If another run of that name is alive elsewhere, it waits until that
// one has ended or proves to be alive: then the error is ErrTwins and names both. End must be called.
func (x *Exchange) Join(ctx context.Context, id Identity, p Plan) (*Run, error) {
	r := &Run{x: x, id: id, facts: map[string]*cell.Cell{}}
	if err := name.Node(id.Node); err != nil {
		return nil, err
	}
	for _, w := range p.Waits {
		if err := w.Check(); err != nil {
			return nil, fmt.Errorf("wait.%s: %w", w.Name, err)
		}
	}
	r.who = cell.New(x.store, r.key(name.KindNode, ""))
	b, err := record.Encode(r.who.Key, &record.Node{Groups: id.Groups, Boot: id.Boot, Machine: id.Machine, Address: id.Address})
	if err != nil {
		return nil, err
	}
	rec := record.Run{ID: id.Run, Boot: id.Boot, Machine: id.Machine, Address: id.Address, Exports: p.Exports, Blocks: p.Blocks, Waits: p.Waits}
	r.board = board.New(x.store, x.deployment)
	hooks := place.Hooks{Back: r.restore, Away: r.board.Away}
	if r.place, err = place.Take(ctx, x.store, r.key(name.KindRun, ""), rec, x.timing.lease, hooks); err != nil {
		return nil, fmt.Errorf("exchange: %w", err)
	}
	if err := r.who.Put(ctx, b, 0, cell.Anything); err != nil {
		return nil, errors.Join(fmt.Errorf("exchange: %w", err), r.place.Stop())
	}
	return r, nil
}

// restore writes again what an exchange that lost its data has forgotten: others wait for facts that this run exports once.
func (r *Run) restore(ctx context.Context) error {
	r.mu.Lock()
	cells := append(slices.Collect(maps.Values(r.facts)), r.who)
	r.mu.Unlock()
	for _, c := range cells {
		if err := c.Restore(ctx); err != nil {
			return err
		}
	}
	r.board.Again()
	return nil
}

func (r *Run) key(kind name.Kind, what string) name.Key {
	return name.Key{Kind: kind, Deployment: r.x.deployment, Node: r.id.Node, Name: what}
}

// change changes the run's record; it is written soon, together with other changes.
func (r *Run) change(f func(*record.Run)) { r.place.Change(f) }

// Doing says what the run is at, for those who wait for it.
func (r *Run) Doing(what string) {
	r.change(func(rec *record.Run) { rec.Doing = record.Short(what) })
}

// NotComing says of facts that this run does not export them after all; what stands of them stays.
func (r *Run) NotComing(facts []string) {
	r.change(func(rec *record.Run) {
		rec.Exports = slices.DeleteFunc(slices.Clone(rec.Exports), func(e record.Export) bool { return e.TTL <= 0 && slices.Contains(facts, e.Fact) })
	})
}

// BlocksOver says of blocks that nothing more comes of them, and why that is if it is a failure ("": all has come).
func (r *Run) BlocksOver(because map[string]string) {
	r.change(func(rec *record.Run) {
		var left []record.Block
		for _, b := range rec.Blocks {
			why, over := because[b.Address]
			if b.Failed = cmp.Or(record.Short(why), b.Failed); !over || why != "" {
				left = append(left, b)
			}
		}
		rec.Blocks = left
	})
}

// lost ends, with its cause, when the node has lost its place to another of its name.
func (r *Run) lost() context.Context { return r.place.Life() }

// Publish exports a fact. With a ttl it goes by itself when it is not exported again in time, by the store's clock.
func (r *Run) Publish(ctx context.Context, fact string, value json.RawMessage, ttl time.Duration) error {
	if err := r.put(ctx, fact, record.Fact{Status: record.OK, Value: value, TTL: ttl}); err != nil || ttl <= 0 {
		return err
	}
	r.change(func(rec *record.Run) {
		rec.Exports = slices.Clone(rec.Exports) // the plan's is the caller's
		for i := range rec.Exports {
			if rec.Exports[i].Fact == fact {
				rec.Exports[i].TTL = ttl
			}
		}
	})
	return nil
}

// Fail says that a fact will not come, as a resource that it requires failed: an export that stood from an earlier run is
// withdrawn, and whoever waits for it fails at once with the reason.
func (r *Run) Fail(ctx context.Context, fact, reason string) error {
	return r.put(ctx, fact, record.Fact{Status: record.Failed, Reason: record.Short(reason)})
}

// Withdraw takes a fact back.
func (r *Run) Withdraw(ctx context.Context, fact string) error {
	return r.put(ctx, fact, record.Fact{Status: record.Removed})
}

func (r *Run) put(ctx context.Context, fact string, f record.Fact) error {
	if err := name.Fact(fact); err != nil {
		return err
	}
	f.Run, f.Commit, f.Boot = r.id.Run, r.id.Commit, r.id.Boot
	r.mu.Lock()
	c := r.facts[fact]
	if c == nil {
		c = cell.New(r.x.store, r.key(name.KindFact, fact))
		r.facts[fact] = c
	}
	r.mu.Unlock()
	b, err := record.Encode(c.Key, &f)
	if err != nil {
		return fmt.Errorf("fact.%s: %w", fact, err)
	}
	ctx, stop := r.within(ctx)
	defer stop()
	var lease store.LeaseID
	if f.TTL > 0 {
		lease, err = store.Retry(ctx, func(ctx context.Context) (store.LeaseID, error) { return r.x.store.Grant(ctx, f.TTL) })
	}
	if err == nil {
		err = c.Put(ctx, b, lease, cell.Anything)
	}
	if err != nil {
		return fmt.Errorf("fact.%s: %w", fact, err)
	}
	return nil
}

// within ends a context also when the run is lost.
func (r *Run) within(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(r.lost(), func() { cancel(context.Cause(r.lost())) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// Held is a place inside a limit, a resources.Place: Leave gives it back, the context Inside ends when it is lost, and Number grows with every place.
type Held = queue.Held

// Enter waits until fewer than max other nodes are inside a limit, first come first, and enters it. Whoever takes several
// takes them in the order of their names. progress, which may be nil, is told who is inside while there is no place.
func (r *Run) Enter(ctx context.Context, limit string, max int, progress func(inside []view.Place)) (*Held, error) {
	ctx, stop := r.within(ctx)
	defer stop()
	who := queue.Visitor{Store: r.x.store, Board: r.board, Key: r.key(name.KindLimit, limit), Run: r.id.Run, Lease: r.x.timing.lease, Life: r.lost()}
	return queue.Enter(ctx, who, max, progress)
}

// End says that the run has ended, and with which failure ("" for none): what it has not exported will not come. It waits
// for what the run has started, and returns when the record stands. A second time it does nothing.
func (r *Run) End(ctx context.Context, failed string) error {
	if lost := r.stop(); lost != nil {
		return lost
	}
	err := r.place.End(ctx, func(rec *record.Run) {
		rec.Ended, rec.Failed, rec.Doing, rec.Blocks, rec.Waits = true, record.Short(failed), "", nil, nil
		rec.Exports = slices.DeleteFunc(slices.Clone(rec.Exports), func(e record.Export) bool { return e.TTL <= 0 })
	})
	if err != nil {
		return fmt.Errorf("exchange: %w", err)
	}
	return nil
}

// Leave ends the run in place of End and says nothing about what has not come: the node goes down and will begin anew. Whoever waits for it
// waits on.
func (r *Run) Leave(ctx context.Context) error {
	if lost := r.stop(); lost != nil {
		return lost
	}
	if err := r.place.Leave(ctx); err != nil {
		return fmt.Errorf("exchange: %w", err)
	}
	return nil
}

// stop ends what the run has started and returns why its place is another's, if it is.
func (r *Run) stop() (lost error) {
	lost = r.place.Stop()
	r.board.Stop()
	return lost
}
