package factfile

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		name   string
		format Format
		in     string
		want   map[string]any
	}{
		{"json", JSON, `{"a": 1, "b": 1.5, "c": [true, null, "x"], "d": {"e": -9007199254740993}}`,
			map[string]any{"a": int64(1), "b": 1.5, "c": []any{true, nil, "x"}, "d": map[string]any{"e": int64(-9007199254740993)}}},
		{"json numbers larger than int64", JSON, `{"a": 9223372036854775808, "b": -98765432109876543210, "c": 1e21}`,
			map[string]any{"a": json.Number("9223372036854775808"), "b": json.Number("-98765432109876543210"), "c": 1e21}},
		{"yaml numbers larger than int64", YAML, "a: +09223372036854775808", map[string]any{"a": json.Number("9223372036854775808")}},
		{"json with a mark before it", JSON, "\ufeff{}", map[string]any{}},
		{"json with control characters", JSON, `{"a": "\u001b[31m"}`, map[string]any{"a": "\x1b[31m"}},
		{"nothing", JSON, " \n", nil},
		{"yaml numbers are those of 1.2", YAML, "a: 010\nb: 0o10\nc: 0x1F\nd: 1e3\ne: 1_000\nf: 1:30\ng: +7\nh: .5\ni: 0b11\n",
			map[string]any{"a": int64(10), "b": int64(8), "c": int64(31), "d": 1000.0, "e": "1_000", "f": "1:30", "g": int64(7), "h": .5, "i": "0b11"}},
		{"yaml words are those of 1.2", YAML, "a: yes\nb: no\nc: on\nd: True\ne: ~\nf:\ng: null\nh: y\n",
			map[string]any{"a": "yes", "b": "no", "c": "on", "d": true, "e": nil, "f": nil, "g": nil, "h": "y"}},
		{"yaml strings", YAML, "a: '010'\nb: \"true\"\nc: 2024-01-02\nd: !!str 5\ne: |\n  x\n  y\nf: 10.0.0.1\n",
			map[string]any{"a": "010", "b": "true", "c": "2024-01-02", "d": "5", "e": "x\ny\n", "f": "10.0.0.1"}},
		{"yaml collections", YAML, "---\na:\n- 1\n- {b: c}\nd: []\n", map[string]any{"a": []any{int64(1), map[string]any{"b": "c"}}, "d": []any{}}},
		{"yaml keys are text", YAML, "1: a\ntrue: b\n", map[string]any{"1": "a", "true": "b"}},
		{"yaml aliases and merge keys", YAML, "base: &b {x: 1, y: 2}\nsame: *b\nmore:\n  <<: *b\n  y: 3\n",
			map[string]any{
				"base": map[string]any{"x": int64(1), "y": int64(2)}, "same": map[string]any{"x": int64(1), "y": int64(2)},
				"more": map[string]any{"x": int64(1), "y": int64(3)},
			}},
		{"text", Text, "# roles\nrole=web\n\nempty=\n spaced = a = b \r\nnumber=010\n",
			map[string]any{"role": "web", "empty": "", "spaced": "a = b", "number": "010"}},
		{"output in json", Output, "\n{\"a\": 1}\n", map[string]any{"a": int64(1)}},
		{"output in yaml", Output, "a: b=c\n", map[string]any{"a": "b=c"}},
		{"output in yaml with a document mark", Output, "---\na: 1\n", map[string]any{"a": int64(1)}},
		{"output in text", Output, "# comment: 1\na=b: c\n", map[string]any{"a": "b: c"}},
		{"output of nothing", Output, "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Parse(tt.format, []byte(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// bomb is the "billion laughs": each level repeats the one before nine times.
func bomb(merge bool) string {
	var b strings.Builder
	b.WriteString("a0: &a0 {x: lol}\n")
	for i := 1; i < 12; i++ {
		refs := strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 9), ", ")
		if merge {
			fmt.Fprintf(&b, "a%d: &a%d {<<: [%s], y%d: [%s]}\n", i, i, refs, i, refs)
			continue
		}
		fmt.Fprintf(&b, "a%d: &a%d [%s]\n", i, i, refs)
	}
	return b.String()
}

func TestParseRefuses(t *testing.T) {
	for _, tt := range []struct {
		name   string
		format Format
		in     string
		want   string
	}{
		{"json: a key twice", JSON, `{"a": 1, "b": {"c": 1, "c": 2}}`, `"c" is there twice`},
		{"json: no object", JSON, `[1]`, "want an object of facts by name"},
		{"json: cut off", JSON, `{"a": [1, {`, "unexpected EOF"},
		{"json: empty inside", JSON, `{"a":`, "unexpected EOF"},
		{"json: more after it", JSON, `{} {}`, "something follows the value"},
		{"json: too deep", JSON, `{"a":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, "deeper than the limit of 64 levels"},
		{"json: an abyss", JSON, `{"a":` + strings.Repeat("[", 500_000), "deeper than the limit of 64 levels"},
		{"json: too many", JSON, `{"a": [` + strings.Repeat("0,", 200_000) + `0]}`, "more than the limit of 100000 values"},
		{"json: a number without end", JSON, `{"a": 1e999}`, "1e999: value out of range"},
		{"too large", JSON, strings.Repeat(" ", MaxBytes+1), "larger than the limit of 1048576 bytes"},
		{"not UTF-8", Text, "a=\xff", "not UTF-8"},
		{"json: a key twice, in two forms of Unicode", JSON, `{"\u00e9": 1, "e\u0301": 2}`, `"é" is there twice`},
		{"yaml: a key twice, in two forms of Unicode", YAML, "\u00e9: 1\ne\u0301: 2\n", `line 2: "é" is there twice`},
		{"yaml: a key twice", YAML, "a: 1\nb:\n  c: 1\n  c: 2\n", `line 4: "c" is there twice`},
		{"yaml: a key twice, quoted once", YAML, "a: 1\n'a': 2\n", `line 2: "a" is there twice`},
		{"yaml: aliases without end", YAML, bomb(false), "more than the limit of 100000 values"},
		{"yaml: merges without end", YAML, bomb(true), "more than the limit of 100000 values"},
		{"yaml: an alias inside itself", YAML, "a: &a [*a]\n", "limit of 64 levels"},
		{"yaml: an object of a language", YAML, "a: !ruby/object:Gem {}\n", "line 1: unknown tag !ruby/object:Gem"},
		{"yaml: bytes", YAML, "a: !!binary aGk=\n", "unknown tag"},
		{"yaml: not a number", YAML, "a: .nan\n", "line 1: .nan is no number that a fact can have"},
		{"yaml: two documents", YAML, "a: 1\n---\nb: 1\n", "want one document"},
		{"yaml: a mapping as key", YAML, "? {a: 1}\n: 2\n", "a key that is not a scalar"},
		{"yaml: a string", YAML, "hello\n", "want an object of facts by name"},
		{"yaml: broken", YAML, "a: [1\n", "line "},
		{"yaml: too deep", YAML, "a: " + strings.Repeat("[", 100) + strings.Repeat("]", 100), "limit of 64 levels"},
		{"text: a key twice", Text, "a=1\na=2\n", `line 2: "a" is there twice`},
		{"text: no assignment", Text, "a=1\nnonsense\n", "line 2: want key=value"},
		{"text: no key", Text, "=1\n", "line 1: want key=value"},
		{"output: json that is none", Output, `{"a": 1,}`, "invalid character"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Parse(tt.format, []byte(tt.in))
			if err == nil {
				t.Fatalf("no error; got %v", got)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %q, want %q in it", err, tt.want)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, in := range []string{`{"a": [1, null, {"b": "c"}]}`, "a: &x {b: 010}\nc: {<<: *x}\n", "a=b\n", bomb(false), bomb(true), "a: &a [*a]"} {
		for format := JSON; format <= Output; format++ {
			f.Add(uint8(format), []byte(in))
		}
	}
	f.Fuzz(func(t *testing.T, format uint8, in []byte) {
		got, err := Parse(Format(format%4), in)
		if err != nil {
			if got != nil {
				t.Errorf("values and the error %v", err)
			}
			return
		}
		left := maxValues + 1
		for _, v := range got {
			bounded(t, v, 1, &left)
		}
	})
}

// bounded checks that a value is of the promised types and within the bounds.
func bounded(t *testing.T, v any, depth int, left *int) {
	*left--
	if depth > maxDepth || *left < 0 {
		t.Fatalf("depth %d, %d values left", depth, *left)
	}
	switch v := v.(type) {
	case nil, bool, int64, float64, json.Number, string:
	case []any:
		for _, e := range v {
			bounded(t, e, depth+1, left)
		}
	case map[string]any:
		for _, e := range v {
			bounded(t, e, depth+1, left)
		}
	default:
		t.Fatalf("a value of type %T", v)
	}
}
