package text

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/ianaindex"

	"github.com/nodeapply/apply/manifest/funcs/internal/spec"
)

// textEncodeBase64 is textencodebase64(str, encoding): the text in another encoding than UTF-8, whose bytes cannot be a string.
var textEncodeBase64 = inCharset("string", func(s string, charset encoding.Encoding) (string, error) {
	b, err := charset.NewEncoder().Bytes([]byte(s))
	if err != nil {
		return "", errors.New("there are characters that this encoding has not")
	}
	return base64.StdEncoding.EncodeToString(b), nil
})

// textDecodeBase64 is textdecodebase64(str, encoding).
var textDecodeBase64 = inCharset("source", func(s string, charset encoding.Encoding) (string, error) {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return "", err
	}
	b, err = charset.NewDecoder().Bytes(b)
	if err != nil || bytes.ContainsRune(b, utf8.RuneError) { // which stands for bytes that mean nothing
		return "", errors.New("the decoded contents are not of this encoding")
	}
	return string(b), nil
})

func inCharset(what string, convert func(string, encoding.Encoding) (string, error)) function.Function {
	return function.New(&function.Spec{
		Params:       spec.Strings(what, "encoding"),
		Type:         function.StaticReturnType(cty.String),
		RefineResult: spec.NotNull,
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			name := args[1].AsString()
			charset, err := ianaindex.IANA.Encoding(name)
			if err != nil || charset == nil {
				return cty.NilVal, function.NewArgErrorf(1, "%q is not a known encoding: want a name of IANA's registry, such as \"UTF-16LE\" or \"ISO-8859-1\"", name)
			}
			s, err := convert(args[0].AsString(), charset)
			if err != nil {
				return cty.NilVal, spec.ArgError(0, fmt.Errorf("%s: %w", name, err))
			}
			return cty.StringVal(s), nil
		},
	})
}
