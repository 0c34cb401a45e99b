package model

import (
	"context"

	"github.com/nodeapply/apply/host"
)

// Mounts implements [host.View].
func (n *Node) Mounts(context.Context) ([]host.Mount, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := make([]host.Mount, len(n.state.Mounts))
	for i, m := range n.state.Mounts {
		all[i] = m.Mount
	}
	return all, nil
}

// Lstat implements [host.FileReader]. A mount point at which the model bound something has the identity of that, for this is how a bind mount is told.
func (n *Node) Lstat(name string) (host.Stat, error) {
	st, err := n.Host.Lstat(name)
	n.mu.Lock()
	from := n.state.Mounts.Bound(name)
	n.mu.Unlock()
	if err != nil || from == "" {
		return st, err
	}
	if is, err := n.Host.Lstat(from); err == nil && is.Kind == st.Kind {
		st.Dev, st.Ino = is.Dev, is.Ino
	}
	return st, nil
}

// Run implements [host.Host]. The system's mount and umount change the model, everything else runs. What a mount covers, and what it brings, is not
// modelled: files below a mount point stay what they are without it.
func (n *Node) Run(ctx context.Context, c host.Cmd) (host.Output, error) {
	if len(c.Args) > 0 {
		switch c.Args[0] {
		case "mount", "/bin/mount", "/usr/bin/mount", "umount", "/bin/umount", "/usr/bin/umount":
			return n.mount(c.Args)
		}
	}
	return n.Host.Run(ctx, c)
}

func (n *Node) mount(args []string) (host.Output, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	point, out, err := n.state.Mounts.Run(n.Host, args)
	if err != nil || out.ExitCode != 0 {
		return out, err
	}
	n.used["mount "+point] = true
	return out, n.save()
}
