package report_test

import (
	"testing"

	"github.com/nodeapply/apply/report"
)

func TestTook(t *testing.T) {
	for ms, want := range map[float64]string{
		0: "0ms", 0.123: "0.12ms", 4.56: "4.6ms", 12.3: "12ms", 999.4: "999ms", 1234.5: "1.23s", 12345: "12.35s", 83456: "1m23s", 3723000: "1h2m3s",
	} {
		if got := report.Took(ms); got != want {
			t.Errorf("%vms: want %s, got %s", ms, want, got)
		}
	}
}
