package crontab

import "github.com/nodeapply/apply/resources/internal/text"

// Place is where a job stands, which matters: variables hold for the jobs behind them.
type Place struct {
	Line  int    `json:"line"`            // how many lines are before it
	Above string `json:"above,omitempty"` // the line before it, "" at the beginning
	Below string `json:"below,omitempty"` // the line behind it, "" at the end
}

// Place is where the job stands.
func (t *Table) Place(j *Job) *Place {
	to := j.to
	for _, other := range j.again { // which go as well
		if other.from == to {
			to = other.to
		}
	}
	return &Place{Line: j.from, Above: t.body(j.from - 1), Below: t.body(to)}
}

// PutBack puts the lines of a job that is not there where it stood; at the end where other lines are there now.
func (t *Table) PutBack(p *Place, lines []string) {
	if p == nil || p.Line > len(t.file.Lines) || t.body(p.Line-1) != p.Above || t.body(p.Line) != p.Below {
		t.Replace(nil, lines)
		return
	}
	t.file.Insert(p.Line, lines...)
}

// body is a line without its end, "" where there is none.
func (t *Table) body(i int) string {
	if i < 0 || i >= len(t.file.Lines) {
		return ""
	}
	return text.Body(t.file.Lines[i])
}
