package jsonl

import (
	"bytes"
	"encoding"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

func at(typ, title string) resources.Address { return resources.Address{Type: typ, Title: title} }

// The lines are those of the promise: more keys may come, none changes its meaning.
func TestJSONLines(t *testing.T) {
	r := &report.Report{Run: "01JD", Node: "node01", Mode: report.Converge, Manifest: "main.hcl", Commit: "3f9c", Resources: 2, AsPlanned: 2, DurationMS: 512}
	r.Results = []*report.Result{
		{Address: at("file", "/data"), Type: "file", Title: "/data", Pos: "main.hcl:12", Outcome: report.Changed, Changes: []report.Change{{Attribute: "mode", Before: "0700", After: "0755"}},
			Certainty: report.Exact, Reversible: true, DurationMS: 0.8},
		{Address: at("exec", "rc"), Type: "exec", Title: "rc", Pos: "main.hcl:40", Outcome: report.Failed, Error: &report.Error{Summary: "exit code 3", Detail: "<last> & lines", Pos: "main.hcl:41,3-20"}, StartMS: 1, DurationMS: 12},
		{Address: at("exec", "next"), Type: "exec", Title: "next", Pos: "main.hcl:44", Outcome: report.Skipped, Because: "exec.rc"},
	}
	var b bytes.Buffer
	p := New(&b)
	p.Begin(r)
	p.Running(at("file", "/data"), "checking")
	p.Running(at("exec", "rc"), "waiting to try again (1 of 2 failed)")
	for _, res := range r.Results {
		p.Ended(res)
	}
	p.End(r)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	want := `{"event":"run","run":"01JD","node":"node01","mode":"converge","manifest":"main.hcl","commit":"3f9c","resources":2}
{"event":"waiting","address":"exec.rc","detail":"waiting to try again (1 of 2 failed)"}
{"event":"resource","address":"file[\"/data\"]","type":"file","title":"/data","pos":"main.hcl:12","outcome":"changed","changes":[{"attribute":"mode","before":"0700","after":"0755"}],"refreshed":false,"certainty":"exact","reversible":true,"start_ms":0,"duration_ms":0.8}
{"event":"resource","address":"exec.rc","type":"exec","title":"rc","pos":"main.hcl:40","outcome":"failed","refreshed":false,"reversible":false,"error":{"summary":"exit code 3","detail":"<last> & lines","pos":"main.hcl:41,3-20"},"start_ms":1,"duration_ms":12}
{"event":"resource","address":"exec.next","type":"exec","title":"next","pos":"main.hcl:44","outcome":"skipped","refreshed":false,"reversible":false,"because":"exec.rc","start_ms":0,"duration_ms":0}
{"event":"summary","outcome":"failed","total":3,"unchanged":0,"changed":1,"refreshed":0,"pending":0,"skipped":1,"failed":1,"fidelity":"2/3","duration_ms":512}
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

// broken is an output that fails.
type broken struct{ writes int }

func (b *broken) Write([]byte) (int, error) {
	b.writes++
	return 0, errors.New("no space left on device")
}

func TestBrokenOutputIsTold(t *testing.T) {
	r := &report.Report{Results: []*report.Result{{Outcome: report.Changed}}}
	var b broken
	p := New(&b)
	p.Begin(r)
	p.Ended(r.Results[0])
	p.End(r)
	if err := p.Close(); err == nil || err.Error() != "no space left on device" {
		t.Errorf("got %v", err)
	}
	if b.writes != 1 {
		t.Errorf("%d writes to an output that fails", b.writes)
	}
}

// TestKeysAreDocumented: each key that a line can have is in docs/json.md, in the row of its event.
func TestKeysAreDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "json.md"))
	if err != nil {
		t.Fatal(err)
	}
	for event, line := range map[string]reflect.Type{
		"run": reflect.TypeFor[runEvent](), "waiting": reflect.TypeFor[waitEvent](), "resource": reflect.TypeFor[report.Result](), "summary": reflect.TypeFor[summaryEvent](),
	} {
		_, row, _ := strings.Cut(string(page), "\n| `"+event+"` | ")
		row, _, _ = strings.Cut(row, "\n")
		for _, key := range keys(line) {
			if key != "event" && !strings.Contains(row, "`"+key+"`") {
				t.Errorf("the event %s has a key %s: docs/json.md says nothing of it", event, key)
			}
		}
	}
}

// keys are those that a value of type t has as JSON, those of the objects in it included.
func keys(t reflect.Type) []string {
	for t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t.Implements(reflect.TypeFor[encoding.TextMarshaler]()) {
		return nil
	}
	var out []string
	for _, f := range reflect.VisibleFields(t) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
			out = append(append(out, name), keys(f.Type)...)
		}
	}
	return out
}
