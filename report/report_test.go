package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/resources"
)

func at(typ, title string) resources.Address { return resources.Address{Type: typ, Title: title} }

func outcomes(os ...Outcome) []*Result {
	var out []*Result
	for _, o := range os {
		out = append(out, &Result{Address: at("file", string(o)), Pos: "main.hcl:7", Outcome: o})
	}
	return out
}

func TestExitCode(t *testing.T) {
	noop := &Result{Outcome: Pending, Noop: true}
	for name, c := range map[string]struct {
		r               Report
		plain, detailed int
	}{
		"nothing":                {Report{}, 0, 0},
		"unchanged":              {Report{Results: outcomes(Unchanged)}, 0, 0},
		"changed":                {Report{Results: outcomes(Changed)}, 0, 2},
		"refreshed":              {Report{Results: outcomes(Unchanged, Refreshed)}, 0, 2},
		"would change":           {Report{Results: outcomes(Pending)}, 0, 2},
		"would change, noop":     {Report{Results: []*Result{noop}}, 0, 0},
		"failed":                 {Report{Results: outcomes(Failed, Skipped)}, 4, 4},
		"changed and failed":     {Report{Results: outcomes(Changed, Failed)}, 4, 6},
		"aborted":                {Report{Aborted: "x", Results: outcomes(Changed)}, 4, 6},
		"interrupted by SIGINT":  {Report{Interrupted: 2, Results: outcomes(Failed)}, 130, 130},
		"interrupted by SIGTERM": {Report{Interrupted: 15}, 143, 143},
		"interrupted by SIGHUP":  {Report{Interrupted: 1, Results: outcomes(Changed)}, 129, 129},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff([2]int{c.plain, c.detailed}, [2]int{c.r.ExitCode(false), c.r.ExitCode(true)}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCountsAndOutcome(t *testing.T) {
	r := Report{Results: outcomes(Unchanged, Unchanged, Changed, Refreshed, Pending, Skipped, Failed)}
	if diff := cmp.Diff(Counts{Total: 7, Unchanged: 2, Changed: 1, Refreshed: 1, Pending: 1, Skipped: 1, Failed: 1}, r.Counts()); diff != "" {
		t.Error(diff)
	}
	for want, r := range map[Outcome]Report{
		Failed: {Results: outcomes(Changed, Failed)}, Changed: {Results: outcomes(Pending, Refreshed)}, Pending: {Results: outcomes(Pending, Unchanged)}, Unchanged: {},
	} {
		if diff := cmp.Diff(want, r.Outcome()); diff != "" {
			t.Error(diff)
		}
	}
}

func TestSensitiveOutput(t *testing.T) {
	outputs := []Output{{Name: "a", Value: "x"}, {Name: "b", Value: "secret", Sensitive: true}, {Name: "c", Value: []any{"<&>", 1}}}
	var texts []string
	for _, o := range outputs {
		texts = append(texts, o.Text())
	}
	if diff := cmp.Diff([]string{"x", "(sensitive value)", `["<&>",1]`}, texts); diff != "" {
		t.Error(diff)
	}
	b, err := json.Marshal(outputs[:2])
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(`[{"name":"a","value":"x"},{"name":"b","value":"(sensitive value)","sensitive":true}]`, string(b)); diff != "" {
		t.Error(diff)
	}
}

// Every text is scrubbed, no key, no number and no address.
func TestScrubbed(t *testing.T) {
	const s = "hunter2"
	r := &Report{
		Run: "run", Node: s, Mode: Plan, Manifest: s, Commit: s, Source: s, Ref: s, Started: time.Unix(1, 0), DurationMS: 3, Aborted: s, Warnings: []string{s},
		Results: []*Result{{Address: resources.Address{Type: "file", Title: s, Instance: `["` + s + `"]`}, Type: "file", Title: s, Pos: s, Outcome: Failed, Changes: []Change{{"mode", s, s, s, ""}},
			Certainty: CertaintyAfter + s, Because: s, Reason: s, NotifiedBy: []string{s}, Error: &Error{s, s, s, errors.New(s)}, Warnings: []string{s}}},
		Edges:     []Edge{{0, 0, true}},
		Outputs:   []Output{{Name: "hunter2_name", Value: map[string]any{"hunter2": []any{s, 1.0}}}, {Name: "plain", Value: s, Plain: true}},
		Orphans:   []Orphan{{at("file", s), s, s}},
		Surprises: []Surprise{{at("file", s), Pending, Failed}},
	}
	before, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	clean := r.Scrubbed(func(text string) string { return strings.ReplaceAll(text, s, "*") })
	if clean.Results[0].Error.Err != nil {
		t.Error("what is behind an error, which cannot be scrubbed, stays")
	}
	after, err := json.Marshal(clean)
	if err != nil {
		t.Fatal(err)
	}
	const stay = 3 + 8 // a key, a name and a plain value; the address and what else names it or another
	if diff := cmp.Diff(strings.Count(string(before), s)-stay, strings.Count(string(after), "*")); diff != "" {
		t.Errorf("texts: %s", diff)
	}
	if !strings.Contains(string(after), `{"hunter2":["*",1]}`) || !strings.Contains(string(after), `"name":"hunter2_name"`) || strings.Count(string(after), s) != stay {
		t.Errorf("only the key, the name, the plain value and addresses stay: %s", after)
	}
	if again, _ := json.Marshal(r); !bytes.Equal(before, again) {
		t.Error("the report itself was changed")
	}
}

// TestError: what a resource failed with is found behind its error; one that was read, or no error, is nothing else.
func TestError(t *testing.T) {
	none := &Result{}
	if errors.Is(none.Error, fs.ErrPermission) {
		t.Error("no error is one")
	}
	e := &Error{Summary: "no way", Err: fmt.Errorf("open: %w", fs.ErrPermission)}
	if !errors.Is(e, fs.ErrPermission) || e.Error() != "no way" {
		t.Errorf("%v is not %v", e, e.Err)
	}
	b, err := json.Marshal(e)
	if diff := cmp.Diff(`{"summary":"no way"}`, string(b)); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

// What is written piece by piece is what is written at once.
func TestWriteTo(t *testing.T) {
	for name, r := range map[string]*Report{
		"no results":    {Run: "1", Results: []*Result{}},
		"one":           {Run: "1", Results: outcomes(Changed), Warnings: []string{"a"}},
		"many":          {Results: outcomes(Changed, Failed, Skipped), Edges: []Edge{{From: 0, To: 1}}, Outputs: []Output{{Name: "x", Value: map[string]any{"results": nil}}}},
		"like its keys": {Node: `"results":null`, Manifest: "null", Results: outcomes(Unchanged)},
	} {
		t.Run(name, func(t *testing.T) {
			var want bytes.Buffer
			all := r.head()
			if err := json.NewEncoder(&want).Encode(all); err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			n, err := r.WriteTo(&got)
			if err != nil || n != int64(got.Len()) {
				t.Errorf("%d bytes, %v; want %d and no error", n, err, got.Len())
			}
			if d := cmp.Diff(want.String(), got.String()+"\n"); d != "" {
				t.Error(d)
			}
			before, _, _ := bytes.Cut(got.Bytes(), []byte(results))
			head, err := ReadHead(io.MultiReader(iotest.HalfReader(bytes.NewReader(append(before, results...))), iotest.ErrReader(errors.New("read on"))))
			if err != nil {
				t.Fatal(err)
			}
			frame := *r
			frame.Results, frame.Edges, frame.Outputs, frame.Warnings, all.Report = nil, nil, nil, nil, &frame
			if d := cmp.Diff(&all, head); d != "" {
				t.Error("the head:", d)
			}
		})
	}
	if _, err := (&Report{Results: outcomes(Changed)}).WriteTo(full{}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("on a full disk: %v, want %v", err, syscall.ENOSPC)
	}
}

// What is cut off, or is no report, has no head.
func TestReadHeadOfNothing(t *testing.T) {
	for _, text := range []string{"", "{", `{"run":"1"}`, `"",  "results":[]`, `[,"results":[]]`} {
		if head, err := ReadHead(strings.NewReader(text)); err == nil {
			t.Errorf("%q: want an error, got %v", text, head)
		}
	}
	if _, err := ReadHead(iotest.ErrReader(syscall.EIO)); !errors.Is(err, syscall.EIO) {
		t.Errorf("of a disk that fails: %v, want %v", err, syscall.EIO)
	}
}

// full is a writer to a disk that is full.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// What a report has of an output is read again with the numbers as they were.
func TestOutputsReadAgain(t *testing.T) {
	for _, text := range []string{
		`{"name":"n","value":1e+400}`, `{"name":"n","value":[123456789012345678901234567890,{"a":1.5}]}`, `{"name":"n","value":null}`, `{"name":"n","value":{"a":"<&>"}}`, `{"name":"n","value":"x","sensitive":true}`,
	} {
		var o Output
		if err := json.Unmarshal([]byte(text), &o); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		again, err := JSON(o)
		if err != nil {
			t.Fatal(err)
		}
		want := strings.Replace(text, `"x"`, `"(sensitive value)"`, 1)
		if diff := cmp.Diff(want, string(again)); diff != "" {
			t.Error(diff)
		}
	}
}
