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
	"sync"
	"unicode/utf8"

	"github.com/nodeapply/apply/report"
)

// maxLine bounds a line that is printed in one piece.
const maxLine = 64 << 10

// Lines prints lines of many nodes to one stream, each whole and with the name of its node. It may be used by several goroutines.
type Lines struct {
	mu       sync.Mutex
	w        io.Writer
	terminal bool
	err      error
}

// NewLines prints to w.
func NewLines(w io.Writer, terminal bool) *Lines { return &Lines{w: w, terminal: terminal} }

// Node is a writer for what a node prints. Close prints the end of a last line without a newline.
func (l *Lines) Node(prefix string) io.WriteCloser { return &lineWriter{lines: l, prefix: prefix} }

func (l *Lines) print(prefix string, line []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	text := append([]byte(nil), prefix...)
	if l.terminal {
		text = append(text, report.Printable(string(bytes.TrimSuffix(line, []byte("\r"))))...)
	} else {
		text = append(text, line...)
	}
	_, l.err = l.w.Write(append(text, '\n'))
	return l.err
}

// lineWriter cuts what comes into lines.
type lineWriter struct {
	lines  *Lines
	prefix string
	rest   []byte
}

// Write prints the lines that are complete.
func (w *lineWriter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\n')
		if i < 0 && len(w.rest)+len(p) < maxLine {
			w.rest = append(w.rest, p...)
			break
		}
		end, next := i, i+1
		if i < 0 || len(w.rest)+i > maxLine {
			end = maxLine - len(w.rest)
			next = end
		}
		if err := w.lines.print(w.prefix, append(w.rest, p[:end]...)); err != nil {
			return 0, err
		}
		w.rest, p = w.rest[:0], p[next:]
	}
	return n, nil
}

// Close prints what is left.
func (w *lineWriter) Close() error {
	if len(w.rest) == 0 {
		return nil
	}
	rest := w.rest
	w.rest = nil
	return w.lines.print(w.prefix, rest)
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
	maxEach = 1 << 20
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
