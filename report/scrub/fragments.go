package scrub

import (
	"bytes"
	"index/suffixarray"
	"slices"
	"sort"
	"strings"
)

// fragments finds pieces of sensitive values in the output of commands, which cut and wrap them: the end of a value where a line begins, its
// beginning where a line ends, and lines that are a piece of one, such as those of base64(1).
type fragments struct {
	sorted []string // all forms
	data   []byte   // all forms, each with a zero byte behind it
	index  *suffixarray.Index
}

const (
	// shortestPiece is how long a piece of a value is at least that is hidden where a line begins or ends. It is longer than the shortest value,
	// because innocent lines end with what a value begins with by chance.
	shortestPiece = 8
	// cutFrom is the length from which on a text may have been cut at its ends.
	cutFrom = 4000
	// mostPlaces bounds the work for values that repeat themselves.
	mostPlaces = 256
)

func newFragments(forms map[string]bool) *fragments {
	f := &fragments{sorted: make([]string, 0, len(forms))}
	for form := range forms {
		f.sorted = append(f.sorted, form)
		f.data = append(append(f.data, form...), 0)
	}
	slices.Sort(f.sorted)
	f.index = suffixarray.New(f.data)
	return f
}

// hide replaces the pieces in a text that has no whole values any more. ends: the text may have been cut at its ends.
func (f *fragments) hide(text string, ends bool) string {
	lines := strings.SplitAfter(text, "\n")
	inside := ends // the line may begin inside a value
	for i, line := range lines {
		body := strings.TrimRight(line, "\r\n")
		ending := line[len(body):]
		begin, end := shortestPiece, shortestPiece
		if inside {
			begin = shortest
		}
		if ends && i == len(lines)-1 {
			end = shortest
		}
		from := f.endsAt(body, begin)
		to := len(body)
		if from < to {
			to = from + f.beginsAt(body[from:], end)
		}
		inside = from == len(body) && from > 0 || to < len(body)
		lines[i] = masked(from > 0) + body[from:to] + masked(to < len(body)) + ending
	}
	return strings.Join(lines, "")
}

func masked(yes bool) string {
	if yes {
		return Hidden
	}
	return ""
}

// endsAt returns the length of the longest beginning of line that is the end of a form; all of it, if it is a piece from within one. 0: none.
func (f *fragments) endsAt(line string, least int) int {
	if len(line) < least {
		return 0
	}
	longest := 0
	for _, at := range f.index.Lookup([]byte(line[:least]), mostPlaces) {
		rest := f.data[at : at+bytes.IndexByte(f.data[at:], 0)]
		switch {
		case len(rest) <= len(line) && line[:len(rest)] == string(rest):
			longest = max(longest, len(rest))
		case len(rest) > len(line) && string(rest[:len(line)]) == line:
			return len(line)
		}
	}
	return longest
}

// beginsAt returns where the longest end of line begins that is the beginning of a form; its length if there is none.
func (f *fragments) beginsAt(line string, least int) int {
	for at := 0; at <= len(line)-least; at++ {
		end := line[at:]
		i := sort.SearchStrings(f.sorted, end)
		if i < len(f.sorted) && strings.HasPrefix(f.sorted[i], end) {
			return at
		}
	}
	return len(line)
}
