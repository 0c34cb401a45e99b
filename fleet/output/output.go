// Package output is what many nodes print: by line as it comes, gathered and folded under the names of those that agree, compared, or as JSON.
//
// Whatever nodes print stays bounded in memory and is passed on byte for byte, except to a terminal, where control characters are escaped.
package output

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash"
	"io"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/nodeapply/apply/report"
)

// Bounds of a line that is printed in one piece, in bytes: each node's may be as long as small, and up to large while all of them together do not hold more
// than pool beyond that. A longer one is printed in pieces, of which none is lost.
const (
	small = 64 << 10
	large = 4 << 20
	pool  = 64 << 20
)

// together is how many bytes of lines are printed by one call at most, but for a line that is longer: so many go into a pipe in one piece, and what another stream
// prints to it stands between lines.
const together = 4 << 10

// Lines prints lines of many nodes to one stream, each whole and with the name of its node. It may be used by several goroutines.
type Lines struct {
	mu       sync.Mutex
	w        io.Writer
	terminal bool
	pooled   int // bytes that lines hold beyond small
	err      error
}

// NewLines prints to w.
func NewLines(w io.Writer, terminal bool) *Lines { return &Lines{w: w, terminal: terminal} }

// Node is a writer for what a node prints, each line of it after the node's name and a colon, a further piece of a line that is too long after a colon and a
// plus sign. Close prints the end of a last line without a newline.
func (l *Lines) Node(name string) io.WriteCloser { return &lineWriter{lines: l, name: name} }

// grow takes n more bytes from the pool, or gives back -n, and tells whether they were there.
func (l *Lines) grow(n int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n > pool-l.pooled {
		return false
	}
	l.pooled += n
	return true
}

// Line prints a line of no node's, or several, however long they are.
func (l *Lines) Line(text string) error {
	for line := range strings.SplitSeq(text, "\n") {
		if err := l.print("", []byte(line)); err != nil {
			return err
		}
	}
	return nil
}

func (l *Lines) print(prefix string, line []byte) error { return l.write(l.add(nil, prefix, line)) }

// add appends a line as it is printed.
func (l *Lines) add(to []byte, prefix string, line []byte) []byte {
	to = append(to, prefix...)
	if l.terminal {
		to = append(to, report.Printable(string(bytes.TrimSuffix(line, []byte("\r"))))...)
	} else {
		to = append(to, line...)
	}
	return append(to, '\n')
}

// write prints whole lines.
func (l *Lines) write(text []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil && len(text) > 0 {
		_, l.err = l.w.Write(text)
	}
	return l.err
}

// lineWriter cuts what comes into lines.
type lineWriter struct {
	lines *Lines
	name  string
	rest  []byte // the beginning of a line
	again bool   // a piece of it was printed
	ready []byte // lines that are printed with the next ones, while there are some
}

// Write prints the lines that are complete.
func (w *lineWriter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		line, after, whole := bytes.Cut(p, []byte("\n"))
		if room := w.room(len(line)); room < len(line) {
			line, after, whole = p[:room], p[room:], false
			w.rest = append(w.rest, line...)
			if err := w.flush(true); err != nil {
				return 0, err
			}
		} else {
			w.rest = append(w.rest, line...)
		}
		if whole {
			if err := w.flush(false); err != nil {
				return 0, err
			}
		}
		p = after
	}
	return n, w.send(len(w.ready))
}

// room is how many of n bytes the line that is held may still grow by.
func (w *lineWriter) room(n int) int {
	is, will := len(w.rest), min(len(w.rest)+n, large)
	if more := max(will, small) - max(is, small); more > 0 && !w.lines.grow(more) {
		will = max(is, small)
	}
	return min(n, will-is)
}

// flush makes ready what is held: a piece of a line that goes on, or the end of one.
func (w *lineWriter) flush(goesOn bool) error {
	prefix := w.name + ": "
	if w.again {
		prefix = w.name + ":+ "
	}
	if n := len(w.rest) - small; n > 0 {
		w.lines.grow(-n)
	}
	before := len(w.ready)
	w.ready = w.lines.add(w.ready, prefix, w.rest)
	if w.again = goesOn; cap(w.rest) > small {
		w.rest = nil // the memory was the pool's
	}
	w.rest = w.rest[:0]
	if len(w.ready) > together {
		return w.send(before)
	}
	return nil
}

// send prints the first n bytes of what is ready, which are whole lines.
func (w *lineWriter) send(n int) error {
	err := w.lines.write(w.ready[:n])
	if w.ready = append(w.ready[:0], w.ready[n:]...); cap(w.ready) > small && len(w.ready) == 0 {
		w.ready = nil
	}
	return err
}

// Close prints what is left.
func (w *lineWriter) Close() error {
	if len(w.rest) > 0 {
		if err := w.flush(false); err != nil {
			return err
		}
	}
	return w.send(len(w.ready))
}

// Capture keeps the beginning of what a command prints, and knows the whole by length and hash.
type Capture struct {
	limit  int
	head   []byte
	length int64
	sum    hash.Hash
}

// Total is how much all nodes together may keep; each keeps at most maxEach of it.
const (
	total   = 256 << 20
	maxEach = 2 << 20
)

// NewCapture is for one stream of one of so many nodes.
func NewCapture(nodes int) *Capture {
	return &Capture{limit: min(maxEach, total/2/max(nodes, 1)), sum: sha256.New()}
}

// Write takes everything.
func (c *Capture) Write(p []byte) (int, error) {
	c.head = append(c.head, p[:min(len(p), c.limit-len(c.head))]...)
	c.length += int64(len(p))
	return c.sum.Write(p)
}

// Bytes is what is kept.
func (c *Capture) Bytes() []byte { return c.head }

// Empty tells whether nothing came.
func (c *Capture) Empty() bool { return c.length == 0 }

// Cut is how many bytes were not kept.
func (c *Capture) Cut() int64 { return c.length - int64(len(c.head)) }

// Key is the same for outputs that are the same as a whole.
func (c *Capture) Key() string { return string(c.sum.Sum(nil)) }

// Text is what is kept, with a word on what was cut.
func (c *Capture) Text() []byte {
	if c.Cut() == 0 {
		return c.head
	}
	return fmt.Appendf(append([]byte(nil), c.head...), "\n... %d bytes more\n", c.Cut())
}

// JSON sets the keys of a stream: NAME where it is UTF-8, else NAME_base64; NAME_cut where bytes are missing.
func (c *Capture) JSON(object map[string]any, name string) {
	switch {
	case utf8.Valid(c.head):
		object[name] = string(c.head)
	case c.Cut() > 0 && utf8.Valid(whole(c.head)):
		object[name] = string(whole(c.head))
	default:
		object[name+"_base64"] = base64.StdEncoding.EncodeToString(c.head)
	}
	if c.Cut() > 0 {
		object[name+"_cut"] = c.Cut()
	}
}

// whole is text without a last character that is cut in two.
func whole(text []byte) []byte {
	for i := 1; i <= min(utf8.UTFMax, len(text)); i++ {
		if utf8.RuneStart(text[len(text)-i]) {
			return text[:len(text)-i]
		}
	}
	return text
}
