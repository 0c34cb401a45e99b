package file

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

	"github.com/rogpeppe/go-internal/diff"

	"github.com/nodeapply/apply/host"
)

const (
	chunk     = 64 << 10  // bytes read at once
	diffInput = 128 << 10 // bytes; larger contents are not shown as a diff
	diffLines = 200       // of a diff that are shown
	diffBytes = 32 << 10  // of a diff that are shown
	hashInput = 64 << 20  // bytes; larger contents are described by their size alone
)

// body is where content comes from: a text, a file of the node, or addresses. Without attr there is none.
type body struct {
	attr string // the attribute that declares it
	text string
	path string // of a local source
	size int64  // of a local source
	urls []string
	sum  checksum // the declared one, of a source
}

// same says whether the file at name, described by st, has this content. Sizes are compared before anything is read.
func (b *body) same(ctx context.Context, v host.View, name string, st host.Stat) (bool, error) {
	switch {
	case b.sum.algorithm != "":
		return b.sum.of(ctx, v, name)
	case b.path != "":
		if b.size != st.Size {
			return false, nil
		}
		return sameFiles(ctx, v, b.path, name, st.Size)
	}
	if int64(len(b.text)) != st.Size {
		return false, nil
	}
	return b.sameText(ctx, v, name)
}

// sameText compares the file at name with the text.
func (b *body) sameText(ctx context.Context, v host.View, name string) (bool, error) {
	file, err := v.Open(name)
	if err != nil {
		return false, err
	}
	defer file.Close()
	buf := make([]byte, min(len(b.text)+1, chunk))
	for rest := b.text; ; {
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

// open returns the content as a stream. If a checksum is declared, the stream ends with an error unless it has that.
func (b *body) open(ctx context.Context, v host.View) (io.ReadCloser, error) {
	var content io.ReadCloser
	var err error
	switch {
	case b.urls != nil:
		content, err = download(ctx, v, b.urls)
	case b.path != "":
		content, err = v.Open(b.path)
	default:
		return io.NopCloser(strings.NewReader(b.text)), nil
	}
	if err != nil || b.sum.algorithm == "" {
		return content, err
	}
	return b.sum.verifying(content), nil
}

// describe names content in a word or two: its size, and its checksum if it is not huge.
func describe(ctx context.Context, v host.View, b body) (string, error) {
	size := int64(len(b.text))
	switch {
	case b.urls != nil:
		return b.sum.String(), nil
	case b.path != "":
		size = b.size
	}
	if size > hashInput {
		return bytesOf(size), nil
	}
	content, err := (&body{text: b.text, path: b.path}).open(ctx, v)
	if err != nil {
		return "", err
	}
	defer content.Close()
	sum := sha256.New()
	if err := hashAll(ctx, sum, content); err != nil {
		return "", err
	}
	return bytesOf(size) + ", sha256:" + hex.EncodeToString(sum.Sum(nil)[:8]), nil
}

func bytesOf(size int64) string { return strconv.FormatInt(size, 10) + " bytes" }

// hashAll feeds all of r to sum, until ctx ends.
func hashAll(ctx context.Context, sum hash.Hash, r io.Reader) error {
	buf := make([]byte, chunk)
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

// unified returns the difference of the contents as a unified diff, "" where it would not help a reader: binary or large contents.
func (f *File) unified(ctx context.Context, v host.View, w *want, st host.Stat) (string, error) {
	var old []byte
	if st.Kind == host.Regular {
		var ok bool
		var err error
		if old, ok, err = legible(ctx, v, body{path: w.name, size: st.Size}); !ok {
			return "", err
		}
	}
	if w.body.urls != nil {
		return "", nil
	}
	declared, ok, err := legible(ctx, v, w.body)
	if !ok {
		return "", err
	}
	text := diff.Diff(w.name, old, w.name, declared)
	_, text, _ = bytes.Cut(text, []byte("\n")) // the line "diff OLD NEW" says nothing more
	return firstLines(string(text), diffLines), nil
}

// legible reads content if it is text that a terminal can show, and not large.
func legible(ctx context.Context, v host.View, b body) (content []byte, ok bool, err error) {
	if b.size > diffInput || len(b.text) > diffInput {
		return nil, false, nil
	}
	r, err := (&body{text: b.text, path: b.path}).open(ctx, v)
	if err != nil {
		return nil, false, err
	}
	defer r.Close()
	content, err = io.ReadAll(io.LimitReader(r, diffInput+1))
	if err != nil || len(content) > diffInput || !utf8.Valid(content) {
		return nil, false, err
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
