package events

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// listener keeps what it is told, and notices when it is told two things at once.
type listener struct {
	log    []string
	within int
	t      *testing.T
}

func (l *listener) hear(what string) {
	l.within++
	runtime.Gosched()
	if l.within != 1 {
		l.t.Error("told by two at once")
	}
	l.log = append(l.log, what)
	l.within--
}

func (l *listener) Begin(r *report.Report)                   { l.hear("begin " + r.Run) }
func (l *listener) Running(a resources.Address, what string) { l.hear(a.Title + " " + what) }
func (l *listener) Ended(r *report.Result)                   { l.hear(r.Title + " ended") }
func (l *listener) End(r *report.Report)                     { l.hear("end " + r.Run) }

func all(s *Serial) {
	s.Begin(&report.Report{Run: "r"})
	s.Running(resources.Address{Title: "a"}, "checking")
	s.Ended(&report.Result{Title: "a"})
	s.End(&report.Report{Run: "r"})
}

func TestSerial(t *testing.T) {
	all(&Serial{}) // nobody listens
	l := &listener{t: t}
	all(&Serial{To: l})
	if diff := cmp.Diff("begin r, a checking, a ended, end r", strings.Join(l.log, ", ")); diff != "" {
		t.Error(diff)
	}
}

func TestOneAtATime(t *testing.T) {
	l := &listener{t: t}
	s := &Serial{To: l}
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			s.Running(resources.Address{Title: fmt.Sprint(i)}, "checking")
			s.Ended(&report.Result{})
		})
	}
	wg.Wait()
	if len(l.log) != 200 {
		t.Errorf("want 200 events, got %d", len(l.log))
	}
}
