package places

import (
	"context"
	"errors"
	"testing"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/resources"
)

type place struct{ inside context.Context }

func (place) Number() int64                 { return 1 }
func (p place) Inside() context.Context     { return p.inside }
func (place) Leave(_ context.Context) error { return nil }

// TestShared: two sections inside one limit share the place that the first was given, and the last of their members gives it back.
func TestShared(t *testing.T) {
	first := &catalog.Section{Limit: 5, Members: []int{0, 1}}
	second := &catalog.Section{Limit: 5, Members: []int{2}}
	other := &catalog.Section{Limit: 6, Members: []int{3}}
	inside, lose := context.WithCancelCause(t.Context())
	mine := place{inside}
	var p Places
	if _, held, _ := p.Join(first); held {
		t.Error("want nothing held as yet")
	}
	p.Take(first, mine)
	for _, s := range []*catalog.Section{first, second, second} { // joining twice is being inside once
		if got, held, err := p.Join(s); got != resources.Place(mine) || !held || err != nil {
			t.Errorf("want the place, got %v, %v, %v", got, held, err)
		}
	}
	if _, held, _ := p.Join(other); held {
		t.Error("another limit: want nothing held")
	}
	lost := errors.New("lost")
	lose(lost)
	if _, held, err := p.Join(second); !held || !errors.Is(err, lost) {
		t.Errorf("want it told that the place is lost, got %v, %v", held, err)
	}
	for i, step := range []struct {
		s    *catalog.Section
		want resources.Place
	}{{first, nil}, {other, nil}, {second, nil}, {first, mine}} {
		if got := p.Ended(step.s); got != step.want {
			t.Errorf("end %d: want %v, got %v", i, step.want, got)
		}
	}
	if _, held, _ := p.Join(first); held {
		t.Error("want it given back")
	}
}

// TestNoPlace: a limit that does not concern this node is held without a place.
func TestNoPlace(t *testing.T) {
	s := &catalog.Section{Limit: 5, Members: []int{0}}
	var p Places
	p.Take(s, nil)
	if got, held, err := p.Join(s); got != nil || !held || err != nil {
		t.Errorf("want it held without a place, got %v, %v, %v", got, held, err)
	}
	if got := p.Ended(s); got != nil {
		t.Errorf("want nothing to give back, got %v", got)
	}
}
