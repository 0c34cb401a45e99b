package lines

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRead(t *testing.T) {
	var whole []byte
	for _, text := range []string{"one", "", "three\x00"} {
		var err error
		if whole, err = Append(whole, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	long := strings.Repeat("0123456789", 30_000) // several times what is read at once
	longer, err := Append(bytes.Clone(whole), []byte(long))
	if err != nil {
		t.Fatal(err)
	}
	second := int64(len("01234567 one\n"))
	flipped := bytes.Replace(whole, []byte("one"), []byte("One"), 1)
	for _, tc := range []struct {
		name    string
		content []byte
		want    string
		damage  *Damage // without its error
		err     string
	}{
		{name: "whole", content: whole, want: "one||three\x00|"},
		{name: "a long one among them", content: append(longer, whole[second:]...), want: "one||three\x00|" + long + "||three\x00|"},
		{name: "nothing", content: nil},
		{name: "torn", content: whole[:second+4], want: "one|", damage: &Damage{Offset: second, Torn: true}, err: "record 2: incomplete"},
		{name: "a bit flipped", content: flipped, damage: &Damage{}, err: "record 1: the checksum is wrong"},
		{name: "the last one flipped", content: flipped[:second], damage: &Damage{Torn: true}, err: "record 1: the checksum is wrong"},
		{name: "zeroes", content: make([]byte, 100), damage: &Damage{Torn: true}, err: "record 1: incomplete"},
		{name: "refused", content: append(bytes.Clone(whole[:second]), whole...), want: "one|", damage: &Damage{Offset: second}, err: "record 2: twice"},
		{name: "too long", content: bytes.Repeat([]byte("x"), Max+100_000), damage: &Damage{}, err: "record 1: incomplete"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got string
			damage, err := Read(bytes.NewReader(tc.content), func(text []byte) error {
				if string(text) == "one" && strings.HasPrefix(got, "one") {
					return errors.New("twice")
				}
				got += string(text) + "|"
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if damage != nil {
				if damage.Err.Error() != tc.err {
					t.Errorf("want %q, got %q", tc.err, damage.Err)
				}
				damage.Err = nil
			}
			if diff := cmp.Diff(tc.damage, damage); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAppendRefusesWhatCannotBeRead(t *testing.T) {
	if _, err := Append(nil, make([]byte, Max)); err == nil || !strings.Contains(err.Error(), "limit") {
		t.Errorf("got %v", err)
	}
}

// What is appended, queued and left for later is there in the order of the calls, and an append is on disk with all before it.
func TestLog(t *testing.T) {
	name := filepath.Join(t.TempDir(), "log")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	l := NewLog(f)
	content := func() string {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for _, step := range []struct {
		do   func() error
		want string
	}{
		{func() error { return l.Queue([]byte("a")) }, ""},
		{func() error { return l.Append(t.Context(), []byte("b")) }, "ab"},
		{func() error { return l.Later([]byte("c")) }, "abc"},
		{func() error { return l.Queue([]byte("d")) }, "abc"},
		{func() error { return l.Later([]byte("e")) }, "abcde"},
		{func() error { return l.Queue([]byte("f")) }, "abcde"},
		{func() error { return l.Close() }, "abcdef"},
	} {
		if err := step.do(); err != nil {
			t.Error(err)
		}
		if got := content(); got != step.want {
			t.Errorf("want %q, got %q", step.want, got)
		}
	}
}

// After a write that failed nothing more is written, and everybody is told.
func TestLogStopsAtAHole(t *testing.T) {
	f, err := os.Open(os.DevNull) // for reading
	if err != nil {
		t.Fatal(err)
	}
	l := NewLog(f)
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			if l.Append(t.Context(), []byte("x")) == nil {
				t.Error("no error")
			}
		})
	}
	wg.Wait()
	for what, err := range map[string]error{"queue": l.Queue([]byte("y")), "later": l.Later([]byte("z")), "close": l.Close()} {
		if err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}

// What is written to a file that was removed nobody can read: who waits for it to be on disk is told.
func TestLogOfARemovedFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "log")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	l := NewLog(f)
	if err := l.Append(t.Context(), []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := l.Append(t.Context(), []byte("y")); err == nil || !strings.Contains(err.Error(), name+": somebody has removed it") {
			t.Errorf("got %v", err)
		}
	}
}
