package visit

import (
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/engine/internal/stop"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// TestNothingHangs: whatever a resource is asked for has the deadline of an attempt, and is left behind where nothing ends it.
func TestNothingHangs(t *testing.T) {
	for what, words := range map[string]string{
		"check": "", "guard": "unless-no", "before": "daemon", "made": "", "apply": "", "ask": "daemon there notified", "refresh": "daemon there notified",
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &scene{words: words + " hang-" + what, dead: make(chan struct{})}
				defer close(s.dead)
				s.is = s.has("there")
				start := time.Now()
				vis := visit(t, s, &stop.Stopper{})
				if vis.Result.Outcome != report.Failed || !vis.Stuck || !strings.Contains(vis.Result.Error.Summary, "timed out after 1m") {
					t.Errorf("%s, stuck: %v: %+v", vis.Result.Outcome, vis.Stuck, vis.Result.Error)
				}
				if last := s.log[len(s.log)-1]; last != "ended" {
					t.Errorf("%s, and it may still change something", last)
				}
				if took := time.Since(start); took > 2*time.Minute {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}

// TestTells: those who look on are told what the resource says, scrubbed; the log names it.
func TestTells(t *testing.T) {
	var log strings.Builder
	var told []string
	e := &catalog.Entry{Addr: address("a"), Resource: command{folder{&scene{words: "repeats"}}}}
	w := newWalk(t, e.Resource.(command).scene, &stop.Stopper{}, []*catalog.Entry{e}, nil)
	defer w.Hands.Rest()
	w.Redact.Text = func(s string) string { return strings.ReplaceAll(s, "secret", "***") }
	w.Running = func(_ resources.Address, what string) { told = append(told, what) }
	w.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	newVisit(w, 0, e).Settle(t.Context())
	if diff := cmp.Diff([]string{"checking", "applying", "sleeping with ***"}, told); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff("level=INFO msg=said resource=t.a of=test\n", log.String()); diff != "" {
		t.Error(diff)
	}
}
