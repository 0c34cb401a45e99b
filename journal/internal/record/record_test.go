package record

import (
	"strings"
	"testing"
)

// linesOf returns records as they are in a journal.
func linesOf(records ...Record) (all []byte) {
	_ = encoded(records, func(b []byte) error {
		all = b
		return nil
	})
	return all
}

func FuzzDecode(f *testing.F) {
	line := linesOf(Record{Run: &Run{Version: 1, ID: "x"}})
	f.Add(line)
	f.Add(append(line, "00000000 {}\n"...))
	f.Add([]byte("zzzzzzzz {}\n\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var p Past
		dmg, err := decode(strings.NewReader(string(b)), p.add)
		if err != nil {
			t.Fatal(err)
		}
		if dmg != nil && (dmg.Offset < 0 || dmg.Offset > int64(len(b))) {
			t.Fatalf("offset %d of %d", dmg.Offset, len(b))
		}
	})
}
