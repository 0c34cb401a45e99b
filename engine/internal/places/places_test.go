package places

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/graph"
	"github.com/nodeapply/apply/resources"
)

// place is one that was entered; lose ends it.
type place struct {
	number int64
	inside context.Context
	lose   context.CancelCauseFunc
	left   int
	fails  error // when it is left
}

func newPlace(t *testing.T, number int64) *place {
	p := &place{number: number}
	p.inside, p.lose = context.WithCancelCause(t.Context())
	return p
}

func (p *place) Number() int64           { return p.number }
func (p *place) Inside() context.Context { return p.inside }
func (p *place) Leave(ctx context.Context) error {
	p.left++
	return errors.Join(p.fails, ctx.Err())
}

// gives returns a wait that gives a place of each limit, and counts.
func gives(count *int, by map[string]*place) func(s *catalog.Section) (resources.Place, error) {
	return func(s *catalog.Section) (resources.Place, error) {
		*count++
		if p := by[s.Name]; p != nil {
			return p, nil
		}
		return nil, nil
	}
}

// TestShared: two sections inside one limit share the place that the first was given, and the last of their members gives it back.
func TestShared(t *testing.T) {
	first := &catalog.Section{Limit: 5, Name: "l", Members: []int{0, 1}}
	second := &catalog.Section{Limit: 5, Name: "l", Members: []int{2}}
	other := &catalog.Section{Limit: 6, Name: "m", Members: []int{3}}
	mine, theirs := newPlace(t, 1), newPlace(t, 2)
	var waits int
	wait := gives(&waits, map[string]*place{"l": mine, "m": theirs})
	var p Places
	enter := func(s *catalog.Section) (Inside, bool) {
		t.Helper()
		in, waited, err := p.Enter(t.Context(), graph.Slot{}, []*catalog.Section{s}, wait)
		if err != nil {
			t.Fatal(err)
		}
		return in, waited
	}
	for i, s := range []*catalog.Section{first, first, second, second} { // entering twice is being inside once
		in, waited := enter(s)
		if len(in) != 1 || in[0].place != mine || waited != (i == 0) || waits != 1 {
			t.Errorf("%d: want the one place, waited for once; got %v, %v after %d waits", i, in, waited, waits)
		}
	}
	if in, waited := enter(other); in[0].place != theirs || !waited {
		t.Errorf("another limit: want its own place, got %v, %v", in, waited)
	}
	for i, step := range []struct {
		s    *catalog.Section
		left [2]int
	}{{first, [2]int{0, 0}}, {other, [2]int{0, 1}}, {second, [2]int{0, 1}}, {first, [2]int{1, 1}}} {
		p.Ended(t.Context(), graph.Slot{}, []*catalog.Section{step.s})
		if got := [2]int{mine.left, theirs.left}; got != step.left {
			t.Errorf("end %d: want them left %v, got %v", i, step.left, got)
		}
	}
	if _, waited := enter(first); !waited {
		t.Error("want it waited for again, once it is given back")
	}
}

// TestTurns: of two that come at the same time one waits for a place, and the other shares it.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mine, given := newPlace(t, 1), make(chan struct{})
		var p Places
		waits, done := make(chan bool, 2), make(chan bool, 2)
		for range 2 {
			s := &catalog.Section{Limit: 5, Name: "l", Members: []int{0}}
			go func() {
				_, waited, err := p.Enter(t.Context(), graph.Slot{}, []*catalog.Section{s}, func(*catalog.Section) (resources.Place, error) {
					waits <- true
					<-given
					return mine, nil
				})
				done <- waited && err == nil
			}()
		}
		synctest.Wait()
		close(given)
		if first, second := <-done, <-done; first == second || len(waits) != 1 {
			t.Errorf("want one of them to wait, %v and %v did, %d times", first, second, len(waits))
		}
	})
}

// TestOneAtATime: who comes while a place is given back waits for that.
func TestOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := &catalog.Section{Limit: 5, Name: "l", Members: []int{0}}, &catalog.Section{Limit: 5, Name: "l", Members: []int{1}}
		slow := &slowPlace{place: newPlace(t, 1), leaving: make(chan struct{})}
		var p Places
		if _, _, err := p.Enter(t.Context(), graph.Slot{}, []*catalog.Section{first}, func(*catalog.Section) (resources.Place, error) { return slow, nil }); err != nil {
			t.Fatal(err)
		}
		go p.Ended(t.Context(), graph.Slot{}, []*catalog.Section{first})
		<-slow.leaving
		_, waited, err := p.Enter(t.Context(), graph.Slot{}, []*catalog.Section{second}, func(*catalog.Section) (resources.Place, error) {
			if slow.left == 0 {
				t.Error("the node asks for another place while it has one")
			}
			return newPlace(t, 2), nil
		})
		if !waited || err != nil {
			t.Errorf("want another place, got %v, %v", waited, err)
		}
	})
}

// slowPlace takes a second to leave.
type slowPlace struct {
	*place
	leaving chan struct{}
}

func (p *slowPlace) Leave(ctx context.Context) error {
	close(p.leaving)
	time.Sleep(time.Second) // of the bubble
	return p.place.Leave(ctx)
}

// TestNoPlace: a limit that does not concern this node is entered without a place, once.
func TestNoPlace(t *testing.T) {
	s := &catalog.Section{Limit: 5, Members: []int{0}}
	var waits int
	var p Places
	for range 2 {
		if in, _, err := p.Enter(t.Context(), graph.Slot{}, []*catalog.Section{s}, gives(&waits, nil)); len(in) > 0 || err != nil {
			t.Errorf("want no place, got %v, %v", in, err)
		}
	}
	p.Ended(t.Context(), graph.Slot{}, []*catalog.Section{s})
	if waits != 1 {
		t.Errorf("waited %d times", waits)
	}
}

func TestEnterFails(t *testing.T) {
	a, b := &catalog.Section{Limit: 5, Name: "a", Members: []int{0}}, &catalog.Section{Limit: 6, Name: "b", Members: []int{0}}
	mine, full, lost := newPlace(t, 1), errors.New("no place"), errors.New("lost")
	var p Places
	_, _, err := p.Enter(t.Context(), graph.Slot{}, []*catalog.Section{a, b}, func(s *catalog.Section) (resources.Place, error) {
		if s == b {
			return nil, full
		}
		return mine, nil
	})
	if !errors.Is(err, full) {
		t.Errorf("want the error of the wait, got %v", err)
	}
	soon, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if in, _, err := p.Enter(soon, graph.Slot{}, []*catalog.Section{b}, func(*catalog.Section) (resources.Place, error) { return newPlace(t, 2), nil }); err != nil || len(in) != 1 {
		t.Errorf("want a place at the next attempt, got %v, %v", in, err)
	}
	mine.lose(lost)
	if _, _, err := p.Enter(t.Context(), graph.Slot{}, []*catalog.Section{a}, nil); !errors.Is(err, lost) {
		t.Errorf("want it told that the place is lost, got %v", err)
	}
	p.Ended(t.Context(), graph.Slot{}, []*catalog.Section{a, b})
	if mine.left != 1 {
		t.Errorf("what was entered before the failure was left %d times", mine.left)
	}
}

// TestTroubles: a place is given back although the run was ended; that it cannot be is told, unless it was lost before.
func TestTroubles(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	away := errors.New("exchange: no route to host")
	for _, tc := range []struct {
		name string
		p    *place
		lost error
		want []error
	}{
		{"left", newPlace(t, 1), nil, nil},
		{"not left", &place{inside: t.Context(), fails: away}, nil, []error{away}},
		{"lost", newPlace(t, 1), errors.New("lost"), nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := &catalog.Section{Limit: 5, Name: "l", Members: []int{0}}
			var p Places
			var waits int
			if _, _, err := p.Enter(t.Context(), graph.Slot{}, []*catalog.Section{s}, gives(&waits, map[string]*place{"l": tc.p})); err != nil {
				t.Fatal(err)
			}
			if tc.lost != nil {
				tc.p.lose(tc.lost)
			}
			p.Ended(ended, graph.Slot{}, []*catalog.Section{s})
			got := p.Troubles()
			if tc.p.left != 1 || len(got) != len(tc.want) || len(got) > 0 && !errors.Is(got[0], tc.want[0]) {
				t.Errorf("left %d times with %v", tc.p.left, got)
			}
		})
	}
}

func TestInside(t *testing.T) {
	a, b := newPlace(t, 7), newPlace(t, 3)
	in := Inside{{"alpha", a}, {"beta", b}}
	if diff := cmp.Diff([]string{"APPLY_FENCE_ALPHA=7", "APPLY_FENCE_BETA=3", "APPLY_FENCE=3"}, in.env()); diff != "" {
		t.Error(diff)
	}
	if got := (Inside{}).env(); len(got) > 0 {
		t.Errorf("inside of nothing: got %q", got)
	}
	ctx, done := in.Context(t.Context())
	defer done()
	if ctx.Err() != nil {
		t.Error("ended although nothing is lost")
	}
	lost := errors.New("lost")
	b.lose(lost)
	<-ctx.Done()
	if err := context.Cause(ctx); !errors.Is(err, lost) {
		t.Errorf("ended by %v", err)
	}
}
