package system

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestState(t *testing.T) {
	for s, want := range map[string]any{
		"59.9 1\n": "0:00 hours", "5025.10 9\n": "1:23 hours", "86400 0": "1 day", "259200.5 0": "3 days", "": nil, "x y": nil, "-1 0": nil,
	} {
		if got := parseUptime(s)["uptime"]; got != want {
			t.Errorf("uptime %q: got %v, want %v", s, got, want)
		}
	}
	if d := cmp.Diff(map[string]any{"days": int64(3), "hours": int64(72), "seconds": int64(259200), "uptime": "3 days"}, parseUptime("259200.5 0")); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(map[string]any{"1m": .5, "5m": 1.25, "15m": 3.0}, parseLoad("0.50 1.25 3.00 1/123 4567\n")); d != "" {
		t.Error(d)
	}
	for _, s := range []string{"", "1 2", "1 x 3"} {
		if got := parseLoad(s); got != nil {
			t.Errorf("load %q: %v", s, got)
		}
	}
}
