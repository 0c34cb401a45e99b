package service

import (
	"context"
	"encoding/json"
	"fmt"
	"path"

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
	Linked   string `json:"linked,omitempty"` // the unit's file, if a link to it is how systemd knows it: disabling the unit removes that link too
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
	b, err := resources.Recall[before](raw)
	if err != nil {
		return nil, err
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
		if b.Linked, err = s.linked(v); err != nil {
			return nil, err
		}
	}
	return json.Marshal(b)
}

// link is where `systemctl link` puts a link to the unit's file.
func (s *Service) link() string { return "/etc/systemd/system/" + s.definition().Unit() }

// linked is the unit's file, "" if no such link leads to it. A link to one of another name is an alias, or a mask.
func (s *Service) linked(v host.View) (string, error) {
	if st, err := v.Lstat(s.link()); err != nil || st.Kind != host.Symlink {
		return "", err
	}
	file, err := v.Readlink(s.link())
	if !path.IsAbs(file) || path.Base(file) != path.Base(s.link()) {
		return "", err
	}
	return file, err
}

// relink makes systemd know the unit again.
func (s *Service) relink(ctx context.Context, h host.Host, file string) error {
	if file == "" {
		return nil
	}
	if st, err := h.Lstat(s.link()); err != nil || st.Kind != host.Absent {
		return err
	}
	if err := h.Symlink(ctx, file, s.link()); err != nil {
		return fmt.Errorf("%s: %w", s.link(), err)
	}
	return h.DaemonReload(ctx)
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
	b, err := resources.Recall[before](raw)
	if err != nil {
		return err
	}
	b.to(s)
	if err := s.relink(ctx, h, b.Linked); err != nil {
		return err
	}
	d, err := s.compare(ctx, h, true)
	if err != nil || d.Empty() {
		return err
	}
	if err := s.Apply(ctx, h, d); err != nil {
		return err
	}
	return s.relink(ctx, h, b.Linked)
}
