package since

import (
	"testing"
	"time"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/journal/internal/image"
	"github.com/nodeapply/apply/journal/internal/record"
)

// What a run that died was about to do is told from what somebody else did by what is there, and when it came to be.
func TestDied(t *testing.T) {
	end := time.Unix(1000, 0)
	for name, tc := range map[string]struct {
		op      host.OpKind
		before  host.Kind
		now     host.Kind
		changed time.Time
		want    bool
	}{
		"written at once":           {host.OpWrite, host.Absent, host.Regular, end.Add(atOnce), true},
		"written later":             {host.OpWrite, host.Absent, host.Regular, end.Add(atOnce + 1), false},
		"nobody knows when":         {host.OpWrite, host.Regular, host.Regular, time.Time{}, false},
		"removed":                   {host.OpRemove, host.Regular, host.Absent, time.Time{}, true},
		"gone, and not removed":     {host.OpWrite, host.Regular, host.Absent, time.Time{}, false},
		"a folder made, used since": {host.OpMkdir, host.Absent, host.Directory, end.Add(time.Hour), true},
		"a folder given a mode":     {host.OpMeta, host.Directory, host.Directory, end.Add(time.Hour), false},
	} {
		t.Run(name, func(t *testing.T) {
			op := &record.Op{Kind: string(tc.op), Pre: &image.Image{}}
			op.Pre.Kind = tc.before.String()
			if got := died(end, op, tc.now.String(), tc.changed); got != tc.want {
				t.Errorf("want %v, got %v", tc.want, got)
			}
		})
	}
}
