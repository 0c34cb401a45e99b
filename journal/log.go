package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/nodeapply/apply/host"
)

// log is a file to which records are appended. Appends that wait at the same time share one fsync.
//
// While busy, one goroutine writes without holding mu; else nobody is waiting, and only queued records are pending.
type log struct {
	mu      sync.Mutex
	f       *os.File
	pending []byte
	waiting []chan error
	busy    bool
	err     error // after a failed write nothing more is written: what follows a hole would be lost to the reader
}

// append adds records and returns when they are on disk.
func (l *log) append(ctx context.Context, records ...record) error {
	lines, err := encodeAll(records)
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	l.mu.Lock()
	if l.err != nil {
		l.mu.Unlock()
		return l.err
	}
	l.pending = append(l.pending, lines...)
	l.waiting = append(l.waiting, done)
	lead := !l.busy
	l.busy = true
	l.mu.Unlock()

	host.Waiting(ctx, func() {
		if lead {
			l.flush(ctx)
		}
		err = <-done
	})
	return err
}

// queue adds a record that need not be on disk before the next one that is appended.
func (l *log) queue(r record) error {
	line, err := encode(r)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pending = append(l.pending, line...)
	return l.err
}

// later adds records that need not be on disk before something else happens. They are written at once, so that they outlive the process, and
// synced with what is appended next.
func (l *log) later(records ...record) error {
	lines, err := encodeAll(records)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.err != nil:
	case l.busy:
		l.pending = append(l.pending, lines...)
	default:
		l.err = l.write(append(l.pending, lines...), false)
		l.pending = nil
	}
	return l.err
}

// flush writes and syncs until nothing is pending. Only one goroutine at a time does.
func (l *log) flush(ctx context.Context) {
	host.Gather(ctx, l.waiters)
	for {
		l.mu.Lock()
		lines, waiting := l.pending, l.waiting
		l.pending, l.waiting = nil, nil
		if len(lines) == 0 {
			l.busy = false
			l.mu.Unlock()
			return
		}
		err := l.err
		l.mu.Unlock()
		if err == nil {
			err = l.write(lines, len(waiting) > 0)
		}
		if err != nil {
			l.mu.Lock()
			l.err = err
			l.mu.Unlock()
		}
		for _, w := range waiting {
			w <- err
		}
	}
}

// waiters is how many appends wait for the next sync.
func (l *log) waiters() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.waiting)
}

func (l *log) write(lines []byte, sync bool) error {
	if _, err := l.f.Write(lines); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if !sync {
		return nil
	}
	if err := l.f.Sync(); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// close writes what is queued still.
func (l *log) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil && len(l.pending) > 0 {
		l.err = l.write(l.pending, false)
	}
	return errors.Join(l.err, l.f.Close())
}
