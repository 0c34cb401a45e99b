package content

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkUnified is what showing a change takes: one line in a file of 1 KiB, a tenth of the lines of one of 100 KiB, and all of them.
func BenchmarkUnified(b *testing.B) {
	lines := func(n int, changed func(i int) bool) string {
		var s strings.Builder
		for i := range n {
			fmt.Fprintf(&s, "option%d = %v\n", i, changed(i))
		}
		return s.String()
	}
	never := func(int) bool { return false }
	for _, tc := range []struct {
		name    string
		n       int
		changed func(i int) bool
	}{
		{"one of 60 lines", 60, func(i int) bool { return i == 30 }},
		{"a tenth of 5000", 5000, func(i int) bool { return i%10 == 0 }},
		{"all of 5000", 5000, func(int) bool { return true }},
	} {
		old, declared := Body{Text: lines(tc.n, never)}, Body{Text: lines(tc.n, tc.changed)}
		b.Run(tc.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if difference("/etc/x", old, declared) == "" {
					b.Fatal("nothing is shown")
				}
			}
		})
	}
}
