package hardware

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMemory(t *testing.T) {
	for _, tt := range []struct {
		name, meminfo string
		want          map[string]any
	}{
		{"with swap", "MemTotal:        2040000 kB\nMemFree:          100 kB\nMemAvailable:    1020000 kB\nSwapTotal:       1048576 kB\nSwapFree:        1048576 kB\n",
			map[string]any{
				"system": map[string]any{"total": "1.95 GiB", "total_bytes": int64(2088960000), "available": "996.09 MiB", "available_bytes": int64(1044480000), "used": "996.09 MiB", "used_bytes": int64(1044480000), "capacity": "50.00%"},
				"swap":   map[string]any{"total": "1.00 GiB", "total_bytes": int64(1 << 30), "available": "1.00 GiB", "available_bytes": int64(1 << 30), "used": "0 bytes", "used_bytes": int64(0), "capacity": "0%"},
			}},
		{"an old kernel", "MemTotal: 100 kB\nMemFree: 20 kB\nBuffers: 5 kB\nCached: 25 kB\n",
			map[string]any{"system": map[string]any{"total": "100.00 KiB", "total_bytes": int64(102400), "available": "50.00 KiB", "available_bytes": int64(51200), "used": "50.00 KiB", "used_bytes": int64(51200), "capacity": "50.00%"}}},
		{"nonsense", "MemTotal: lots\n\nSwapTotal:\n", map[string]any{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, parseMeminfo(tt.meminfo)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestUnknownChassis(t *testing.T) {
	for _, s := range []string{"", "0", "-1", "99", "x"} {
		if got := chassisType(s); got != "" {
			t.Errorf("chassis %q: %s", s, got)
		}
	}
}
