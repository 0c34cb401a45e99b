package report

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nodeapply/apply/resources"
)

// live is the part of a terminal's screen that is drawn again and again: what runs now, since when, and how far the run is.
type live struct {
	width    func() int
	total    int
	done     int
	failed   int
	now      []activity
	lines    int // drawn, to be cleared
	stop     chan struct{}
	finished sync.WaitGroup
}

type activity struct {
	addr  resources.Address
	what  string
	since time.Time
}

// Of what runs, this many are shown; a redraw this often keeps the elapsed time true.
const (
	liveLines  = 6
	liveRedraw = 200 * time.Millisecond
	// What takes less time than this is not worth a line.
	liveAfter = 300 * time.Millisecond
)

func newLive(width func() int) *live {
	return &live{width: width, stop: make(chan struct{})}
}

// start redraws until end. p's lock guards the live part.
func (l *live) start(p *Text, total int) {
	l.total = total
	l.finished.Go(func() {
		t := time.NewTicker(liveRedraw)
		defer t.Stop()
		for {
			select {
			case <-l.stop:
				return
			case <-t.C:
				p.mu.Lock()
				p.write("")
				p.mu.Unlock()
			}
		}
	})
}

func (l *live) end() {
	close(l.stop)
	l.finished.Wait()
}

func (l *live) running(a resources.Address, what string, now time.Time) {
	i := slices.IndexFunc(l.now, func(x activity) bool { return x.addr == a })
	if i < 0 {
		l.now = append(l.now, activity{a, what, now})
		return
	}
	l.now[i].what = what
}

func (l *live) ended(r *Result) {
	l.done++
	if r.Outcome == Failed {
		l.failed++
	}
	l.now = slices.DeleteFunc(l.now, func(x activity) bool { return x.addr == r.Address })
}

// clear returns what takes the drawn lines off the screen.
func (l *live) clear() string {
	s := strings.Repeat("\x1b[1A\x1b[2K", l.lines)
	l.lines = 0
	return s
}

// draw returns the lines, none wider than the screen: a wrapped line could not be cleared.
func (l *live) draw(now time.Time) string {
	width := max(l.width(), 20)
	var b strings.Builder
	line := func(s string) {
		r := []rune(s)
		if len(r) > width-1 {
			r = append(r[:width-2], '…')
		}
		b.WriteString(string(r) + "\n")
		l.lines++
	}
	shown, hidden := 0, 0
	for _, a := range l.now {
		switch took := now.Sub(a.since); {
		case took < liveAfter:
		case shown == liveLines:
			hidden++
		default:
			shown++
			line(fmt.Sprintf("  %s: %s %v", Printable(a.addr.String()), Printable(a.what), took.Round(time.Second)))
		}
	}
	if hidden > 0 {
		line(fmt.Sprintf("  and %d more", hidden))
	}
	if shown > 0 {
		s := fmt.Sprintf("%d of %d", l.done, l.total)
		if l.failed > 0 {
			s += fmt.Sprintf(", %d failed", l.failed)
		}
		line(s)
	}
	return b.String()
}
