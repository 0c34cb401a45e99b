package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/nodeapply/apply/exchange/name"
)

// scan reads one JSON value to its end: size and depth bounded, valid UTF-8, no key twice in an object. In the outermost
// object keys that differ only in case are the same, as encoding/json takes them for one field.
func scan(b []byte, size, depth int) error {
	if len(b) > size {
		return fmt.Errorf("%d bytes (at most %d)", len(b), size)
	}
	if !utf8.Valid(b) {
		return errors.New("not valid UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := scanValue(d, depth, true); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return errors.New("JSON is cut off")
		}
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON value")
	}
	return nil
}

func scanValue(d *json.Decoder, depth int, fold bool) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	open, ok := t.(json.Delim)
	if !ok {
		return nil
	}
	if depth == 0 {
		return fmt.Errorf("nested too deeply (at most %d)", MaxDepth)
	}
	seen := map[string]bool{}
	for d.More() {
		if open == '{' {
			t, err := d.Token()
			if err != nil {
				return err
			}
			key, _ := t.(string)
			if fold {
				key = strings.ToLower(key)
			}
			if seen[key] {
				return fmt.Errorf("key %.80q twice in one object", key)
			}
			seen[key] = true
		}
		if err := scanValue(d, depth-1, false); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}

// Check tells whether a wait can be meant: names in their grammar, a group or nodes, a minimum that makes sense.
func (w Wait) Check() error {
	if p, ok := strings.CutPrefix(w.Fact, "param."); ok {
		if w.Group != "" || len(w.Nodes) > 0 {
			return fmt.Errorf("%s is no node's: no group or nodes", w.Fact)
		}
		return name.Fact(p)
	}
	if err := name.Fact(w.Fact); err != nil {
		return err
	}
	if (w.Group == "") == (len(w.Nodes) == 0) {
		return errors.New("wait: group or nodes, one of the two")
	}
	if w.Group != "" {
		if err := name.Group(w.Group); err != nil {
			return err
		}
	}
	for _, n := range w.Nodes {
		if err := name.Node(n); err != nil {
			return err
		}
	}
	if w.Min < 0 || w.Group == "" && w.Min > len(w.Nodes) {
		return fmt.Errorf("wait: min = %d of %d nodes", w.Min, len(w.Nodes))
	}
	return nil
}

// Accepts tells whether a value is what the wait asks for. Without equals that is any but false, null and the text "false".
func (w Wait) Accepts(value json.RawMessage) bool {
	if w.Equals != nil {
		return Equal(value, w.Equals)
	}
	switch strings.TrimSpace(string(value)) {
	case "", "null", "false", `"false"`:
		return false
	}
	return true
}

// Equal compares two JSON values: objects without order, numbers by value.
func Equal(a, b json.RawMessage) bool {
	x, err1 := parse(a)
	y, err2 := parse(b)
	return err1 == nil && err2 == nil && equal(x, y)
}

func parse(b []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	return v, d.Decode(&v)
}

func equal(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for k, v := range a {
			if w, ok := b[k]; !ok || !equal(v, w) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !equal(a[i], b[i]) {
				return false
			}
		}
		return true
	case json.Number:
		b, ok := b.(json.Number)
		return ok && sameNumber(a.String(), b.String())
	}
	return a == b
}

// sameNumber takes 1, 1.0 and 1e0 for the same; beyond 2^53, where floats are coarse, only equal texts are.
func sameNumber(a, b string) bool {
	if a == b {
		return true
	}
	x, err1 := strconv.ParseFloat(a, 64)
	y, err2 := strconv.ParseFloat(b, 64)
	return err1 == nil && err2 == nil && x == y && math.Abs(x) <= 1<<53
}
