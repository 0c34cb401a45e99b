package sysctl

import (
	"cmp"
	"context"
	"encoding/json"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
)

// before is what an undo of the live value needs; the rest is a file.
type before struct {
	Name  string `json:"name,omitempty"` // which need not be the title
	Value string `json:"value"`
}

// Before keeps the live value.
func (s *Sysctl) Before(_ context.Context, v host.View, d resources.Diff) (json.RawMessage, error) {
	if !d.Has("value") {
		return nil, nil
	}
	is, err := s.value(v)
	if err != nil {
		return nil, err
	}
	return json.Marshal(before{s.Name, is})
}

// Now reads that value again.
func (s *Sysctl) Now(_ context.Context, v host.View, raw json.RawMessage) (json.RawMessage, error) {
	b, err := resources.Recall[before](raw)
	if err != nil {
		return nil, err
	}
	s.Name = cmp.Or(b.Name, s.Name)
	is, err := s.value(v)
	if err != nil {
		return nil, err
	}
	return json.Marshal(before{s.Name, is})
}

// Restore brings that value back.
func (s *Sysctl) Restore(ctx context.Context, h host.Host, raw json.RawMessage) error {
	b, err := resources.Recall[before](raw)
	if err != nil {
		return err
	}
	s.Name = cmp.Or(b.Name, s.Name)
	is, err := s.value(h)
	if err != nil || is == b.Value {
		return err
	}
	return s.set(ctx, h, b.Value)
}
