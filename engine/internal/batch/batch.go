// Package batch gathers what is ready at the same time, and of one kind, into one transaction.
package batch

import "sync"

// Batches are the transactions of a walk: of members M, which their keys K are expected to bring. It may be used by several goroutines.
type Batches[K comparable, M any] struct {
	mu sync.Mutex
	of map[string]*kind[K, M]
}

// kind is the members of one kind.
type kind[K comparable, M any] struct {
	expected int // ready, and neither here nor ended yet
	joined   map[K]bool
	waiting  []*waiter[M]
	busy     bool
}

type waiter[M any] struct {
	member M
	lead   chan []*waiter[M] // to whom this is sent runs the transaction of all
	done   chan error
}

func (b *Batches[K, M]) get(name string) *kind[K, M] {
	k, ok := b.of[name]
	if !ok {
		if b.of == nil {
			b.of = map[string]*kind[K, M]{}
		}
		k = &kind[K, M]{joined: map[K]bool{}}
		b.of[name] = k
	}
	return k
}

// Expect is told that a key is ready: a transaction of its kind waits for it, until it joins or has ended.
func (b *Batches[K, M]) Expect(name string, key K) {
	b.mu.Lock()
	defer b.mu.Unlock()
	k := b.get(name)
	k.expected++
	k.joined[key] = false
}

// Ended is told that nothing more comes of a key.
func (b *Batches[K, M]) Ended(name string, key K) {
	b.mu.Lock()
	defer b.mu.Unlock()
	k, ok := b.of[name]
	if !ok {
		return
	}
	if joined, expected := k.joined[key]; expected && !joined {
		k.expected--
		k.flush()
	}
	delete(k.joined, key)
}

// flush starts the next transaction if nobody else is to be waited for: its first member runs it.
func (k *kind[K, M]) flush() {
	if k.busy || k.expected > 0 || len(k.waiting) == 0 {
		return
	}
	k.busy = true
	all := k.waiting
	k.waiting = nil
	all[0].lead <- all
}

// Join brings a member and returns how it fared in its transaction, which one of its members makes for all by run: that returns an error, or nil,
// for each. The wait for it goes through the function wait.
func (b *Batches[K, M]) Join(name string, key K, member M, wait func(func()), run func(all []M) []error) error {
	w := &waiter[M]{member: member, lead: make(chan []*waiter[M], 1), done: make(chan error, 1)}
	b.mu.Lock()
	k := b.get(name)
	k.waiting = append(k.waiting, w)
	if joined, expected := k.joined[key]; expected && !joined {
		k.joined[key] = true
		k.expected--
	}
	k.flush()
	b.mu.Unlock()

	var all []*waiter[M]
	var err error
	wait(func() {
		select {
		case all = <-w.lead:
		case err = <-w.done:
		}
	})
	if all == nil {
		return err
	}
	members := make([]M, len(all))
	for i, w := range all {
		members[i] = w.member
	}
	errs := run(members)
	b.mu.Lock()
	k.busy = false
	k.flush()
	b.mu.Unlock()
	for i, w := range all[1:] {
		w.done <- errs[i+1]
	}
	return errs[0]
}
