package text

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"net/url"

	ctyyaml "github.com/zclconf/go-cty-yaml"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"github.com/nodeapply/apply/manifest/funcs/internal/spec"
)

func encodings() map[string]function.Function {
	return map[string]function.Function{
		"base64decode":     base64Decode,
		"base64encode":     base64Encode,
		"base64gzip":       base64Gzip,
		"csvdecode":        stdlib.CSVDecodeFunc,
		"jsondecode":       stdlib.JSONDecodeFunc,
		"jsonencode":       stdlib.JSONEncodeFunc,
		"textdecodebase64": textDecodeBase64,
		"textencodebase64": textEncodeBase64,
		"urlencode":        urlEncode,
		"yamldecode":       ctyyaml.YAMLDecodeFunc,
		"yamlencode":       ctyyaml.YAMLEncodeFunc,
	}
}

var base64Decode = spec.Pure(func(s string) (string, error) {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return "", err
	}
	return spec.ValidText(b, "the decoded contents")
}, "str")

var base64Encode = spec.Pure(func(s string) (string, error) {
	return base64.StdEncoding.EncodeToString([]byte(s)), nil
}, "str")

var base64Gzip = spec.Pure(func(s string) (string, error) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(s)); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(b.Bytes()), nil
}, "str")

var urlEncode = spec.Pure(func(s string) (string, error) { return url.QueryEscape(s), nil }, "str")

// maxDepth bounds how deep decoded lists and objects stand inside each other.
const maxDepth = 1000

// decodableJSON bounds the depth, and the exponents, of a JSON text.
func decodableJSON(args []cty.Value) error {
	s, depth := spec.Text(args[0]), 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			for i++; i < len(s) && s[i] != '"'; i++ {
				if s[i] == '\\' {
					i++
				}
			}
		case '[', '{':
			if depth++; depth > maxDepth {
				return spec.Limitf("lists and objects stand inside each other deeper than the limit of %d", maxDepth)
			}
		case ']', '}':
			depth--
		case 'e', 'E':
			if spec.HugeExponent.MatchString(s[i:min(i+16, len(s))]) {
				return spec.Limitf("an exponent has more digits than the limit of 4")
			}
		}
	}
	return nil
}

// maxCells bounds the rows and the cells of a table. Each row becomes an object.
const maxCells = 1 << 20

func decodableCSV(args []cty.Value) error {
	rows, commas := 0, 0
	for _, b := range []byte(spec.Text(args[0])) {
		switch b {
		case '\n':
			rows++
		case ',':
			commas++
		}
	}
	if rows+commas > maxCells {
		return spec.Limitf("the table has more than the limit of %d rows and cells", maxCells)
	}
	return nil
}
