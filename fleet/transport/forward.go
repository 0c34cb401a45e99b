package transport

import (
	"context"
	"net"
)

// Forwarder is a Conn by which a node reaches a service of the seat.
type Forwarder interface {
	// Listen listens on the node, on a socket at a path that is not there yet, where it may not, on a port of the loopback device, until the
	// listener or the connection is closed.
	Listen(ctx context.Context, socket string) (net.Listener, error)
}

var _ Forwarder = (*conn)(nil)

// Listen asks sshd to listen.
func (c *conn) Listen(ctx context.Context, socket string) (net.Listener, error) {
	type listening struct {
		ln  net.Listener
		err error
	}
	done := make(chan listening, 1)
	go func() {
		ln, err := c.client.ListenUnix(socket)
		if err != nil {
			ln, err = c.client.Listen("tcp", "127.0.0.1:0")
		}
		done <- listening{ln, err}
	}()
	select {
	case l := <-done:
		return l.ln, l.err
	case <-ctx.Done():
		c.client.Close() // nothing else ends the request
		if l := <-done; l.err == nil {
			l.ln.Close()
		}
		return nil, context.Cause(ctx)
	}
}
