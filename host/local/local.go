// Package local is the node that this process runs on.
package local

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/internal/accounts"
	"github.com/nodeapply/apply/host/internal/answers"
	"github.com/nodeapply/apply/host/internal/beneath"
	"github.com/nodeapply/apply/host/internal/command"
	"github.com/nodeapply/apply/host/internal/reader"
	"github.com/nodeapply/apply/host/internal/systemd"
	"github.com/nodeapply/apply/host/internal/writer"
)

// Options says which node a [Node] is.
type Options struct {
	// Root is the folder below which the node lies; "" is "/". Below another root commands run in a chroot(2), and there is no systemd.
	Root string
}

// Node is the node that this process runs on, or one that lies in a folder of it: a [host.Host], a [host.Holder] and a [host.SpaceReader]. It may be used
// by any number of goroutines, and by several runs.
type Node struct {
	*writer.Writer
	*accounts.Accounts
	root     *beneath.Root
	rootName string
	started  atomic.Int64
	groups   func() *command.Groups
	systemd  *systemd.Manager
}

var (
	_ host.Host        = (*Node)(nil)
	_ host.Holder      = (*Node)(nil)
	_ host.SpaceReader = (*Node)(nil)
)

// New opens the node. Close ends its use.
func New(o Options) (*Node, error) {
	if o.Root == "" {
		o.Root = "/"
	}
	name, err := beneath.Clean(o.Root)
	if err != nil {
		return nil, fmt.Errorf("root: %w", err)
	}
	root, err := beneath.Open(name)
	if err != nil {
		return nil, fmt.Errorf("root: %w", err)
	}
	if _, err := os.Lstat("/proc/self/fd"); err != nil {
		return nil, fmt.Errorf("%w: nothing of a node can be told without /proc; `mount -t proc proc /proc` mounts it", err)
	}
	served, above := answers.New(), strings.TrimSuffix(name, "/")
	root.Answers = func(inside string) error { return served.Answers(above + inside) }
	root.Served = func(inside string) bool { return served.Served(above + inside) }
	n := &Node{root: root, rootName: name, groups: sync.OnceValue(command.NewGroups), systemd: systemd.New()}
	// The files of accounts are read without asking for the names of their owners, which are in these files.
	n.Accounts = accounts.New(reader.New(root, name), n.Query)
	files := reader.New(root, name)
	files.Owner = n.Accounts.Owner
	n.Writer = writer.New(files, root)
	return n, nil
}

// Close releases what n holds open. Nothing of n may be in use.
func (n *Node) Close() error {
	n.systemd.Close()
	return n.root.Close()
}

// Token is the part of the names of n's temporary files (.apply.TOKEN.RANDOM) by which a later run finds them: a journal keeps it.
func (n *Node) Token() string { return n.Writer.Token() }

// Started is the number of processes that n has started.
func (n *Node) Started() int64 { return n.started.Load() }

// Supplant implements [host.FileWriter].
func (n *Node) Supplant(ctx context.Context, name string, all bool, make func(h host.Host, name string) error) error {
	return n.Writer.Supplant(ctx, name, all, func(name string) error { return make(n, name) })
}
