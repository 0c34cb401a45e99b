package audit

import (
	"fmt"
	"sync"
	"time"
)

// Those without a certificate can be refused as often as they like: of such entries this many are written in a window, and the others are counted.
const (
	floodMost   = 20
	floodWindow = time.Minute
)

// Flood writes entries that anybody can cause to a Log, within bounds: it is the disk's. What was not written one by one is told as a number, by an entry at the
// end of the window. Close it.
type Flood struct {
	log *Log

	mu      sync.Mutex
	written int
	last    Entry // of those that were only counted
	counted int
	window  *time.Timer // nil: no window is open
	telling sync.WaitGroup
}

// NewFlood has written nothing yet.
func NewFlood(log *Log) *Flood { return &Flood{log: log} }

// Write writes an entry, or counts it.
func (f *Flood) Write(e Entry) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.window == nil {
		f.written = 0
		f.telling.Add(1)
		f.window = time.AfterFunc(floodWindow, func() {
			defer f.telling.Done()
			_ = f.tell() // nobody is there who could be told; the next entry that matters is refused with the same error
		})
	}
	if f.written < floodMost {
		f.written++
		return f.log.Write(e)
	}
	f.counted++
	f.last = e
	return nil
}

// tell ends the window with the number of those that were only counted.
func (f *Flood) tell() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.window = nil
	if f.counted == 0 {
		return nil
	}
	e := f.last
	e.Error = fmt.Sprintf("%d more within %v, of which this is the last: %s", f.counted, floodWindow, e.Error)
	f.counted = 0
	return f.log.Write(e)
}

// Close tells what is left to be told.
func (f *Flood) Close() error {
	f.mu.Lock()
	if f.window != nil && f.window.Stop() {
		f.telling.Done()
	}
	f.mu.Unlock()
	f.telling.Wait()
	return f.tell()
}
