// Package mountinfo reads the format of /proc/PID/mountinfo, see proc(5).
package mountinfo

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Mount is one line.
type Mount struct {
	ID, Parent   int
	Root, Point  string
	Options      []string
	FSType       string
	Source       string
	SuperOptions []string
}

// Parse reads all lines of r, in their order.
func Parse(r io.Reader) ([]Mount, error) {
	var all []Mount
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20) // the options of an overlay of many layers are long
	for lines.Scan() {
		m, err := line(lines.Text())
		if err != nil {
			return nil, fmt.Errorf("mountinfo: line %d: %w", len(all)+1, err)
		}
		all = append(all, m)
	}
	return all, lines.Err()
}

// line reads: id parent major:minor root point options [optional...] - type source superoptions
func line(s string) (Mount, error) {
	f := strings.Split(s, " ")
	dash := -1
	for i := 6; i < len(f); i++ {
		if f[i] == "-" {
			dash = i
			break
		}
	}
	if dash < 0 || len(f) < dash+4 {
		return Mount{}, fmt.Errorf("%q: not of the form of proc(5)", s)
	}
	id, err1 := strconv.Atoi(f[0])
	parent, err2 := strconv.Atoi(f[1])
	if err1 != nil || err2 != nil {
		return Mount{}, fmt.Errorf("%q: an id is not a number", s)
	}
	return Mount{
		ID: id, Parent: parent,
		Root: unescape(f[3]), Point: unescape(f[4]), Options: options(f[5]),
		FSType: unescape(f[dash+1]), Source: unescape(f[dash+2]), SuperOptions: options(f[dash+3]),
	}, nil
}

func options(s string) []string {
	all := strings.Split(s, ",")
	for i := range all {
		all[i] = unescape(all[i])
	}
	return all
}

// unescape replaces the \ooo by which the kernel writes space, tab, newline and backslash.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
