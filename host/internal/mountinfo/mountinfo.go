// Package mountinfo reads the format of /proc/PID/mountinfo, see proc(5).
package mountinfo

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/nodeapply/apply/host/octal"
)

// Mount is one line.
type Mount struct {
	ID, Parent   int
	Dev          string // MAJOR:MINOR
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
		ID: id, Parent: parent, Dev: f[2],
		Root: octal.Unescape(f[3]), Point: octal.Unescape(f[4]), Options: options(f[5]),
		FSType: octal.Unescape(f[dash+1]), Source: octal.Unescape(f[dash+2]), SuperOptions: options(f[dash+3]),
	}, nil
}

func options(s string) []string {
	all := strings.Split(s, ",")
	for i := range all {
		all[i] = octal.Unescape(all[i])
	}
	return all
}
