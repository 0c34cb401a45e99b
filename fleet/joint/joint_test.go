package joint_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/fleet/joint"
)

func TestReader(t *testing.T) {
	var shown, told []string
	var r joint.Report
	reader := &joint.Reader{
		Node: r.Node("n1"), Line: func(b []byte) { shown = append(shown, string(b)) }, Told: func(p string) { told = append(told, p) },
	}
	for _, text := range []string{
		`{"event":"run","run":"R","manifest":"<&>","node":"host"}` + "\nnot JSON\nnull\n[1]\n{\"event\":\"res",
		`ource","address":"exec.x","pos":"m:1","outcome":"failed","error":{"summary":"exit\u001b code 3"}}` + "\n",
		`{"event":"resource","address":"wait.x","pos":"m:2","outcome":"failed","error":{"summary":"wait.x: can never be met"}}` + "\n",
		`{"event":"diagnostic","severity":"error","summary":"S","detail":"D","range":{"filename":"m","start":{"line":7}}}` + "\n",
		`{"event":"diagnostic","severity":"error","summary":"S","detail":"D","range":{"filename":"--var x","start":{"line":0}}}` + "\n",
		`{"event":"summary","outcome":"failed","total":3,"failed":1,"changed":2}` + "\n",
	} {
		if _, err := reader.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	n := r.Node("n1")
	if diff := cmp.Diff([]string{`m:1: exec.x: exit\x1b code 3`, "m:2: wait.x: can never be met", "m:7: S; D", "--var x: S; D"}, told); diff != "" {
		t.Error(diff)
	}
	if n.Run != "R" || n.Counts().Changed != 2 || len(n.Results) != 2 || n.Problem() != `m:1: exec.x: exit\x1b code 3; and 3 more` || n.Refused() {
		t.Errorf("read wrongly: %+v", n)
	}
	if len(shown) != 6 || shown[0] != `{"event":"run","manifest":"<&>","node":"n1","run":"R"}` {
		t.Errorf("shown wrongly: %q", shown)
	}
	if _, err := reader.Write([]byte(strings.Repeat("x", 2<<20))); err == nil || !strings.Contains(err.Error(), "limit") {
		t.Errorf("a line without an end: want the limit, got %v", err)
	}
}

func TestReaderBoundsWhatANodeSends(t *testing.T) {
	var told []string
	var r joint.Report
	reader := &joint.Reader{Node: r.Node("n1"), Told: func(p string) { told = append(told, p) }}
	line := fmt.Sprintf(`{"event":"resource","title":%q}`+"\n", strings.Repeat("x", 900<<10))
	for range 80 {
		if _, err := reader.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"the report is over the limit of 64 MiB"}, told); diff != "" {
		t.Error(diff)
	}
	if got := len(r.Node("n1").Results); got < 60 || got > 75 {
		t.Errorf("%d events were kept, want those of 64 MiB", got)
	}
}

// FuzzReader reads what a hostile node prints: what is shown are objects that name the node, whatever pieces the lines come in.
func FuzzReader(f *testing.F) {
	f.Add([]byte(`{"event":"run","run":"R","node":"host"}`+"\n"), uint8(3))
	f.Add([]byte(`{"event":"resource","address":"exec.x","pos":"m:1","outcome":"failed","error":{"summary":"exit\u001b"}}`+"\nnull\n[1]\n"), uint8(1))
	f.Add([]byte(`{"event":"summary","outcome":"failed","total":3,"failed":-1,"changed":1e3}`+"\n"), uint8(200))
	f.Add([]byte(`{"event":"diagnostic","severity":"error","summary":"S","detail":"D","range":{"filename":"m","start":{"line":7}}}`+"\n"), uint8(9))
	f.Add([]byte(`{"event":"resource","node":{"a":1},"Event":3,"error":"x","range":[]}`+"\n{\n"), uint8(2))
	f.Add([]byte(`{"event":"resource","nOde":{"a":1}}`+"\n"), uint8(38)) // another key than node, though encoding/json fills one field from both
	f.Fuzz(func(t *testing.T, text []byte, size uint8) {
		var whole, pieces [][]byte
		read := func(into *[][]byte, n int) {
			var r joint.Report
			reader := &joint.Reader{Node: r.Node("n1"), Line: func(b []byte) { *into = append(*into, bytes.Clone(b)) }}
			for rest := text; len(rest) > 0; rest = rest[min(n, len(rest)):] {
				if _, err := reader.Write(rest[:min(n, len(rest))]); err != nil {
					return
				}
			}
			if p := r.Node("n1").Problem(); strings.ContainsAny(p, "\x00\x1b\x7f") {
				t.Errorf("a problem is not printable: %q", p)
			}
		}
		read(&whole, len(text)+1)
		read(&pieces, int(size)+1)
		if diff := cmp.Diff(whole, pieces); diff != "" {
			t.Errorf("pieces of %d bytes make a difference:\n%s", int(size)+1, diff)
		}
		for _, line := range whole {
			var object map[string]any
			if err := json.Unmarshal(line, &object); err != nil || object["node"] != "n1" || bytes.ContainsRune(line, '\n') {
				t.Errorf("shown: %q (%v)", line, err)
			}
		}
	})
}

// TestKeysAreDocumented: each key of the report is in docs/json.md.
func TestKeysAreDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "json.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), "The report of a fleet")
	text, _, _ = strings.Cut(text, "\n\n")
	for _, object := range []reflect.Type{reflect.TypeFor[joint.Report](), reflect.TypeFor[joint.Node](), reflect.TypeFor[joint.Wait](), reflect.TypeFor[joint.For]()} {
		for _, f := range reflect.VisibleFields(object) {
			if key, _, _ := strings.Cut(f.Tag.Get("json"), ","); key != "" && !strings.Contains(text, "`"+key+"`") {
				t.Errorf("the report has a key %s: docs/json.md says nothing of it", key)
			}
		}
	}
}
