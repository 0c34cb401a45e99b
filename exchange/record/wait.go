package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/nodeapply/apply/exchange/name"
)

// Check tells whether a wait can be meant: names in their grammar, a group or nodes, a minimum that makes sense.
func (w Wait) Check() error {
	if p, ok := strings.CutPrefix(w.Fact, "param."); ok {
		if w.Group != "" || len(w.Nodes) > 0 {
			return fmt.Errorf("a parameter is no node's: %s wants no group or nodes", w.Fact)
		}
		return name.Param(p)
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
	switch {
	case w.Min < 0:
		return fmt.Errorf("wait: min = %d: want 1 or more", w.Min)
	case w.Group == "" && w.Min > len(w.Nodes):
		return fmt.Errorf("wait: min = %d of %d nodes", w.Min, len(w.Nodes))
	}
	return nil
}

// namesShown bounds how many nodes a text names.
const namesShown = 8

// Subject is what is waited for, in words: "up of group g, 2 nodes at least".
func (w Wait) Subject() string {
	var of string
	switch {
	case w.Group != "":
		of = " of group " + w.Group
	case len(w.Nodes) > 0:
		of = " of " + strings.Join(w.Nodes[:min(len(w.Nodes), namesShown)], ", ")
		if more := len(w.Nodes) - namesShown; more > 0 {
			of += fmt.Sprintf(" and %d more", more)
		}
	}
	if w.Min > 1 {
		of += fmt.Sprintf(", %d nodes at least", w.Min)
	}
	return w.Fact + of
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
		return ok && maps.EqualFunc(a, b, equal)
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, equal)
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
	return err1 == nil && err2 == nil && x == y && math.Abs(x) < 1<<53
}
