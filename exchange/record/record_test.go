package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/nodeapply/apply/exchange/name"
	"github.com/nodeapply/apply/exchange/store"
)

func TestCheckValue(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for _, c := range []struct {
		name, value string
		want        string // "": fine
	}{
		{"true", `true`, ""}, {"text", `"a\"b\\"`, ""}, {"object", ` {"a" : {"b":[1,2,{"a":null}]} , "b":1} `, ""},
		{"equal keys in different objects", `[{"a":1},{"a":1}]`, ""}, {"a value like a key", `{"a":"a","b":"a"}`, ""},
		{"as deep as may be", deep(maxDepth), ""}, {"too deep", deep(maxDepth + 1), "nested too deeply"},
		{"brackets in a text", `"` + deep(100) + `"`, ""},
		{"a key twice", `{"a":1,"b":{},"a":2}`, `key "a" twice`}, {"written differently", `{"a":1,"\u0061":2}`, `key "a" twice`},
		{"deep down", `{"x":[{"a":1,"a":2}]}`, `key "a" twice`}, {"as large as may be", `"` + strings.Repeat("x", MaxValue-2) + `"`, ""},
		{"too large", `"` + strings.Repeat("x", MaxValue-1) + `"`, "65537 bytes"}, {"empty", ``, "not one JSON value"},
		{"cut off", `{"a":[1`, "not one JSON value"}, {"two", `1 2`, "not one JSON value"}, {"HTML", `<html>`, "not one JSON value"},
		{"NaN", `NaN`, "not one JSON value"}, {"not UTF-8", "\"\xff\"", "not valid UTF-8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := CheckValue(json.RawMessage(c.value))
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

// FuzzScan compares the walk with one over a decoder's tokens.
func FuzzScan(f *testing.F) {
	for _, s := range []string{`{"a":{"b":[1,"c:"]},"A":1}`, `{"a":1,"a":2}`, `[[[[]]]]`, `{"\u0061":1,"a":2}`, `"\\":`, `{"":{"":1}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if !json.Valid(b) {
			return
		}
		d := json.NewDecoder(bytes.NewReader(b))
		d.UseNumber()
		want := tokens(d, 8, true)
		if got := scanKeys(b, 8); (got == nil) != want {
			t.Errorf("%q: %v, want fine: %v", b, got, want)
		}
	})
}

// tokens tells whether one value has no key twice and is not too deep.
func tokens(d *json.Decoder, depth int, fold bool) bool {
	t, err := d.Token()
	if err != nil {
		return errors.Is(err, io.EOF)
	}
	open, ok := t.(json.Delim)
	if !ok {
		return true
	}
	if depth == 0 {
		return false
	}
	seen := map[string]bool{}
	for d.More() {
		if open == '{' {
			k, err := d.Token()
			if err != nil {
				return false
			}
			key := k.(string)
			if fold {
				key = strings.ToLower(key)
			}
			if seen[key] {
				return false
			}
			seen[key] = true
		}
		if !tokens(d, depth-1, false) {
			return false
		}
	}
	_, err = d.Token()
	return err == nil
}

func TestDecode(t *testing.T) {
	for _, c := range []struct {
		name, record string
		kind         name.Kind
		want         string
	}{
		{"a fact", `{"status":"ok","value":1}`, name.KindFact, ""},
		{"no status", `{"value":1}`, name.KindFact, "status"},
		{"ok without a value", `{"status":"ok"}`, name.KindFact, "without a value"},
		{"failed with a value", `{"status":"failed","value":1}`, name.KindFact, "with a value"},
		{"a long reason", `{"status":"failed","reason":"` + strings.Repeat("x", 5000) + `"}`, name.KindFact, "text of 5000 bytes"},
		{"a field twice but for its case", `{"status":"failed","STATUS":"ok"}`, name.KindFact, "twice"},
		{"a group's name", `{"groups":["a/b"]}`, name.KindNode, "bad name"},
		{"an export's name", `{"id":"r","exports":[{"fact":"A"}]}`, name.KindRun, "bad name"},
		{"a block of exports", `{"id":"r","blocks":[{"address":"fact.x"}]}`, name.KindRun, ""},
		{"a long block", `{"id":"r","blocks":[{"address":"` + strings.Repeat("x", 5000) + `"}]}`, name.KindRun, "text of 5000 bytes"},
		{"a wait for nobody", `{"id":"r","waits":[{"name":"w","fact":"a"}]}`, name.KindRun, "group or nodes"},
		{"a wait for less than none", `{"id":"r","waits":[{"name":"w","fact":"a","group":"g","min":-1}]}`, name.KindRun, "min = -1: want 1 or more"},
		{"a wait for more than are named", `{"id":"r","waits":[{"name":"w","fact":"a","nodes":["b"],"min":2}]}`, name.KindRun, "min = 2 of 1 nodes"},
		{"waits as they are", `{"id":"r","waits":[{"name":"v","fact":"a","group":"g"},{"name":"w","fact":"a","group":"g","min":2},{"name":"x","fact":"a","nodes":["b","c"],"min":2}]}`, name.KindRun, ""},
		{"a parameter's name", `{"id":"r","waits":[{"name":"w","fact":"param.X"}]}`, name.KindRun, `parameter "X": bad name`},
		{"a parameter of a node", `{"id":"r","waits":[{"name":"w","fact":"param.x","nodes":["b"]}]}`, name.KindRun, "a parameter is no node's"},
		{"a limit of none", `{"run":"r","max":0}`, name.KindLimit, "limit of 0"},
		{"a parameter", `{"value":{"a":1}}`, name.KindParam, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Decode(name.Key{Kind: c.kind, Deployment: "d", Node: "n", Name: "f"}, []byte(c.record))
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (!errors.Is(err, store.ErrRefused) || !strings.Contains(err.Error(), c.want)):
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestEqual(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{`1`, `1.0`, true}, {`1`, `1e0`, true}, {`1`, `"1"`, false}, {`true`, `"true"`, false}, {`{"a":1,"b":2}`, `{"b":2,"a":1}`, true},
		{`{"a":1}`, `{"a":1,"b":null}`, false}, {`[1,2]`, `[2,1]`, false}, {`[1,{"a":[]}]`, ` [1.0, {"a":[]}]`, true}, {`[1]`, `[1,2]`, false}, {`[]`, `{}`, false},
		{`9007199254740993`, `9007199254740992`, false},
		{`1e999`, `1e999`, true}, {`1e999`, `2e999`, false}, {`null`, `false`, false}, {`"a"`, `"\u0061"`, true}, {`<`, `<`, false},
	} {
		if got := Equal(json.RawMessage(c.a), json.RawMessage(c.b)); got != c.want {
			t.Errorf("%s and %s: %v", c.a, c.b, got)
		}
	}
}

// TestSubject names the nodes, as long as they are few.
func TestSubject(t *testing.T) {
	for want, w := range map[string]Wait{
		"up of a, b":                              {Fact: "up", Nodes: []string{"a", "b"}},
		"up of a, b, 2 nodes at least":            {Fact: "up", Nodes: []string{"a", "b"}, Min: 2},
		"up of group g":                           {Fact: "up", Group: "g"},
		"param.release":                           {Fact: "param.release"},
		"up of 1, 2, 3, 4, 5, 6, 7, 8":            {Fact: "up", Nodes: strings.Split("12345678", "")},
		"up of 1, 2, 3, 4, 5, 6, 7, 8 and 2 more": {Fact: "up", Nodes: strings.Split("1234567890", "")},
	} {
		if got := w.Subject(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
