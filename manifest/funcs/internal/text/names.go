package text

import (
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/nodeapply/apply/manifest/funcs/internal/spec"
)

// namespaces are those of RFC 9562, appendix C.
var namespaces = map[string]string{
	"dns":  "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
	"url":  "6ba7b811-9dad-11d1-80b4-00c04fd430c8",
	"oid":  "6ba7b812-9dad-11d1-80b4-00c04fd430c8",
	"x500": "6ba7b814-9dad-11d1-80b4-00c04fd430c8",
}

// uuidV5 is uuidv5(namespace, name): the UUID that a name has in a namespace, always the same (RFC 9562, section 5.5).
var uuidV5 = function.New(&function.Spec{
	Params:       spec.Strings("namespace", "name"),
	Type:         function.StaticReturnType(cty.String),
	RefineResult: spec.NotNull,
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		given := args[0].AsString()
		space, err := parseUUID(given)
		if known, ok := namespaces[given]; ok {
			space, err = parseUUID(known)
		}
		if err != nil {
			return cty.NilVal, function.NewArgErrorf(0, "%q is not a namespace: want \"dns\", \"url\", \"oid\", \"x500\" or a UUID", given)
		}
		sum := sha1.Sum(append(space, args[1].AsString()...))
		id := sum[:16]
		id[6] = id[6]&0x0f | 5<<4 // the version
		id[8] = id[8]&0x3f | 1<<7 // the variant
		return cty.StringVal(fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])), nil
	},
})

// parseUUID takes the form with hyphens only.
func parseUUID(s string) ([]byte, error) {
	parts := strings.Split(s, "-")
	if len(s) != 36 || len(parts) != 5 || len(parts[0]) != 8 || len(parts[1]) != 4 || len(parts[2]) != 4 || len(parts[3]) != 4 {
		return nil, errors.New("not a UUID")
	}
	return hex.DecodeString(strings.Join(parts, ""))
}
