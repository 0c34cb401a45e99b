package lines

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"

	"github.com/nodeapply/apply/host/waiting"
)

// Log is a file to which lines are appended. Appends that wait at the same time share one fsync. It may be used by several goroutines.
//
// While busy, one goroutine writes without holding mu; else nobody is waiting, and only queued records are pending.
type Log struct {
	mu      sync.Mutex
	f       *os.File
	pending []byte
	waiting []chan error
	busy    bool
	err     error // after a failed write nothing more is written: what follows a hole would be lost to the reader
}

// NewLog returns a Log that appends to f, which Close closes.
func NewLog(f *os.File) *Log { return &Log{f: f} }

// Append adds lines and returns when they are on disk.
func (l *Log) Append(ctx context.Context, lines []byte) error {
	done := make(chan error, 1)
	l.mu.Lock()
	if err := l.err; err != nil {
		l.mu.Unlock()
		return err
	}
	l.pending = append(l.pending, lines...)
	l.waiting = append(l.waiting, done)
	lead := !l.busy
	l.busy = true
	l.mu.Unlock()

	var err error
	waiting.For(ctx, func() {
		if lead {
			l.flush(ctx)
		}
		err = <-done
	})
	return err
}

// Queue adds lines that need not be on disk before the next ones that are appended.
func (l *Log) Queue(lines []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pending = append(l.pending, lines...)
	return l.err
}

// Later adds lines that need not be on disk before something else happens. They are written at once, so that they outlive the process, and
// synced with what is appended next.
func (l *Log) Later(lines []byte) error {
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
func (l *Log) flush(ctx context.Context) {
	waiting.Gather(ctx, l.waiters)
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
func (l *Log) waiters() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.waiting)
}

func (l *Log) write(lines []byte, sync bool) error {
	_, err := l.f.Write(lines)
	if err == nil && sync {
		err = l.f.Sync()
	}
	if err == nil && sync {
		err = l.there()
	}
	return err
}

// there says that the file can be read by its name: what is written to one that was removed, with the folder that it is in, say, is lost.
func (l *Log) there() error {
	info, err := l.f.Stat()
	if err != nil {
		return err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Nlink == 0 {
		return fmt.Errorf("%s: somebody has removed it, and without it nothing is changed", l.f.Name())
	}
	return nil
}

// Close writes what is queued still.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil && len(l.pending) > 0 {
		l.err = l.write(l.pending, false)
	}
	return errors.Join(l.err, l.f.Close())
}
