// Package relay is this program on a node of a fleet: one session of ssh runs "apply relay", over which go any number of commands and files at a time.
// What it gets it passes on to other nodes: contents by the tree, and the program itself, where it was just brought.
package relay

import (
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"strings"

	"github.com/nodeapply/apply/fleet/tree"
	"github.com/nodeapply/apply/fleet/wire"
)

// Serve is the program's part on a node: it serves calls until its input ends. More are calls beside its own.
func Serve(ctx context.Context, stdin io.Reader, stdout io.Writer, more map[string]wire.Handler) error {
	n, err := newNode()
	if err != nil {
		return err
	}
	if _, err := io.WriteString(stdout, hello+"\n"); err != nil {
		return err
	}
	handlers := map[string]wire.Handler{"run": Run, "join": n.join, "put": n.put, "share": n.share}
	maps.Copy(handlers, more)
	err = wire.New(stdin, stdout, handlers).Serve(ctx)
	return errors.Join(err, n.close())
}

// newNode takes over what the program was started with.
func newNode() (*node, error) {
	n := &node{store: tree.NewStore()}
	var err error
	n.program, err = brought(os.Getenv(programFD))
	return n, errors.Join(err, os.Unsetenv(programFD)) // it is not for the commands that run here
}

// address is that of this node by which the seat has reached it, without a port; "" where that is not known.
func address() string {
	if fields := strings.Fields(os.Getenv("SSH_CONNECTION")); len(fields) == 4 { // client's address and port, server's address and port
		return fields[2]
	}
	return ""
}
