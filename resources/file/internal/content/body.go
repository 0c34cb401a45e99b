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
	"github.com/nodeapply/apply/resources/unified"
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
	Path string    // of a local source, free of links
	Size int64     // of a local source, in bytes
	File host.File // that source where it is open: the first to read it takes it, else Close closes it
	URLs []string  // addresses, and paths between them; the first that exists counts
	Sum  Checksum  // the declared one, of a source
}

// Same says whether file has this content. Sizes are compared before anything is read; but of a source that says it is empty, as all of /proc and most of
// /sys does, only reading it tells.
func (b *Body) Same(ctx context.Context, v host.View, file host.File) (bool, error) {
	size := file.Stat().Size
	switch {
	case b.Path != "" && b.Size != size && b.Size != 0:
		return false, nil
	case b.Sum.algorithm != "":
		return b.Sum.of(ctx, file)
	case b.Path != "":
		return b.sameFile(ctx, v, file)
	}
	if int64(len(b.Text)) != size {
		return false, nil
	}
	return b.sameText(ctx, file)
}

// sameText compares a file of the text's size with the text.
func (b *Body) sameText(ctx context.Context, file host.File) (bool, error) {
	buf := make([]byte, min(len(b.Text), chunk))
	for rest := b.Text; rest != ""; {
		if err := ctx.Err(); err != nil {
			return false, context.Cause(ctx)
		}
		n, err := file.Read(buf[:min(len(buf), len(rest))])
		if string(buf[:n]) != rest[:n] {
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
	return true, nil
}

// sameFile compares a file of the source's size with the source.
func (b *Body) sameFile(ctx context.Context, v host.View, file host.File) (bool, error) {
	source, err := b.local(v)
	if err != nil {
		return false, err
	}
	defer source.Close()
	if source.Stat().Size != b.Size {
		return false, nil
	}
	return sameStreams(ctx, source, file, b.Size)
}

// sameStreams compares two streams of that size, or to their ends where it is 0 or they have been cut since they were opened.
func sameStreams(ctx context.Context, a, b io.Reader, size int64) (bool, error) {
	half := int64(chunk)
	if size > 0 {
		half = min(size, half)
	}
	buf := make([]byte, 2*half)
	for left := size; ; {
		if err := ctx.Err(); err != nil {
			return false, context.Cause(ctx)
		}
		n, errA := io.ReadFull(a, buf[:half])
		m, errB := io.ReadFull(b, buf[half:2*half])
		for _, err := range []error{errA, errB} {
			if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
				return false, err
			}
		}
		if !bytes.Equal(buf[:n], buf[half:half+int64(m)]) {
			return false, nil
		}
		if errA != nil || errB != nil {
			return true, nil
		}
		if size == 0 {
			continue
		}
		if left -= half; left == 0 {
			return true, nil
		}
		half = min(half, left)
	}
}

// local opens the local source, unless it is open already.
func (b *Body) local(v host.View) (host.File, error) {
	if f := b.File; f != nil {
		b.File = nil
		return f, nil
	}
	return v.Open(b.Path)
}

// Close closes the local source if it is still open and nobody has taken it.
func (b *Body) Close() {
	if b.File != nil {
		_ = b.File.Close()
	}
}

// Open returns the content as a stream. If a checksum is declared, the stream ends with an error unless it has that.
func (b *Body) Open(ctx context.Context, v host.View) (io.ReadCloser, error) {
	var content io.ReadCloser
	var err error
	switch {
	case b.URLs != nil:
		content, err = download(ctx, v, b.URLs)
	case b.Path != "":
		content, err = b.local(v)
	default:
		return io.NopCloser(strings.NewReader(b.Text)), nil
	}
	if err != nil || b.Sum.algorithm == "" {
		return content, err
	}
	return b.Sum.verifying(content), nil
}

// Verify says of a source on the node whether it has the checksum that is declared, before anything is written.
func (b *Body) Verify(ctx context.Context, v host.View) error {
	if b.Path == "" || b.Sum.algorithm == "" {
		return nil
	}
	source, err := v.Open(b.Path)
	if err != nil {
		return err
	}
	defer source.Close()
	sum := b.Sum.hash()
	if err := hashAll(ctx, sum, source, b.Size); err != nil {
		return err
	}
	return b.Sum.matches(sum)
}

// held returns b with its content in memory where that is a file of the node small enough to be shown: it is read once for all that is said of it.
func (b *Body) held(v host.View) (Body, error) {
	if b.Path == "" || b.Size > diffInput {
		return *b, nil
	}
	f, err := b.local(v)
	if err != nil {
		return Body{}, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, diffInput+1))
	if err != nil || len(text) > diffInput { // it has grown meanwhile
		return *b, err
	}
	return Body{Attr: b.Attr, Text: string(text), Sum: b.Sum}, nil
}

// describe names the content in a word or two: its size, and its checksum if it is not huge.
func (b *Body) describe(ctx context.Context, v host.View) (string, error) {
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

// Portray says in a word or two what the content of the file name was, which is nil where there was no file, and what it is to be, and shows the difference
// as a unified diff: "" where that would not help a reader, of binary or large contents or of what is yet to be downloaded. Its length is bounded. Where show is false no difference is looked for.
func Portray(ctx context.Context, v host.View, name string, was, is *Body, show bool) (from, to, diff string, err error) {
	var old Body
	if was != nil {
		if old, err = was.held(v); err != nil {
			return "", "", "", err
		}
		if from, err = old.describe(ctx, v); err != nil {
			return "", "", "", err
		}
	}
	declared, err := is.held(v)
	if err != nil {
		return from, "", "", err
	}
	if to, err = declared.describe(ctx, v); err != nil {
		return from, "", "", err
	}
	if show {
		diff = difference(name, old, declared)
	}
	return from, to, diff, nil
}

// difference is the diff of two contents, both held in memory.
func difference(name string, old, declared Body) string {
	if !old.legible() || !declared.legible() {
		return ""
	}
	return firstLines(unified.Diff(name, old.Text, declared.Text))
}

// legible says whether content is text that a terminal can show, and not large.
func (b *Body) legible() bool {
	return b.Path == "" && b.URLs == nil && len(b.Text) <= diffInput && printable(b.Text)
}

// printable says whether a terminal can show the text: it is UTF-8 and has no control characters but those that part lines and columns.
func printable(text string) bool {
	for i := 0; i < len(text); {
		if c := text[i]; c < utf8.RuneSelf {
			if c == 0x7f || c < ' ' && c != '\n' && c != '\t' && c != '\r' {
				return false
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && n == 1 || unicode.IsControl(r) {
			return false
		}
		i += n
	}
	return true
}

// firstLines cuts text after diffLines or diffBytes, and says how many lines were cut off.
func firstLines(text string) string {
	end := 0
	for range diffLines {
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
