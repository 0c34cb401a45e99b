package syncer

import (
	"testing"
	"time"
)

func TestTheFasterWayIsTaken(t *testing.T) {
	for _, tc := range []struct {
		name      string
		each, all time.Duration // what the syncs take
		files     int
		want      bool // all at once
	}{
		{"few files", time.Millisecond, 5 * time.Millisecond, 3, false},
		{"many files", time.Millisecond, 5 * time.Millisecond, 100, true},
		{"many files beside a busy writer", time.Millisecond, 10 * time.Second, 100, false},
		{"many files on a disk that is slow to sync one", 30 * time.Millisecond, 60 * time.Millisecond, 100, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := newDisk()
			var all int
			const rounds = 200
			for range rounds {
				way := d.preferAll(tc.files)
				if way {
					all++
					d.took(true, tc.files, tc.all)
				} else {
					d.took(false, tc.files, time.Duration(tc.files)*tc.each)
				}
			}
			// The other way is tried now and then, or nobody would see that it has become the better one.
			if often := all > rounds/2; often != tc.want {
				t.Errorf("all at once in %d of %d syncs, want most: %v", all, rounds, tc.want)
			}
		})
	}
}
