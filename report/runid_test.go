package report

import (
	"testing"
	"time"
)

func TestNextRunID(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for name, last := range map[string]string{
		"the first run":                 "",
		"a run before":                  NewRunID(now.Add(-time.Hour)),
		"a run in the same millisecond": NewRunID(now),
		"a run of a clock set back":     NewRunID(now.Add(1000 * time.Hour)),
		"the last of all times":         "7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
		"no identifier":                 "~~~~~~~~~~~~~~~~~~~~~~~~~~",
	} {
		t.Run(name, func(t *testing.T) {
			id := NextRunID(now, last)
			if len(id) != 26 || id < NewRunID(now)[:10] {
				t.Errorf("%s", id)
			}
			if runTime(last) >= 0 && id <= last {
				t.Errorf("%s does not come after %s", id, last)
			}
			if runTime(last) < now.UnixMilli() && runTime(id) != now.UnixMilli() {
				t.Errorf("%s is not of now", id)
			}
		})
	}
}
