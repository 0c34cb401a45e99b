package service

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
)

// before is what an undo needs to know.
type before struct {
	Provider string `json:"provider"`
	Ensure   string `json:"ensure,omitempty"` // where that was changed
	Enable   string `json:"enable,omitempty"`
}

// Before keeps what of the service's state d changes.
func (s *Service) Before(ctx context.Context, v host.View, d resources.Diff) (json.RawMessage, error) {
	p := s.provider(ctx, v)
	st, err := p.state(ctx, v)
	if err != nil {
		return nil, err
	}
	b := before{Provider: "systemd"}
	if _, ok := p.(sysv); ok {
		b.Provider = "sysv"
	}
	if d.Has("ensure") {
		b.Ensure = stopped
		if st.running || st.starting {
			b.Ensure = running
		}
	}
	if d.Has("enable") {
		b.Enable = st.enable
	}
	return json.Marshal(b)
}

// Restore brings that back. A service that is gone is as stopped as one can be.
func (s *Service) Restore(ctx context.Context, h host.Host, raw json.RawMessage) error {
	var b before
	if err := json.Unmarshal(raw, &b); err != nil {
		return fmt.Errorf("what was before: %w", err)
	}
	s.Provider, s.Ensure, s.Enable = b.Provider, b.Ensure, resources.Scalar(b.Enable)
	d, err := s.Check(ctx, h)
	if err != nil || d.Empty() {
		return err
	}
	return s.Apply(ctx, h, d)
}
