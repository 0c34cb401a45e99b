package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"

	"github.com/nodeapply/apply/report/scrub"
)

// Head is what a report says of its run as a whole.
type Head struct {
	Outcome  Outcome `json:"outcome"`
	Counts   Counts  `json:"counts"`
	Fidelity string  `json:"fidelity,omitempty"`
	*Report          // read again it has no results, and nothing that comes after them
}

func (r *Report) head() Head { return Head{r.Outcome(), r.Counts(), r.Fidelity(), r} }

// WriteJSON writes the whole report as one JSON object, with what a summary says of it.
func WriteJSON(w io.Writer, r *Report) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(r.head())
}

// results is where in JSON without space the head ends. No text holds this: its quotes would be escaped.
const results = `,"results":`

// WriteTo writes the report as JSON without space, result by result: its text may be as long as all that it is made of.
func (r *Report) WriteTo(w io.Writer) (n int64, err error) {
	head, frame := r.head(), *r
	frame.Results, head.Report = nil, &frame
	b, err := json.Marshal(head)
	if err != nil {
		return 0, err
	}
	out := bufio.NewWriterSize(w, 1<<16)
	put := func(b []byte) {
		written, _ := out.Write(b) // it keeps its error for Flush
		n += int64(written)
	}
	before, after, _ := bytes.Cut(b, []byte(results+"null"))
	put(before)
	put([]byte(results + "["))
	for i, res := range r.Results {
		if b, err = json.Marshal(res); err != nil {
			return n, err
		}
		if i > 0 {
			put([]byte{','})
		}
		put(b)
	}
	put([]byte{']'})
	put(after)
	return n, out.Flush()
}

// ReadHead reads the head of what [Report.WriteTo] has written, however long the rest is.
func ReadHead(r io.Reader) (*Head, error) {
	var text []byte
	for buf := make([]byte, 4096); ; {
		n, err := r.Read(buf)
		text = append(text, buf[:n]...)
		if before, _, ok := bytes.Cut(text, []byte(results)); ok {
			head := &Head{Report: new(Report)}
			return head, json.Unmarshal(append(before, '}'), head)
		}
		if err == io.EOF {
			return nil, io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
	}
}

// Scrubbed returns a copy of r whose texts are cleaned by clean. Structure, keys and numbers stay, and so do addresses: what is sensitive can be in none, and
// a word that a secret holds too is no reason to mix them up. Of an error only the texts are copied.
func (r *Report) Scrubbed(clean func(string) string) *Report {
	out := *r
	out.Node, out.Manifest, out.Commit, out.Aborted = clean(r.Node), clean(r.Manifest), clean(r.Commit), clean(r.Aborted)
	out.Source, out.Ref = clean(r.Source), clean(r.Ref)
	out.Results = make([]*Result, len(r.Results))
	for i, res := range r.Results {
		out.Results[i] = res.scrubbed(clean)
	}
	out.Outputs = make([]Output, len(r.Outputs))
	for i, o := range r.Outputs {
		if !o.Plain {
			o.Value = scrub.Value(o.Value, clean)
		}
		out.Outputs[i] = o
	}
	out.Orphans = make([]Orphan, len(r.Orphans))
	for i, o := range r.Orphans {
		out.Orphans[i] = Orphan{o.Address, clean(o.Removal), clean(o.ManagedBy)}
	}
	out.Warnings = scrubAll(r.Warnings, clean)
	return &out
}

func (r *Result) scrubbed(clean func(string) string) *Result {
	out := *r
	out.Pos, out.Reason = clean(r.Pos), clean(r.Reason)
	out.Changes = make([]Change, len(r.Changes))
	for i, c := range r.Changes {
		out.Changes[i] = Change{c.Attribute, clean(c.Before), clean(c.After), clean(c.Diff), c.Hidden}
	}
	out.Warnings = scrubAll(r.Warnings, clean)
	if r.Error != nil {
		out.Error = &Error{Summary: clean(r.Error.Summary), Detail: clean(r.Error.Detail), Pos: clean(r.Error.Pos)}
	}
	return &out
}

func scrubAll(texts []string, clean func(string) string) []string {
	out := make([]string, len(texts))
	for i, s := range texts {
		out[i] = clean(s)
	}
	return out
}
