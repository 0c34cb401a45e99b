package session

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/nodeapply/apply/exchange"
	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/exchange/view"
)

// Look shows what stands in the exchange, a moment old at most, with this node as it is now. The view is f's until it returns.
func (s *Session) Look(ctx context.Context, f func(node string, v *view.View)) error {
	id, err := s.identity(ctx)
	if err != nil {
		return err
	}
	s.looking.Lock()
	defer s.looking.Unlock()
	switch age := time.Since(s.seen); {
	case s.away != nil && age < awayFresh:
		return s.away
	case s.view == nil || s.away != nil || age > viewFresh:
		v, err := s.snapshot(ctx, id)
		if err != nil && ctx.Err() != nil {
			return err // the caller did not wait for it, which says nothing of the exchange
		}
		s.view, s.away, s.seen = v, err, time.Now()
		if err != nil {
			return err
		}
	}
	f(id.Node, s.view)
	return nil
}

func (s *Session) snapshot(ctx context.Context, id exchange.Identity) (*view.View, error) {
	v := view.New(cmp.Or(s.o.Deployment, exchange.DefaultDeployment))
	if _, err := os.Lstat(filepath.Join(s.o.StateDir, "exchange.json")); s.Shared() || err == nil { // a plan makes no file
		ctx, cancel := context.WithTimeoutCause(ctx, lookTimeout, fmt.Errorf("not there within %v", lookTimeout))
		defer cancel()
		conn, err := s.connect(ctx)
		if err != nil {
			return nil, err
		}
		if v, err = conn.Snapshot(ctx); err != nil {
			return nil, err
		}
	}
	v.SetNode(id.Node, &record.Node{Groups: id.Groups, Boot: id.Boot, Machine: id.Machine, Address: id.Address})
	return v, nil
}

// forget lets the next Look ask the exchange.
func (s *Session) forget() {
	s.looking.Lock()
	defer s.looking.Unlock()
	s.view = nil
}
