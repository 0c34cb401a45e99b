package output

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/nodeapply/apply/report"
)

// Board is the part of a terminal that is drawn again and again below what is printed. It may be used by several goroutines.
type Board struct {
	w      io.Writer
	screen func() (columns, rows int)
	lines  func(now time.Time, most int) []string

	mu    sync.Mutex
	drawn []int // the columns that each drawn line takes
	stop  chan struct{}
	once  sync.Once
	wg    sync.WaitGroup
}

// The board has at most so many lines, and is drawn this often.
const (
	boardLines  = 8
	boardRedraw = 200 * time.Millisecond
)

// NewBoard draws on the terminal w of which screen gives the size. Lines gives at most so many lines for a moment.
func NewBoard(w io.Writer, screen func() (columns, rows int), lines func(now time.Time, most int) []string) *Board {
	b := &Board{w: w, screen: screen, lines: lines, stop: make(chan struct{})}
	b.wg.Go(func() {
		t := time.NewTicker(boardRedraw)
		defer t.Stop()
		for {
			select {
			case <-b.stop:
				return
			case now := <-t.C:
				b.mu.Lock()
				io.WriteString(b.w, b.clear()+b.draw(now)) // what is printed tells of a terminal that has gone
				b.mu.Unlock()
			}
		}
	})
	return b
}

// Write prints whole lines above the board.
func (b *Board) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, err := io.WriteString(b.w, b.clear()+string(p)+b.draw(time.Now())); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close takes the board off. What is written then is printed as it is.
func (b *Board) Close() error {
	b.once.Do(func() { close(b.stop) })
	b.wg.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = func(time.Time, int) []string { return nil }
	_, err := io.WriteString(b.w, b.clear())
	return err
}

// clear returns what takes the lines off the screen. Where that has become narrower, a line takes several rows now.
func (b *Board) clear() string {
	if len(b.drawn) == 0 {
		return ""
	}
	columns, _ := b.screen()
	rows := 0
	for _, n := range b.drawn {
		rows += max(1, (n+columns-1)/max(columns, 1))
	}
	b.drawn = b.drawn[:0]
	return fmt.Sprintf("\r\x1b[%dA\x1b[J", rows)
}

// draw returns the lines, none as wide as the screen and all together not as high: what has scrolled away could not be cleared.
func (b *Board) draw(now time.Time) string {
	columns, rows := b.screen()
	var out strings.Builder
	for _, s := range b.lines(now, max(1, min(boardLines, rows-2))) {
		s = report.Cut(s, columns-1)
		b.drawn = append(b.drawn, report.Columns(s))
		out.WriteString(s + "\n")
	}
	return out.String()
}
