package entry

import "fmt"

// Pos is a place in a manifest. Lines and columns count from one; a zero Line means that there is no place.
type Pos struct {
	File      string
	Line      int32
	Column    int32
	EndLine   int32
	EndColumn int32 // one past the last column
}

// String is FILE:LINE.
func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// Range is FILE:LINE,COLUMN-COLUMN, or FILE:LINE,COLUMN-LINE,COLUMN over several lines.
func (p Pos) Range() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.EndLine > p.Line:
		return fmt.Sprintf("%s:%d,%d-%d,%d", p.File, p.Line, p.Column, p.EndLine, p.EndColumn)
	}
	return fmt.Sprintf("%s:%d,%d-%d", p.File, p.Line, p.Column, p.EndColumn)
}
