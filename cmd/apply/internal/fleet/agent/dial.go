package agent

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"

	"github.com/spf13/pflag"

	"github.com/nodeapply/apply/cmd/apply/internal/fleet/selection"
	"github.com/nodeapply/apply/fleet"
	"github.com/nodeapply/apply/fleet/agent"
	"github.com/nodeapply/apply/fleet/nodeset"
	"github.com/nodeapply/apply/fleet/transport"
)

// Flags say when commands go by agents.
type Flags struct {
	use  bool
	port int
}

// AddFlags adds the flags.
func (f *Flags) AddFlags(set *pflag.FlagSet) {
	set.BoolVar(&f.use, "agent", false, "by the nodes' agents, not by ssh (as agent = true in the inventory)")
	set.IntVar(&f.port, "agent-port", agent.DefaultPort, "`PORT` of agents")
}

// mixed is the Dialer that reaches some nodes by their agents.
type mixed struct {
	transport.Dialer
	agents *agent.Dialer
	by     map[string]bool
}

// Dial reaches a node by its agent, or else by ssh.
func (d *mixed) Dial(ctx context.Context, t transport.Target) (transport.Conn, error) {
	if d.by[t.Name] {
		return d.agents.Dial(ctx, t)
	}
	return d.Dialer.Dial(ctx, t)
}

// Dialer makes a dialer speak with the agents of those nodes for which the flag or the inventory says so. Agents take no input.
func (f *Flags) Dialer(ctx context.Context, s *selection.Nodes, nodes []fleet.Node, d transport.Dialer, input bool) (transport.Dialer, error) {
	by := map[string]bool{}
	for _, n := range nodes {
		if f.use || n.Agent {
			by[n.Name] = true
		}
	}
	if len(by) == 0 {
		return d, nil
	}
	client, ok := d.(transport.SSH)
	switch {
	case !ok && f.use:
		return nil, errors.New("--agent: not with --connector")
	case !ok:
		return d, nil // who names a connector means it, whatever the inventory says
	case input:
		return nil, fmt.Errorf("--stdin: agents take no input, as that is not signed: %s", nodeset.Fold(slices.Collect(maps.Keys(by))))
	}
	authority, err := authorityOf(ctx, s)
	if err != nil {
		return nil, err
	}
	keys, told := client.Signers(ctx)
	agents := &agent.Dialer{
		Connect: func(ctx context.Context, t transport.Target, port int) (net.Conn, error) {
			return client.Connect(ctx, t, port)
		},
		Port: f.port, Keys: keys, Told: told, Timeout: s.ConnectTimeout,
	}
	return &mixed{d, agents, by}, agents.Open(authority)
}
