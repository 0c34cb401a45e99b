package odb

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/source/internal/trust"
)

// object is one entry of a pack that is made by hand: it may lie.
type object struct {
	kind    byte // 1 commit, 2 tree, 3 blob, 4 tag, 6 a delta against the object before
	length  uint64
	content []byte
}

func packOf(objects ...object) []byte {
	var b bytes.Buffer
	b.Write(binary.BigEndian.AppendUint32([]byte("PACK\x00\x00\x00\x02"), uint32(len(objects))))
	last := 0
	for _, o := range objects {
		start := b.Len()
		c := o.kind<<4 | byte(o.length&15)
		for n := o.length >> 4; n > 0; n >>= 7 {
			b.WriteByte(c | 0x80)
			c = byte(n & 0x7f)
		}
		b.WriteByte(c)
		if o.kind == 6 {
			b.WriteByte(byte(start - last))
		}
		z := zlib.NewWriter(&b)
		z.Write(o.content)
		z.Close()
		last = start
	}
	sum := sha1.Sum(b.Bytes())
	b.Write(sum[:])
	return b.Bytes()
}

func write(p []byte) func(io.Writer) error {
	return func(w io.Writer) error { _, err := w.Write(p); return err }
}

func TestIngestRefusesWhatIsTooLargeOrWrong(t *testing.T) {
	base := object{3, 5, []byte("hello")}
	bomb := binary.AppendUvarint(binary.AppendUvarint(nil, 5), 1<<40)
	good := packOf(base)
	for _, tt := range []struct {
		name string
		fill func(io.Writer) error
		want string
	}{
		{"a declared size", write(packOf(object{3, 1 << 40, []byte("x")})), "limit of 268435456"},
		{"a delta's result", write(packOf(base, object{6, uint64(len(bomb)), bomb})), "limit of 268435456"},
		{"more than declared", write(packOf(object{3, 5, make([]byte, 1<<20)})), "pack: "},
		{"less than declared", write(packOf(object{3, 500, []byte("x")})), "pack: "},
		{"cut", write(good[:len(good)-25]), "pack: "},
		{"a wrong checksum", write(append(bytes.Clone(good[:len(good)-1]), good[len(good)-1]^1)), "pack: "},
		{"not a pack", write([]byte("ERR no")), "pack: "},
		{"nothing", write(nil), "pack: "},
		{"an error of the network", func(io.Writer) error { return errors.New("reset") }, "reset"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := Create(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if err := s.Ingest(t.Context(), tt.fill); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("want %q, got %v", tt.want, err)
			}
			left, err := os.ReadDir(filepath.Join(s.dir, "objects/pack"))
			if err != nil || len(left) > 0 {
				t.Errorf("left behind: %v %v", left, err)
			}
			if err := s.Ingest(t.Context(), write(good)); err != nil {
				t.Errorf("a good pack afterwards: %v", err)
			}
		})
	}
}

func TestIngestEndsWithItsContext(t *testing.T) {
	s, err := Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("timed out after 1m"))
	if err := s.Ingest(ctx, write(packOf(object{3, 5, []byte("hello")}))); err == nil || err.Error() != "timed out after 1m" {
		t.Errorf("%v", err)
	}
}

func TestCreateRemovesWhatWasTorn(t *testing.T) {
	dir := t.TempDir()
	s, err := Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Ingest(t.Context(), write(packOf(object{3, 5, []byte("hello")}))); err != nil {
		t.Fatal(err)
	}
	s.Close()
	packs := filepath.Join(dir, "objects/pack")
	for _, torn := range []string{filepath.Join(packs, "incoming-"+"1"), filepath.Join(dir, "incoming-"+"2"), filepath.Join(packs, "pack-"+strings.Repeat("0", 40)+".idx")} {
		if err := os.WriteFile(torn, []byte("torn"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if s, err = Create(dir); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	content, err := s.Read(sha1.Sum([]byte("blob 5\x00hello")), "blob")
	if err != nil || string(content) != "hello" {
		t.Errorf("%q %v", content, err)
	}
	var names []string
	filepath.WalkDir(dir, func(path string, d os.DirEntry, _ error) error {
		if !d.IsDir() {
			names = append(names, filepath.Ext(path))
		}
		return nil
	})
	if diff := cmp.Diff([]string{".idx", ".pack"}, names); diff != "" {
		t.Error(diff)
	}
}

func TestReadComparesTheHash(t *testing.T) {
	s, err := Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	// A loose object whose name is another's.
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	z.Write([]byte("blob 5\x00hello"))
	z.Close()
	dir := filepath.Join(s.dir, "objects/aa")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, strings.Repeat("aa", 19)), b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	h, err := ParseHash(strings.Repeat("aa", 20))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Read(h, "blob"); !errors.Is(err, ErrBroken) {
		t.Errorf("another content: %v", err)
	}
	if _, err := s.Read(h, "tree"); !errors.Is(err, trust.Err) {
		t.Errorf("another kind: %v", err)
	}
	if _, err := s.Read(Hash{1}, "blob"); !errors.Is(err, ErrNotFound) {
		t.Errorf("not there: %v", err)
	}
}
