// Package node finds the built-in facts of a node, with the names and the structure that Facter gives them.
//
// One function finds one fact. It reads by the [host.View], and hands what it read to a function that parses. What a node does not have is
// left out, without an error. No process is started.
package node

import (
	"context"
	"maps"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nodeapply/apply/facts/internal/hardware"
	"github.com/nodeapply/apply/facts/internal/network"
	"github.com/nodeapply/apply/facts/internal/probe"
	"github.com/nodeapply/apply/facts/internal/system"
	"github.com/nodeapply/apply/host"
)

// Node is where facts are found.
type Node struct{ probe.Node }

// New is the node that the view is of. What does not come from the view comes from the machine that this process runs on.
func New(v host.View) *Node {
	return &Node{probe.Node{View: v, Machine: machine, Interfaces: network.Interfaces, EUID: os.Geteuid(), EGID: os.Getegid(), Now: time.Now}}
}

func machine() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Machine[:])
}

// finders returns how each fact is found.
func finders() map[string]probe.Finder {
	all := hardware.Finders()
	maps.Copy(all, network.Finders())
	maps.Copy(all, system.Finders())
	return all
}

// Names lists the facts that Find knows, in lexical order. A node may lack some.
func Names() []string { return slices.Sorted(maps.Keys(finders())) }

// Find returns one fact; nil if the node does not have it.
func (n *Node) Find(ctx context.Context, name string) (any, error) {
	find, ok := finders()[name]
	if !ok {
		return nil, nil
	}
	return find(ctx, &n.Node)
}
