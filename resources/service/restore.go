package service

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/service/initsystem"
)

// before is what an undo needs to know.
type before struct {
	Ways     *ways  `json:"ways,omitempty"` // nil in journals of versions that did not keep them
	Provider string `json:"provider"`
	Ensure   string `json:"ensure,omitempty"` // where that was changed
	Enable   string `json:"enable,omitempty"`
}

// ways are how a service is known, started, stopped and looked at, which an undo has to do as the manifest did.
type ways struct {
	Name      string `json:"name"`
	Start     string `json:"start,omitempty"`
	Stop      string `json:"stop,omitempty"`
	Status    string `json:"status,omitempty"`
	HasStatus bool   `json:"hasstatus"`
	Pattern   string `json:"pattern,omitempty"`
}

func (s *Service) ways() *ways {
	return &ways{Name: s.Name, Start: s.Start, Stop: s.Stop, Status: s.Status, HasStatus: s.HasStatus, Pattern: s.Pattern}
}

func (w *ways) to(s *Service) {
	s.Name, s.Start, s.Stop, s.Status, s.HasStatus, s.Pattern = w.Name, w.Start, w.Stop, w.Status, w.HasStatus, w.Pattern
}

// Before keeps what of the service's state d changes.
func (s *Service) Before(ctx context.Context, v host.View, d resources.Diff) (json.RawMessage, error) {
	return s.state(ctx, v, d.Has("ensure"), d.Has("enable"))
}

// Now reads that again.
func (s *Service) Now(ctx context.Context, v host.View, raw json.RawMessage) (json.RawMessage, error) {
	var b before
	if err := json.Unmarshal(raw, &b); err != nil {
		return nil, fmt.Errorf("what was before: %w", err)
	}
	b.to(s)
	return s.state(ctx, v, b.Ensure != "", b.Enable != "")
}

// state is what of the service's state is asked for.
func (s *Service) state(ctx context.Context, v host.View, ensure, enable bool) (json.RawMessage, error) {
	name := s.provider(ctx, v)
	st, err := initsystem.New(name, s.definition()).State(ctx, v)
	if err != nil {
		return nil, err
	}
	b := before{Provider: string(name), Ways: s.ways()}
	if ensure {
		b.Ensure = stopped
		if st.Running || st.Starting {
			b.Ensure = running
		}
	}
	if enable {
		b.Enable = string(st.Enable)
	}
	return json.Marshal(b)
}

// to makes s the service that b was kept of, declared as it was.
func (b before) to(s *Service) {
	if b.Ways != nil {
		b.Ways.to(s)
	}
	s.Provider, s.Ensure, s.Enable = b.Provider, b.Ensure, resources.Scalar(b.Enable)
}

// Restore brings that back. A service that is gone is as stopped as one can be.
func (s *Service) Restore(ctx context.Context, h host.Host, raw json.RawMessage) error {
	var b before
	if err := json.Unmarshal(raw, &b); err != nil {
		return fmt.Errorf("what was before: %w", err)
	}
	b.to(s)
	d, err := s.compare(ctx, h, true)
	if err != nil || d.Empty() {
		return err
	}
	return s.Apply(ctx, h, d)
}
