package output

import (
	"io"
	"strings"
	"sync"
	"time"

	"github.com/nodeapply/apply/report/screen"
)

// Board is the part of a terminal that is drawn again and again below what is printed. It may be used by several goroutines.
type Board struct {
	w     io.Writer
	lines func(now time.Time, most int) []string

	mu     sync.Mutex
	region screen.Region
	stop   chan struct{}
	once   sync.Once
	wg     sync.WaitGroup
}

// The board has at most so many lines, and is drawn this often.
const (
	boardLines  = 8
	boardRedraw = 200 * time.Millisecond
)

// NewBoard draws on the terminal w of which size gives the columns and rows. Lines gives at most so many lines for a moment.
func NewBoard(w io.Writer, size func() (columns, rows int), lines func(now time.Time, most int) []string) *Board {
	b := &Board{w: w, region: screen.Region{Size: size}, lines: lines, stop: make(chan struct{})}
	b.wg.Go(func() {
		t := time.NewTicker(boardRedraw)
		defer t.Stop()
		for {
			select {
			case <-b.stop:
				return
			case now := <-t.C:
				b.mu.Lock()
				io.WriteString(b.w, b.region.Clear()+b.draw(now)) // what is printed tells of a terminal that has gone
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
	if _, err := io.WriteString(b.w, b.region.Clear()+string(p)+b.draw(time.Now())); err != nil {
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
	_, err := io.WriteString(b.w, b.region.Clear())
	return err
}

// draw returns the lines, none as wide as the screen and all together not as high: what has scrolled away could not be cleared.
func (b *Board) draw(now time.Time) string {
	_, rows := b.region.Size()
	var out strings.Builder
	for _, s := range b.lines(now, max(1, min(boardLines, rows-2))) {
		out.WriteString(b.region.Line(s) + "\n")
	}
	return out.String()
}
