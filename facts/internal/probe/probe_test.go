package probe

import (
	"math"
	"testing"
)

func TestHuman(t *testing.T) {
	for bytes, want := range map[int64]string{0: "0 bytes", 1023: "1023 bytes", 1024: "1.00 KiB", 1536: "1.50 KiB", 1 << 40: "1.00 TiB", math.MaxInt64: "8.00 EiB"} {
		if got := Human(bytes); got != want {
			t.Errorf("%d: got %s, want %s", bytes, got, want)
		}
	}
	for _, tt := range []struct {
		part, whole int64
		want        string
	}{{0, 0, "0%"}, {1, 3, "33.33%"}, {3, 3, "100%"}, {5, 0, "0%"}} {
		if got := Share(tt.part, tt.whole); got != tt.want {
			t.Errorf("%d of %d: got %s, want %s", tt.part, tt.whole, got, tt.want)
		}
	}
}
