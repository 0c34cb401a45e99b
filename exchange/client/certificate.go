package client

import (
	"context"
	"fmt"
	"time"

	"github.com/nodeapply/apply/exchange/internal/wire"
	"github.com/nodeapply/apply/exchange/pki"
)

// renewEvery is how long after a try the certificate is looked at again.
const renewEvery = time.Hour

// keepCertificate renews the certificate when it is time. What fails is tried again later: the present one is good for weeks.
func (c *Client) keepCertificate(ctx context.Context) {
	if c.renewalDue() {
		_ = c.RenewCertificate(ctx, c.clock())
	}
}

// renewalDue says, at most once in renewEvery, that the certificate is to be renewed.
func (c *Client) renewalDue() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.clock()
	if c.credentials.NotAfter().Sub(now) > pki.RenewBefore || now.Sub(c.renewed) < renewEvery {
		return false
	}
	c.renewed = now
	return true
}

// RenewCertificate asks for a new certificate for this node's key when less than a third of the present one's life is left,
// and keeps it with the credentials.
func (c *Client) RenewCertificate(ctx context.Context, now time.Time) error {
	if c.credentials.NotAfter().Sub(now) > pki.RenewBefore {
		return nil
	}
	r, err := c.call(ctx, wire.RenewPath, wire.Request{})
	if err != nil {
		return fmt.Errorf("renew certificate: %w", err)
	}
	if err := c.credentials.Renew(ctx, []byte(r.Certificate)); err != nil {
		return err
	}
	// The exchange goes by the certificate that a connection was made with, for as long as it lasts.
	old := c.connections()
	c.mu.Lock()
	c.http = overTLS(c.dial, c.credentials)
	c.mu.Unlock()
	old.CloseIdleConnections()
	return nil
}
