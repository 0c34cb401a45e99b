package factfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
	"golang.org/x/text/unicode/norm"
)

// parseYAML returns the one document in b. The library parses; what a scalar is, is settled here by the core schema of YAML 1.2, of
// which it keeps to 1.1 for octal numbers, dates and more.
func parseYAML(b []byte) (any, error) {
	d := yaml.NewDecoder(bytes.NewReader(b))
	var doc yaml.Node
	if err := d.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		return nil, fmt.Errorf("%s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	var more yaml.Node
	if err := d.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, errors.New("want one document")
	}
	y := &yamlDecoder{}
	return y.value(&doc, 0)
}

type yamlDecoder struct{ budget }

// at puts the line before an error.
func at(n *yaml.Node, format string, args ...any) error {
	return fmt.Errorf("line %d: %w", n.Line, fmt.Errorf(format, args...))
}

func (d *yamlDecoder) value(n *yaml.Node, depth int) (any, error) {
	if err := d.spend(depth); err != nil { // an alias inside of what it stands for ends here too
		return nil, at(n, "%w", err)
	}
	switch n.Kind {
	case yaml.DocumentNode:
		if len(n.Content) != 1 {
			return nil, nil
		}
		return d.value(n.Content[0], depth)
	case yaml.AliasNode:
		return d.value(n.Alias, depth+1)
	case yaml.MappingNode:
		return d.mapping(n, depth)
	case yaml.SequenceNode:
		return d.sequence(n, depth)
	case yaml.ScalarNode:
		return scalar(n)
	}
	return nil, at(n, "not a value")
}

func (d *yamlDecoder) sequence(n *yaml.Node, depth int) (any, error) {
	if !tagged(n, "!!seq") {
		return nil, at(n, "unknown tag %s", n.Tag)
	}
	all := make([]any, len(n.Content))
	for i, c := range n.Content {
		var err error
		if all[i], err = d.value(c, depth+1); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (d *yamlDecoder) mapping(n *yaml.Node, depth int) (any, error) {
	if !tagged(n, "!!map") {
		return nil, at(n, "unknown tag %s", n.Tag)
	}
	all := map[string]any{}
	var merged []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if k.Kind == yaml.ScalarNode && k.Value == "<<" && k.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) == 0 {
			merged = append(merged, v)
			continue
		}
		key, err := keyOf(k)
		if err != nil {
			return nil, err
		}
		key = norm.NFC.String(key)
		if _, twice := all[key]; twice {
			return nil, at(k, "%q is there twice", key)
		}
		if all[key], err = d.value(v, depth+1); err != nil {
			return nil, err
		}
	}
	for _, m := range merged {
		if err := d.merge(all, m, depth+1); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// merge adds what a merge key (<<) names and the mapping has not itself.
func (d *yamlDecoder) merge(into map[string]any, n *yaml.Node, depth int) error {
	v, err := d.value(n, depth)
	if err != nil {
		return err
	}
	from, ok := v.([]any)
	if !ok {
		from = []any{v}
	}
	for _, f := range from {
		m, ok := f.(map[string]any)
		if !ok {
			return at(n, "<< wants a mapping")
		}
		for k, v := range m {
			if _, own := into[k]; !own {
				into[k] = v
			}
		}
	}
	return nil
}

func keyOf(n *yaml.Node) (string, error) {
	for hops := 0; n.Kind == yaml.AliasNode && hops < maxDepth; hops++ {
		n = n.Alias
	}
	if n.Kind != yaml.ScalarNode {
		return "", at(n, "a key that is not a scalar")
	}
	return n.Value, nil
}

// tagged says whether a collection has no tag of its own but the usual one.
func tagged(n *yaml.Node, usual string) bool {
	tag := n.ShortTag()
	return tag == "" || tag == "!" || tag == usual
}

// The core schema of YAML 1.2, chapter 10.3.2.
var (
	yamlInt   = regexp.MustCompile(`^[-+]?[0-9]+$`)
	yamlOctal = regexp.MustCompile(`^0o[0-7]+$`)
	yamlHex   = regexp.MustCompile(`^0x[0-9a-fA-F]+$`)
	yamlFloat = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)
	yamlOther = regexp.MustCompile(`^([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$`)
)

func scalar(n *yaml.Node) (any, error) {
	s := n.Value
	if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		if n.Style&yaml.TaggedStyle != 0 && n.ShortTag() != "!!str" && n.ShortTag() != "!" {
			return nil, at(n, "unknown tag %s", n.Tag)
		}
		return s, nil
	}
	if n.Style&yaml.TaggedStyle != 0 {
		switch n.ShortTag() {
		case "!", "!!str":
			return s, nil
		case "!!int", "!!float", "!!bool", "!!null":
		default:
			return nil, at(n, "unknown tag %s", n.Tag)
		}
	}
	v, err := plain(s)
	if err != nil {
		return nil, at(n, "%w", err)
	}
	return v, nil
}

// plain is what a scalar without quotes stands for.
func plain(s string) (any, error) {
	switch s {
	case "", "~", "null", "Null", "NULL":
		return nil, nil
	case "true", "True", "TRUE":
		return true, nil
	case "false", "False", "FALSE":
		return false, nil
	}
	switch {
	case yamlInt.MatchString(s), yamlFloat.MatchString(s):
		return number(s)
	case yamlOctal.MatchString(s):
		return based(s[2:], 8)
	case yamlHex.MatchString(s):
		return based(s[2:], 16)
	case yamlOther.MatchString(s):
		return nil, fmt.Errorf("%s is no number that a fact can have", s)
	}
	return s, nil
}

func based(digits string, base int) (any, error) {
	u, err := strconv.ParseUint(digits, base, 64)
	if err != nil || u > math.MaxInt64 {
		return nil, fmt.Errorf("%s: %w", digits, strconv.ErrRange)
	}
	return int64(u), nil
}
