// Package unified writes the difference of two texts as a unified diff with as few removed and added lines as there can be, also where lines
// repeat.
package unified

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/rogpeppe/go-internal/diff"
)

const (
	around = 3 // lines that are shown before and after a change
	// most bounds the search, and with it time (this times the lines) and memory (its square). A difference of more lines is too long to be read, and
	// is that of a method that looks at the lines that are there once.
	most = 500
)

// Diff returns the difference, "" of equal texts. Both have the name, which is quoted where it would not be one line.
func Diff(name, from, to string) string {
	if from == to {
		return ""
	}
	if strings.ContainsFunc(name, unicode.IsControl) {
		name = strconv.Quote(name)
	}
	a, b := lines(from), lines(to)
	if len(a) == 0 || len(b) == 0 {
		return write(name, script(a, b, nil)) // nothing to search for
	}
	same, ok := common(a, b)
	if !ok {
		_, text, _ := bytes.Cut(diff.Diff(name, []byte(from), name, []byte(to)), []byte("\n")) // the line "diff OLD NEW" says nothing more
		return string(text)
	}
	return write(name, script(a, b, same))
}

// lines splits a text. A last line without an end is another than one with.
func lines(text string) []string {
	l := strings.SplitAfter(text, "\n")
	if last := len(l) - 1; l[last] == "" {
		return l[:last]
	}
	return l
}

// pair is a line of both texts, by its index in each.
type pair struct{ a, b int }

// common returns the lines of a longest common subsequence; ok is false if more than most lines are in one text alone. It goes by the number d
// of such lines: of all ways with d of them it keeps, for each difference k between the indexes, the one that comes furthest
// (E. Myers, An O(ND) Difference Algorithm and Its Variations, 1986).
func common(a, b []string) (same []pair, ok bool) {
	var reached [][]int // by d, then by k+d: the index in a, -1 if there is no such way
	for d := range most + 1 {
		far := make([]int, 2*d+1)
		for k := -d; k <= d; k += 2 {
			x, _ := step(a, b, reached, d, k)
			for x >= 0 && x < len(a) && x-k < len(b) && a[x] == b[x-k] {
				x++
			}
			far[k+d] = x
			if x == len(a) && x-k == len(b) {
				return back(a, b, append(reached, far), d, k), true
			}
		}
		reached = append(reached, far)
	}
	return nil, false
}

// step returns how far a way with d-1 lines comes on k with one more, and on which k it was: one line of b alone leads there from k+1, one
// of a alone from k-1.
func step(a, b []string, reached [][]int, d, k int) (x, from int) {
	if d == 0 {
		return 0, 0
	}
	x = -1
	before := reached[d-1] // by k+d-1
	if i := k + d; i < len(before) && before[i] >= 0 && before[i]-k <= len(b) {
		x, from = before[i], k+1
	}
	if i := k + d - 2; i >= 0 && before[i] >= 0 && before[i] < len(a) && before[i]+1 > x {
		x, from = before[i]+1, k-1
	}
	return x, from
}

// back goes the way back that ended with d lines on k.
func back(a, b []string, reached [][]int, d, k int) []pair {
	var same []pair
	for ; d >= 0; d-- {
		begin, from := step(a, b, reached, d, k)
		for x := reached[d][k+d]; x > begin; x-- {
			same = append(same, pair{x - 1, x - 1 - k})
		}
		k = from
	}
	slices.Reverse(same)
	return same
}

// line is one line of the difference; sign is ' ', '-' or '+'.
type line struct {
	sign byte
	text string
}

// script lists the lines of both texts, removed ones before added ones.
func script(a, b []string, same []pair) []line {
	var all []line
	i, j := 0, 0
	for _, p := range append(same, pair{len(a), len(b)}) {
		for ; i < p.a; i++ {
			all = append(all, line{'-', a[i]})
		}
		for ; j < p.b; j++ {
			all = append(all, line{'+', b[j]})
		}
		if i < len(a) {
			all = append(all, line{' ', a[i]})
			i, j = i+1, j+1
		}
	}
	return all
}

// write prints the changes with the lines around them.
func write(name string, all []line) string {
	var out strings.Builder
	fmt.Fprintf(&out, "--- %s\n+++ %s\n", name, name)
	a, b, at := 0, 0, 0 // lines of the texts, and of all, before the hunk
	for {
		next := slices.IndexFunc(all[at:], func(l line) bool { return l.sign != ' ' })
		if next < 0 {
			return out.String()
		}
		skip := max(0, next-around)
		a, b, at = a+skip, b+skip, at+skip
		end := at
		for i := at; i < len(all) && i < max(end+2*around, at+around+1); i++ {
			if all[i].sign != ' ' {
				end = i + 1
			}
		}
		end = min(len(all), end+around)
		inA, inB, size := 0, 0, len("@@ -,+, @@\n")+4*20
		for _, l := range all[at:end] {
			size += 1 + len(l.text)
			if l.sign != '+' {
				inA++
			}
			if l.sign != '-' {
				inB++
			}
		}
		out.Grow(size)
		fmt.Fprintf(&out, "@@ -%d,%d +%d,%d @@\n", a+min(inA, 1), inA, b+min(inB, 1), inB)
		for _, l := range all[at:end] {
			out.WriteByte(l.sign)
			out.WriteString(l.text)
			if !strings.HasSuffix(l.text, "\n") {
				out.WriteString("\n\\ No newline at end of file\n")
			}
		}
		a, b, at = a+inA, b+inB, end
	}
}
