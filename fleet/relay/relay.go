// Package relay is this program on a node of a fleet, and what the seat speaks with it: one session of ssh a node runs "apply relay", over which go any
// number of commands and files at a time.
//
// The program is brought to nodes that do not have it, once: compressed, verified by its hash, and kept below the user's cache under that hash.
package relay

import (
	"context"
	"errors"
	"io"
	"maps"

	"github.com/nodeapply/apply/fleet/tree"
	"github.com/nodeapply/apply/fleet/wire"
)

// hello is the line by which a relay says that it is there.
const hello = "apply-relay 1"

// Serve is the program's part on a node: it serves calls until its input ends. More are calls beside its own.
func Serve(ctx context.Context, stdin io.Reader, stdout io.Writer, more map[string]wire.Handler) error {
	if _, err := io.WriteString(stdout, hello+"\n"); err != nil {
		return err
	}
	n := &node{store: tree.NewStore()}
	handlers := map[string]wire.Handler{"run": Run, "join": n.join, "put": n.put}
	maps.Copy(handlers, more)
	err := wire.New(stdin, stdout, handlers).Serve(ctx)
	return errors.Join(err, n.close())
}
