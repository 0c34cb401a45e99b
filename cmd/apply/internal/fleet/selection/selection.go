// Package selection is what the commands of a fleet share: which nodes they are about, how those are reached, and how it is told what became of them.
package selection

import (
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nodeapply/apply/cmd/apply/internal/cli"
	"github.com/nodeapply/apply/cmd/apply/internal/flagvalue"
	"github.com/nodeapply/apply/fleet"
	"github.com/nodeapply/apply/fleet/transport"
	"github.com/nodeapply/apply/sshclient"
	"github.com/nodeapply/apply/sshclient/config"
)

// Nodes are those that the flags of a command select.
type Nodes struct {
	*cli.App
	Command        string        // its name
	MinOK          string        // so many nodes, or so many %, are enough
	ConnectTimeout time.Duration // for a node to be connected and logged in
	Timeout        time.Duration // for the command on each node, 0 for none

	inventory   string
	hosts       []string
	where       []string
	on          []string
	first       int
	except      []string
	retryFailed bool
	user        string
	identities  []string
	sshConfig   string
	knownHosts  []string
	connector   string

	printed error // of what was printed with --json
}

// New returns the Nodes of commands whose flags are yet to be added.
func New(a *cli.App) *Nodes { return &Nodes{App: a} }

// AddFlags adds the flags that all commands of the fleet have: all but Timeout.
func (s *Nodes) AddFlags(set *pflag.FlagSet) {
	set.StringVar(&s.inventory, "inventory", "", "inventory `FILE` (default fleet.hcl here, else /etc/apply/fleet.hcl)")
	set.StringArrayVarP(&s.hosts, "hosts", "f", nil, "select the nodes in `FILE`, one or a node set a line, - for standard input; may repeat")
	set.StringArrayVarP(&s.where, "where", "w", nil, "select the nodes of this `SET`, such as n[01-32],!n07; may repeat")
	set.StringArrayVar(&s.on, "on", nil, "select the nodes of these `GROUPS`; may repeat")
	set.IntVarP(&s.first, "first", "n", 0, "only the first `K` of them, 0 for all")
	set.StringArrayVarP(&s.except, "except", "x", nil, "all of them but the nodes of this `SET`; may repeat")
	set.BoolVar(&s.retryFailed, "retry-failed", false, "of them, or where none are selected of all nodes, only those on which the last fleet command of the same name failed")
	set.StringVar(&s.MinOK, "min-ok", "100%", "exit 0 where so many `NODES` (or so many %) went well")
	set.StringVarP(&s.user, "user", "l", "", "log in as this `USER` where inventory and ssh_config name none")
	set.StringArrayVarP(&s.identities, "identity", "i", nil, "private key `FILE`; may repeat")
	set.StringVarP(&s.sshConfig, "ssh-config", "F", "", "`FILE` in place of ~/.ssh/config and /etc/ssh/ssh_config")
	set.StringArrayVar(&s.knownHosts, "known-hosts", nil, "`FILE` of host keys in place of ~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts; may repeat")
	set.StringVar(&s.connector, "connector", "", "reach nodes by this `PROGRAM`, which gets [USER@]HOST and the command, such as 'ssh -q'")
	s.ConnectTimeout = 10 * time.Second
	set.Var((*flagvalue.Duration)(&s.ConnectTimeout), "connect-timeout", "for each node to be connected and logged in")
}

// AddTimeout adds the flag for how long a command may take on each node, which Timeout is when it runs. Each command has its own default.
func (s *Nodes) AddTimeout(cmd *cobra.Command, usual time.Duration, usage string) {
	timeout := flagvalue.Duration(usual)
	cmd.Flags().Var(&timeout, "timeout", usage)
	cmd.PreRun = func(*cobra.Command, []string) { s.Timeout = time.Duration(timeout) }
}

// Dialer reaches nodes as the flags say.
func (s *Nodes) Dialer(inv *fleet.Inventory) (transport.Dialer, error) {
	if s.connector != "" {
		return transport.NewConnector(s.connector)
	}
	me, err := user.Current()
	if err != nil {
		return nil, err
	}
	home := s.Env("HOME")
	if home == "" {
		home = me.HomeDir
	}
	files := []string{filepath.Join(home, ".ssh", "config"), "/etc/ssh/ssh_config"}
	if s.sshConfig != "" {
		if _, err := os.Stat(s.sshConfig); err != nil {
			return nil, err
		}
		files = []string{s.sshConfig}
	}
	known, err := config.Read(home, files...)
	if err != nil {
		return nil, err
	}
	login := s.user
	if login == "" {
		login = me.Username
	}
	for _, file := range slices.Concat(s.identities, s.knownHosts) { // those that are named have to be there
		if _, err := os.Stat(file); err != nil {
			return nil, err
		}
	}
	return transport.SSH{Dialer: sshclient.New(sshclient.Options{
		User: login, UserGiven: s.user != "", Home: home, Agent: s.Env("SSH_AUTH_SOCK"), Identities: s.identities, KnownHosts: s.knownHosts, Config: known,
		Timeout: s.ConnectTimeout, Known: inv.Target,
	})}, nil
}
