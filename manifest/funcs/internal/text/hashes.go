package text

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/gocty"
	"golang.org/x/crypto/blowfish" //lint:ignore SA1019 bcrypt is made of it

	"github.com/nodeapply/apply/manifest/funcs/internal/spec"
)

// Digest is a function of contents, under its name for strings and its name for files.
type Digest struct {
	OfString, OfFile string
	Sum              func([]byte) string
}

// Digests lists them.
func Digests() []Digest {
	hexOf := func(newHash func() hash.Hash) func([]byte) string {
		return func(b []byte) string { return hex.EncodeToString(sumOf(newHash(), b)) }
	}
	base64Of := func(newHash func() hash.Hash) func([]byte) string {
		return func(b []byte) string { return base64.StdEncoding.EncodeToString(sumOf(newHash(), b)) }
	}
	return []Digest{
		{"md5", "filemd5", hexOf(md5.New)},
		{"sha1", "filesha1", hexOf(sha1.New)},
		{"sha256", "filesha256", hexOf(sha256.New)},
		{"sha512", "filesha512", hexOf(sha512.New)},
		{"base64sha256", "filebase64sha256", base64Of(sha256.New)},
		{"base64sha512", "filebase64sha512", base64Of(sha512.New)},
	}
}

func sumOf(h hash.Hash, b []byte) []byte {
	h.Write(b)
	return h.Sum(nil)
}

func hashes() map[string]function.Function {
	fns := map[string]function.Function{"bcrypt": bcryptFunc, "uuidv5": uuidV5}
	for _, d := range Digests() {
		fns[d.OfString] = spec.Pure(func(s string) (string, error) { return d.Sum([]byte(s)), nil }, "str")
	}
	return fns
}

const (
	bcryptCost    = 10
	bcryptMinCost = 4
	bcryptMaxCost = 14 // about a second; each one more doubles that
)

// bcryptFunc is bcrypt(str) or bcrypt(str, cost).
//
// The salt is derived from the string and the cost, where Terraform takes a random one: a manifest must give the same catalog
// twice. So equal passwords get equal hashes, on all nodes, and a table of hashes made for this program would serve against all of
// them. A hash that must not share that is made outside and given as a variable.
var bcryptFunc = function.New(&function.Spec{
	Params:       spec.Strings("str"),
	VarParam:     &function.Parameter{Name: "cost", Type: cty.Number},
	Type:         function.StaticReturnType(cty.String),
	RefineResult: spec.NotNull,
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		cost := bcryptCost
		if len(args) > 2 {
			return cty.NilVal, errors.New("one or two arguments are needed: bcrypt(str) or bcrypt(str, cost)")
		}
		if len(args) == 2 {
			if err := gocty.FromCtyValue(args[1], &cost); err != nil {
				return cty.NilVal, spec.ArgError(1, err)
			}
		}
		if cost < bcryptMinCost || cost > bcryptMaxCost {
			return cty.NilVal, spec.ArgError(1, spec.Limitf("the cost is outside of its limits, %d to %d", bcryptMinCost, bcryptMaxCost))
		}
		hash, err := bcryptHash([]byte(args[0].AsString()), cost)
		if err != nil {
			return cty.NilVal, spec.ArgError(0, err)
		}
		return cty.StringVal(hash), nil
	},
})

// bcryptHash is the algorithm of Provos and Mazières (1999), with golang.org/x/crypto/bcrypt's encoding. That package takes no salt.
func bcryptHash(password []byte, cost int) (string, error) {
	if len(password) > 72 {
		return "", errors.New("longer than 72 bytes, which bcrypt would not look at")
	}
	mac := hmac.New(sha256.New, password)
	fmt.Fprintf(mac, "apply bcrypt salt %d", cost)
	salt := mac.Sum(nil)[:16]
	key := append(bytes.Clone(password), 0)
	cipher, err := blowfish.NewSaltedCipher(key, salt)
	if err != nil {
		return "", err
	}
	for range 1 << cost {
		blowfish.ExpandKey(key, cipher)
		blowfish.ExpandKey(salt, cipher)
	}
	sum := []byte("OrpheanBeholderScryDoubt")
	for block := 0; block < len(sum); block += blowfish.BlockSize {
		for range 64 {
			cipher.Encrypt(sum[block:], sum[block:])
		}
	}
	enc := base64.NewEncoding("./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789").WithPadding(base64.NoPadding)
	return fmt.Sprintf("$2a$%02d$%s%s", cost, enc.EncodeToString(salt), enc.EncodeToString(sum[:23])), nil
}
