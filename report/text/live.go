package text

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/report/screen"
	"github.com/nodeapply/apply/resources"
)

// live is the part of a terminal's screen that is drawn again and again: what runs now, since when, and how far the run is. Its owner's lock
// guards it.
type live struct {
	prose
	region   screen.Region
	total    int
	begun    time.Time
	checked  int // looked at, before anything is changed
	done     int
	failed   int
	now      []activity
	stop     chan struct{}
	once     sync.Once
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

func newLive(p prose, size func() (columns, rows int)) *live {
	return &live{prose: p, region: screen.Region{Size: size}, stop: make(chan struct{})}
}

// start calls redraw until end.
func (l *live) start(total int, now time.Time, redraw func()) {
	l.total, l.begun = total, now
	l.finished.Go(func() {
		t := time.NewTicker(liveRedraw)
		defer t.Stop()
		for {
			select {
			case <-l.stop:
				return
			case <-t.C:
				redraw()
			}
		}
	})
}

func (l *live) end() {
	l.once.Do(func() { close(l.stop) })
	l.finished.Wait()
}

func (l *live) running(a resources.Address, what string, now time.Time) {
	if what == "" {
		l.checked++
		l.forget(a)
		return
	}
	i := slices.IndexFunc(l.now, func(x activity) bool { return x.addr == a })
	if i < 0 {
		l.now = append(l.now, activity{a, what, now})
		return
	}
	l.now[i].what = what
}

func (l *live) ended(r *report.Result) {
	l.done++
	if r.Outcome == report.Failed {
		l.failed++
	}
	l.forget(r.Address)
}

func (l *live) forget(a resources.Address) {
	l.now = slices.DeleteFunc(l.now, func(x activity) bool { return x.addr == a })
}

// draw returns the lines, none as wide as the screen and all together not as high: what has scrolled away could not be cleared.
func (l *live) draw(now time.Time) string {
	columns, rows := l.region.Size()
	var b strings.Builder
	line := func(color, s string) {
		b.WriteString(l.paint(color, l.region.Line(s)) + "\n")
	}
	most := min(liveLines, rows-3)
	shown, hidden := 0, 0
	for _, a := range l.now {
		switch elapsed := now.Sub(a.since); {
		case elapsed < liveAfter:
		case shown >= most:
			hidden++
		default:
			shown++
			line("", a.line(elapsed, columns-1))
		}
	}
	if hidden > 0 && shown > 0 {
		line(dim, fmt.Sprintf("  and %d more", hidden))
	}
	if now.Sub(l.begun) >= liveAfter && l.total > 0 {
		line(dim, l.progress(now))
	}
	return b.String()
}

// line says what a resource is at. Address and then what are shortened, so that the elapsed time can be seen.
func (a activity) line(elapsed time.Duration, columns int) string {
	const least = 10
	took := fmt.Sprintf(" %v", elapsed.Truncate(time.Second))
	what := ": " + report.Printable(a.what)
	room := columns - 2 - screen.Columns(took)
	if room-screen.Columns(what) < least {
		what = ""
	}
	return "  " + screen.Shorten(report.Printable(a.addr.String()), room-screen.Columns(what)) + what + took
}

func (l *live) progress(now time.Time) string {
	s := fmt.Sprintf("%d of %d done", l.done, l.total)
	if l.done == 0 && l.checked > 0 {
		s = fmt.Sprintf("%d of %d checked", l.checked, l.total)
	}
	if l.failed > 0 {
		s += fmt.Sprintf(", %d failed", l.failed)
	}
	return s + fmt.Sprintf(", %v", now.Sub(l.begun).Truncate(time.Second))
}
