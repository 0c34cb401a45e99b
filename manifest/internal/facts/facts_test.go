package facts_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"github.com/nodeapply/apply/manifest/internal/facts"
)

var errDenied = errors.New("permission denied")

// node answers no lookup before all have been asked.
type node struct{ asked *sync.WaitGroup }

func (node) Names() []string { return []string{"hostname", "serial"} }
func (n node) Lookup(_ context.Context, name string) (any, bool, error) {
	n.asked.Done()
	n.asked.Wait()
	switch name {
	case "hostname":
		return "n1", true, nil
	case "serial":
		return nil, false, errDenied
	case "odd":
		return make(chan int), true, nil
	}
	return nil, false, nil
}

func TestLookup(t *testing.T) {
	asked := &sync.WaitGroup{}
	asked.Add(4)
	s := facts.Lookup(t.Context(), node{asked}, []string{"hostname", "serial", "absent", "odd"})
	if v, ok := s.Value("hostname"); !ok || !v.RawEquals(cty.StringVal("n1")) {
		t.Errorf("hostname: want n1, got %#v, %v", v, ok)
	}
	if ok, reason := s.Has("serial"); ok || reason != errDenied {
		t.Errorf("serial: want %v, got %v, %v", errDenied, ok, reason)
	}
	if ok, reason := s.Has("absent"); ok || reason != nil {
		t.Errorf("absent: want no reason, got %v, %v", ok, reason)
	}
	if ok, reason := s.Has("odd"); ok || reason == nil {
		t.Error("odd: a fact is no channel")
	}
}

func TestNoSource(t *testing.T) {
	s := facts.Lookup(t.Context(), nil, []string{"hostname"})
	if _, ok := s.Value("hostname"); ok || s.Names() != nil {
		t.Error("facts from nowhere")
	}
}
