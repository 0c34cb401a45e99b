package content

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
)

// Checksum is a declared checksum; the zero value is none.
type Checksum struct {
	algorithm string
	sum       string // lower case hexadecimal digits
}

// String is "sha256:0123...".
func (c Checksum) String() string { return c.algorithm + ":" + c.sum }

// ParseChecksum reads "sha256:HEX", "{sha256}HEX" or HEX, whose length then tells the algorithm; "" is none.
func ParseChecksum(s string) (Checksum, error) {
	if s == "" {
		return Checksum{}, nil
	}
	algorithm, sum, ok := strings.Cut(strings.TrimPrefix(s, "{"), ":")
	if !ok {
		algorithm, sum, ok = strings.Cut(strings.TrimPrefix(s, "{"), "}")
	}
	if !ok {
		algorithm, sum = "", s
	}
	c := Checksum{algorithm: strings.ToLower(algorithm), sum: strings.ToLower(sum)}
	raw, err := hex.DecodeString(c.sum)
	if err != nil {
		return Checksum{}, errors.New("want hexadecimal digits after the name of an algorithm, such as sha256:0f1e2d")
	}
	for _, known := range []string{"md5", "sha1", "sha224", "sha256", "sha384", "sha512"} {
		size := Checksum{algorithm: known}.hash().Size()
		if c.algorithm == known && len(raw) != size {
			return Checksum{}, fmt.Errorf("a %s checksum has %d hexadecimal digits, not %d", known, 2*size, len(c.sum))
		}
		if c.algorithm == "" && len(raw) == size {
			c.algorithm = known
		}
		if c.algorithm == known {
			return c, nil
		}
	}
	if c.algorithm == "" {
		return Checksum{}, fmt.Errorf("no algorithm gives %d hexadecimal digits", len(c.sum))
	}
	return Checksum{}, fmt.Errorf("%s is not one of md5, sha1, sha224, sha256, sha384, sha512", c.algorithm)
}

// Check says whether text has this checksum, and which one it has. Every text has the checksum that is none.
func (c Checksum) Check(text string) (has Checksum, ok bool) {
	if c.algorithm == "" {
		return c, true
	}
	h := c.hash()
	_, _ = io.WriteString(h, text)
	has = Checksum{algorithm: c.algorithm, sum: hex.EncodeToString(h.Sum(nil))}
	return has, has == c
}

func (c Checksum) hash() hash.Hash {
	switch c.algorithm {
	case "md5":
		return md5.New()
	case "sha1":
		return sha1.New()
	case "sha224":
		return sha256.New224()
	case "sha384":
		return sha512.New384()
	case "sha512":
		return sha512.New()
	}
	return sha256.New()
}

// of says whether file has this checksum.
func (c Checksum) of(ctx context.Context, file host.File) (bool, error) {
	h := c.hash()
	if err := hashAll(ctx, h, file, file.Stat().Size); err != nil {
		return false, err
	}
	return hex.EncodeToString(h.Sum(nil)) == c.sum, nil
}

// verifying returns content as a stream that ends with an error unless it has this checksum.
func (c Checksum) verifying(content io.ReadCloser) io.ReadCloser {
	return &verified{ReadCloser: content, want: c, hash: c.hash()}
}

type verified struct {
	io.ReadCloser
	want Checksum
	hash hash.Hash
}

func (r *verified) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.hash.Write(p[:n])
	if err == io.EOF {
		if err := r.want.matches(r.hash); err != nil {
			return n, err
		}
	}
	return n, err
}

// matches says of a source that has been read whether it is the one that is meant.
func (c Checksum) matches(read hash.Hash) error {
	if got := hex.EncodeToString(read.Sum(nil)); got != c.sum {
		return &resources.AttrError{Attr: "checksum_value", Err: fmt.Errorf("the source has %s:%s", c.algorithm, got)}
	}
	return nil
}
