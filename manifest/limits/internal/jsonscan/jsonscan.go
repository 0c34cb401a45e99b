// Package jsonscan does for a text in HCL's JSON syntax what package scan does for the native one.
package jsonscan

import (
	"bytes"
	"encoding/json"

	"github.com/apparentlymart/go-textseg/v15/textseg"

	"github.com/nodeapply/apply/manifest/limits/internal/scan"
)

// File looks at the text of a file, split into tokens as HCL's own scanner splits it. The strings are templates, so they are checked as such. A string
// is parsed as an expression only where it is a type constraint, the property "type".
func File(src []byte) *scan.Problem {
	var stack []byte
	var key string
	for i := 0; i < len(src); {
		switch b := src[i]; b {
		case '{', '[':
			if stack = append(stack, b); len(stack) > scan.MaxDepth {
				return scan.Limit(i, "Brackets may stand inside each other %d deep; this is one more.", scan.MaxDepth)
			}
			i++
		case '}', ']':
			if len(stack) == 0 || stack[len(stack)-1] != b-2 {
				return scan.Syntax(i, "Mismatched bracket", "This %q closes nothing that is open.", string(b))
			}
			stack = stack[:len(stack)-1]
			i++
		case '"':
			end := jsonStringEnd(src, i)
			text, p := checkJSONString(src[i:end], i, key == "type")
			if p != nil {
				return p
			}
			key, i = text, end
		case '-', '+', '.', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
			end := i
			for end < len(src) && bytes.IndexByte([]byte("0123456789.eE+-"), src[end]) >= 0 {
				end++
			}
			if p := scan.Number(src[i:end], i); p != nil {
				return p
			}
			i = end
		default:
			i++
		}
	}
	return nil
}

// checkJSONString checks the string token tok, and returns its text if it is short enough to be a property's name of interest.
func checkJSONString(tok []byte, at int, expression bool) (string, *scan.Problem) {
	text := bytes.TrimSuffix(tok[1:], []byte{'"'})
	if bytes.IndexByte(tok, '\\') >= 0 {
		var s string
		if err := json.Unmarshal(tok, &s); err != nil {
			return "", nil // for the parser to report; it makes nothing of the string
		}
		text = []byte(s)
	}
	p := scan.Template(text)
	if p == nil && expression {
		p = scan.Body(text)
	}
	if p != nil {
		p.At = at // escapes shift the places inside
		return "", p
	}
	if len(text) > 16 {
		return "", nil
	}
	return string(text), nil
}

// jsonStringEnd returns the offset behind the string that starts at i. HCL's scanner goes by grapheme clusters, and a few
// characters (U+0600 is one) make one cluster with a quote that follows them: such a quote does not end the string.
func jsonStringEnd(src []byte, i int) int {
	escaping := false
	for i++; i < len(src); {
		switch b := src[i]; {
		case b == '\\':
			escaping = !escaping
			i++
		case b == '"':
			i++
			if !escaping {
				return i
			}
			escaping = false
		case b < ' ':
			return i
		case b < 0x80 && (i+1 == len(src) || src[i+1] < 0x80):
			i++
			escaping = false
		default:
			n, _, _ := textseg.ScanGraphemeClusters(src[i:], true)
			i += n
			escaping = false
		}
	}
	return i
}
