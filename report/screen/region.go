package screen

import "fmt"

// Region is the last lines of a terminal, which are drawn again and again below what is printed. Its owner's lock guards it.
type Region struct {
	// Size gives the columns and rows of the terminal.
	Size  func() (columns, rows int)
	drawn []int // the columns that each line takes
}

// Clear returns what takes the lines off the screen. Where that has become narrower, a line takes several rows now.
func (r *Region) Clear() string {
	if len(r.drawn) == 0 {
		return ""
	}
	columns, _ := r.Size()
	rows := 0
	for _, n := range r.drawn {
		rows += max(1, (n+columns-1)/max(columns, 1))
	}
	r.drawn = r.drawn[:0]
	return fmt.Sprintf("\r\x1b[%dA\x1b[J", rows)
}

// Line makes s the next line: it returns what of it is less wide than the screen, to be written with a newline. Whoever draws more lines than
// the screen has rows cannot clear them: they scroll away.
func (r *Region) Line(s string) string {
	columns, _ := r.Size()
	s = cut(s, columns-1)
	r.drawn = append(r.drawn, Columns(s))
	return s
}
