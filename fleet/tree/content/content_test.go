package content

import (
	"bytes"
	"crypto/sha256"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNew(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789abcdef"), 2*minChunk/16+1)
	s, err := New(bytes.NewReader(data), int64(len(data)), []Hole{{Offset: minChunk, Size: minChunk}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]any{int64(3), int64(minChunk), int64(16), true, false}, []any{s.Count(), s.Length(0), s.Length(2), s.Empty(1), s.Empty(2)}); diff != "" {
		t.Error(diff)
	}
	if !s.Holds(0, data[:minChunk]) || s.Holds(0, data[1:minChunk+1]) || !s.Holds(2, data[2*minChunk:]) {
		t.Error("a chunk is not told from another")
	}
	if err := s.Check(); err != nil {
		t.Error(err)
	}
	if _, err := New(bytes.NewReader(data[1:]), int64(len(data)), nil); err == nil {
		t.Error("a content is shorter than it is said to be")
	}
	if _, err := New(bytes.NewReader(data), int64(len(data)), []Hole{{Offset: int64(len(data)), Size: 1}}); err == nil {
		t.Error("a hole is not in the content")
	}
	if _, err := New(nil, maxChunk*maxChunks+1, nil); err == nil {
		t.Error("a content is over the limit")
	}
}

// What comes over the wire may be anything.
func TestCheck(t *testing.T) {
	good := Spec{ID: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", Size: 10, Chunk: 4, Hashes: make([][]byte, 3)}
	for i := range good.Hashes {
		good.Hashes[i] = make([]byte, sha256.Size)
	}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Spec){
		"no id":            func(s *Spec) { s.ID = "" },
		"a negative size":  func(s *Spec) { s.Size = -1 },
		"chunks of none":   func(s *Spec) { s.Chunk = 0 },
		"too large chunks": func(s *Spec) { s.Chunk = maxChunk + 1 },
		"too many chunks":  func(s *Spec) { s.Size = 4*maxChunks + 1 },
		"a hash too few":   func(s *Spec) { s.Hashes = s.Hashes[1:] },
		"a hole outside":   func(s *Spec) { s.Holes = []Hole{{Offset: 9, Size: 2}} },
		"one behind none":  func(s *Spec) { s.Holes = []Hole{{Offset: -1, Size: 2}} },
		"a hole of none":   func(s *Spec) { s.Holes = []Hole{{Offset: 5}} },
		"holes that cross": func(s *Spec) { s.Holes = []Hole{{Offset: 1, Size: 4}, {Offset: 4, Size: 1}} },
		"too many holes": func(s *Spec) {
			s.Size, s.Chunk, s.Hashes = 10_000, 10_000, s.Hashes[:1]
			for i := range int64(MaxHoles + 1) {
				s.Holes = append(s.Holes, Hole{Offset: 2 * i, Size: 1})
			}
		},
	} {
		s := good
		change(&s)
		if s.Check() == nil {
			t.Errorf("%s: it is taken", name)
		}
	}
}

// What travels is what is in no hole, from any offset on.
func TestSend(t *testing.T) {
	data := []byte("aaaa\x00\x00\x00\x00\x00\x00\x00\x00bb")
	s := Spec{Size: int64(len(data)), Chunk: 4, Holes: []Hole{{Offset: 1, Size: 3}, {Offset: 4, Size: 8}}} // the first takes no chunk's whole
	for offset, want := range map[int64]string{0: "aaaabb", 4: "bb", 8: "bb", 12: "bb", 14: ""} {
		var b bytes.Buffer
		if err := s.Send(&b, bytes.NewReader(data), offset, s.Size, make([]byte, 3)); err != nil || b.String() != want {
			t.Errorf("from %d: want %q, got %q, %v", offset, want, b.String(), err)
		}
	}
	if err := s.Send(&bytes.Buffer{}, bytes.NewReader(data[:13]), 0, s.Size, make([]byte, 3)); err == nil {
		t.Error("a content that was cut off was sent as whole")
	}
}
