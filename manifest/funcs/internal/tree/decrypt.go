package tree

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"filippo.io/age/armor"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/nodeapply/apply/manifest/funcs/internal/spec"
	"github.com/nodeapply/apply/manifest/limits"
)

// Decrypt is decrypt(path): the contents of an age file, binary or armored, marked Sensitive.
func (t Tree) Decrypt(identityFiles []string) function.Function {
	return function.New(&function.Spec{
		Params:       spec.Strings("path"),
		Type:         function.StaticReturnType(cty.String),
		RefineResult: spec.NotNull,
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			path := args[0].AsString()
			sealed, err := t.read(path)
			if err != nil {
				return cty.NilVal, spec.ArgError(0, err)
			}
			identities, err := loadIdentities(identityFiles)
			if err != nil {
				return cty.NilVal, err
			}
			opened, err := open(sealed, identities)
			if err != nil {
				return cty.NilVal, spec.ArgError(0, fmt.Errorf("%s: %w", path, err))
			}
			s, err := spec.ValidText(opened, "the contents of "+path)
			if err != nil {
				return cty.NilVal, spec.ArgError(0, err)
			}
			return cty.StringVal(s).Mark(spec.Sensitive), nil
		},
	})
}

func open(sealed []byte, identities []age.Identity) ([]byte, error) {
	var src io.Reader = bufio.NewReader(bytes.NewReader(sealed))
	if bytes.HasPrefix(bytes.TrimSpace(sealed), []byte(armor.Header)) {
		src = armor.NewReader(src)
	}
	plain, err := age.Decrypt(src, identities...)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(plain, limits.MaxString+1))
	if len(b) > limits.MaxString {
		return nil, spec.TooLong()
	}
	return b, err
}

const maxIdentityFile = 1 << 20

// loadIdentities reads the identities of all files that exist. They are read anew each time: few manifests call decrypt, few times.
func loadIdentities(names []string) ([]age.Identity, error) {
	var all []age.Identity
	looked := make([]string, len(names))
	for i, name := range names {
		looked[i] = name
		b, err := limits.ReadFile(limits.Host{}, name, maxIdentityFile)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if errors.Is(err, fs.ErrPermission) {
			looked[i] += ", which this user may not read"
			continue
		}
		if err != nil {
			return nil, err
		}
		some, err := parseIdentities(b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, some...)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("this node has no identity to decrypt with (looked for %s)", strings.Join(looked, "; "))
	}
	return all, nil
}

func parseIdentities(b []byte) ([]age.Identity, error) {
	if bytes.HasPrefix(b, []byte("-----BEGIN ")) {
		id, err := agessh.ParseIdentity(b)
		if err != nil {
			return nil, err
		}
		return []age.Identity{id}, nil
	}
	return age.ParseIdentities(bytes.NewReader(b))
}
