package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/waiting"
	"github.com/nodeapply/apply/resources"
)

// keeper is a recorder in memory. What is owed is looked up by name.
type keeper struct {
	mu      sync.Mutex
	owed    map[string][]resources.Address
	log     []string
	failAt  int
	records int
}

func (k *keeper) Owed(target resources.Address) []resources.Address { return k.owed[nameOf(target)] }

func (k *keeper) Begin(_ context.Context, a resources.Address, _ resources.Diff, owes []resources.Address, _ json.RawMessage) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.records++; k.records == k.failAt {
		return errors.New("journal: no space left on device")
	}
	k.log = append(k.log, fmt.Sprintf("begin %s owes %v", nameOf(a), owes))
	return nil
}

func (k *keeper) Op(context.Context, resources.Address, host.View, host.Op) error { return nil }

func (k *keeper) Settled(_ context.Context, target resources.Address) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.log = append(k.log, "settled "+nameOf(target))
	return nil
}

func (k *keeper) Divided(_ context.Context, target resources.Address, into []resources.Address) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, a := range into {
		if debts := k.owed[nameOf(target)]; len(debts) > 0 {
			k.owed[nameOf(a)] = append(k.owed[nameOf(a)], debts...)
		}
	}
	delete(k.owed, nameOf(target))
	return nil
}

func (k *keeper) Ended(context.Context, resources.Address, host.View, ...resources.Address) error {
	return nil
}

// pair waits for two and lets them go on, the first to come first.
type pair struct {
	first         atomic.Bool
	both, resumed chan struct{}
}

func newPair() *pair { return &pair{both: make(chan struct{}), resumed: make(chan struct{})} }

func (p *pair) wait(ctx context.Context) {
	if p.first.CompareAndSwap(false, true) {
		waiting.ForOthers(ctx, func() { <-p.both })
		close(p.resumed)
	} else {
		close(p.both)
		waiting.ForOthers(ctx, func() { <-p.resumed })
	}
}

// sharedKeeper records two changes at a time, as a journal does that is written to disk for several.
type sharedKeeper struct {
	keeper
	begun *pair
}

func (k *sharedKeeper) Begin(ctx context.Context, a resources.Address, d resources.Diff, owes []resources.Address, before json.RawMessage) error {
	k.begun.wait(ctx)
	return k.keeper.Begin(ctx, a, d, owes, before)
}

// patientKeeper waits for its disk before each change.
type patientKeeper struct{ keeper }

func (k *patientKeeper) Begin(ctx context.Context, a resources.Address, d resources.Diff, owes []resources.Address, before json.RawMessage) error {
	waiting.For(ctx, func() { time.Sleep(time.Second) })
	return k.keeper.Begin(ctx, a, d, owes, before)
}
