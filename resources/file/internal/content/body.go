// Package content is where the bytes of a file come from: a text, another file of the node, or an address. It compares, describes and
// streams them; memory does not depend on their size.
package content

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources/file/internal/unified"
)

const (
	chunk     = 64 << 10  // bytes read at once
	diffInput = 128 << 10 // bytes; larger contents are not shown as a diff
	diffLines = 200       // of a diff that are shown
	diffBytes = 32 << 10  // of a diff that are shown
	hashInput = 64 << 20  // bytes; larger contents are described by their size alone
)

// Body is content. At most one of Text, Path and URLs is set; the zero Body is empty.
type Body struct {
	Attr string // the attribute that declares it; "" if none does
	Text string
	Path string   // of a local source, free of links
	Size int64    // of a local source, in bytes
	URLs []string // addresses, and paths between them; the first that exists counts
	Sum  Checksum // the declared one, of a source
}

// Same says whether the file at name, described by st, has this content. Sizes are compared before anything is read.
func (b *Body) Same(ctx context.Context, v host.View, name string, st host.Stat) (bool, error) {
	switch {
	case b.Path != "" && b.Size != st.Size:
		return false, nil
	case b.Sum.algorithm != "":
		return b.Sum.of(ctx, v, name, st.Size)
	case b.Path != "":
		return sameFiles(ctx, v, b.Path, name, st.Size)
	}
	if int64(len(b.Text)) != st.Size {
		return false, nil
	}
	return b.sameText(ctx, v, name)
}

// sameText compares the file at name with the text.
func (b *Body) sameText(ctx context.Context, v host.View, name string) (bool, error) {
	file, err := v.Open(name)
	if err != nil {
		return false, err
	}
	defer file.Close()
	buf := make([]byte, min(len(b.Text)+1, chunk))
	for rest := b.Text; ; {
		if err := ctx.Err(); err != nil {
			return false, context.Cause(ctx)
		}
		n, err := file.Read(buf)
		if n > len(rest) || string(buf[:n]) != rest[:n] {
			return false, nil
		}
		rest = rest[n:]
		if err == io.EOF {
			return rest == "", nil
		}
		if err != nil {
			return false, err
		}
	}
}

// sameFiles compares two files of the given size.
func sameFiles(ctx context.Context, v host.View, a, b string, size int64) (bool, error) {
	fileA, err := v.Open(a)
	if err != nil {
		return false, err
	}
	defer fileA.Close()
	fileB, err := v.Open(b)
	if err != nil {
		return false, err
	}
	defer fileB.Close()
	half := min(size+1, chunk)
	buf := make([]byte, 2*half)
	bufA, bufB := buf[:half], buf[half:]
	for {
		if err := ctx.Err(); err != nil {
			return false, context.Cause(ctx)
		}
		n, errA := io.ReadFull(fileA, bufA)
		m, errB := io.ReadFull(fileB, bufB)
		switch {
		case errA != nil && !atEnd(errA):
			return false, errA
		case errB != nil && !atEnd(errB):
			return false, errB
		case !bytes.Equal(bufA[:n], bufB[:m]):
			return false, nil
		case errA != nil || errB != nil:
			return errA != nil && errB != nil, nil
		}
	}
}

func atEnd(err error) bool { return err == io.EOF || err == io.ErrUnexpectedEOF }

// Open returns the content as a stream. If a checksum is declared, the stream ends with an error unless it has that.
func (b *Body) Open(ctx context.Context, v host.View) (io.ReadCloser, error) {
	var content io.ReadCloser
	var err error
	switch {
	case b.URLs != nil:
		content, err = download(ctx, v, b.URLs)
	case b.Path != "":
		content, err = v.Open(b.Path)
	default:
		return io.NopCloser(strings.NewReader(b.Text)), nil
	}
	if err != nil || b.Sum.algorithm == "" {
		return content, err
	}
	return b.Sum.verifying(content), nil
}

// Describe names the content in a word or two: its size, and its checksum if it is not huge.
func (b *Body) Describe(ctx context.Context, v host.View) (string, error) {
	size := int64(len(b.Text))
	switch {
	case b.URLs != nil:
		return b.Sum.String(), nil
	case b.Path != "":
		size = b.Size
	}
	if size > hashInput {
		return Bytes(size), nil
	}
	sum := sha256.New()
	if b.Path == "" {
		_, _ = io.WriteString(sum, b.Text)
	} else {
		content, err := v.Open(b.Path)
		if err != nil {
			return "", err
		}
		defer content.Close()
		if err := hashAll(ctx, sum, content, size); err != nil {
			return "", err
		}
	}
	return Bytes(size) + ", sha256:" + hex.EncodeToString(sum.Sum(nil)[:8]), nil
}

// Bytes is a size in words.
func Bytes(size int64) string { return strconv.FormatInt(size, 10) + " bytes" }

// hashAll feeds all of r, which should be of the given size, to sum, until ctx ends.
func hashAll(ctx context.Context, sum hash.Hash, r io.Reader, size int64) error {
	buf := make([]byte, min(max(size+1, 512), chunk))
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n, err := r.Read(buf)
		sum.Write(buf[:n])
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// Unified returns the difference of two contents as a unified diff of the file name, "" where it would not help a reader: binary or large
// contents, or what is yet to be downloaded. Its length is bounded.
func Unified(ctx context.Context, v host.View, name string, old, declared Body) (string, error) {
	if declared.URLs != nil {
		return "", nil
	}
	from, ok, err := old.legible(ctx, v)
	if !ok {
		return "", err
	}
	to, ok, err := declared.legible(ctx, v)
	if !ok {
		return "", err
	}
	return firstLines(unified.Diff(name, from, to), diffLines), nil
}

// legible reads content if it is text that a terminal can show, and not large.
func (b *Body) legible(ctx context.Context, v host.View) (content []byte, ok bool, err error) {
	if b.Size > diffInput || len(b.Text) > diffInput {
		return nil, false, nil
	}
	if b.Path == "" {
		content = []byte(b.Text)
	} else {
		r, err := v.Open(b.Path)
		if err != nil {
			return nil, false, err
		}
		defer r.Close()
		if content, err = io.ReadAll(io.LimitReader(r, diffInput+1)); err != nil || len(content) > diffInput {
			return nil, false, err
		}
	}
	if !utf8.Valid(content) {
		return nil, false, nil
	}
	unprintable := func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' && r != '\r' }
	return content, bytes.IndexFunc(content, unprintable) < 0, nil
}

// firstLines cuts text after n lines or diffBytes, and says how many lines were cut off.
func firstLines(text string, n int) string {
	end := 0
	for range n {
		i := strings.IndexByte(text[end:], '\n')
		if i < 0 || end+i+1 > diffBytes {
			break
		}
		end += i + 1
	}
	if more := strings.Count(text[end:], "\n"); more > 0 {
		return fmt.Sprintf("%s... and %d more lines\n", text[:end], more)
	}
	return text[:end]
}
