package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/fleet"
	"github.com/nodeapply/apply/fleet/nodeset"
	"github.com/nodeapply/apply/fleet/transport"
	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/manifest/inventory"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/sshclient"
	"github.com/nodeapply/apply/sshclient/config"
)

// fleetFlags are the flags that the commands of the fleet have in common.
type fleetFlags struct {
	inventory      string
	hosts          []string
	where          []string
	on             []string
	first          int
	except         []string
	retryFailed    bool
	minOK          string
	user           string
	identities     []string
	sshConfig      string
	knownHosts     []string
	connector      string
	connectTimeout time.Duration
	timeout        time.Duration
}

func (a *app) fleetCommand() *cobra.Command {
	f := &fleetFlags{}
	cmd := &cobra.Command{
		Use:   "fleet COMMAND",
		Short: "Work on many nodes from here",
		Long: `Work on many nodes from here, over ssh.

Nodes are selected by -w n[001-128], by groups (--on tokyo,gluster), by a file of names (-f), by $APPLY_NODES, or, where nothing is asked for, they are all of
the inventory: fleet.hcl in this folder, unless others can write there, else /etc/apply/fleet.hcl. In node sets a comma adds, ! takes away, & keeps what is in both, and
@NAME is a group.

Exit codes: 0 where all went well on every node (with --min-ok: on enough of them), 1 where nothing was begun, else the highest that a command ended with;
a node that was not reached, timed out, or was skipped counts as 4.`,
		Example: "  apply fleet exec -w 'n[01-32],!n07' -- uptime\n  apply fleet exec --on gluster -b -- uname -r\n  apply fleet nodes",
	}
	s := cmd.PersistentFlags()
	s.StringVar(&f.inventory, "inventory", "", "inventory `FILE` (default fleet.hcl here, else /etc/apply/fleet.hcl)")
	s.StringArrayVarP(&f.hosts, "hosts", "f", nil, "select the nodes in `FILE`, one or a node set a line; may repeat")
	s.StringArrayVarP(&f.where, "where", "w", nil, "select the nodes of this `SET`, such as n[01-32],!n07; may repeat")
	s.StringArrayVar(&f.on, "on", nil, "select the nodes of these `GROUPS`; may repeat")
	s.IntVarP(&f.first, "first", "n", 0, "only the first `K` of them, 0 for all")
	s.StringArrayVarP(&f.except, "except", "x", nil, "all of them but the nodes of this `SET`; may repeat")
	s.BoolVar(&f.retryFailed, "retry-failed", false, "of them only those on which the last fleet command failed")
	s.StringVar(&f.minOK, "min-ok", "100%", "exit 0 where so many `NODES` (or so many %) went well")
	s.StringVarP(&f.user, "user", "l", "", "log in as this user where inventory and ssh_config name none")
	s.StringArrayVarP(&f.identities, "identity", "i", nil, "private key `FILE`; may repeat")
	s.StringVarP(&f.sshConfig, "ssh-config", "F", "", "`FILE` in place of ~/.ssh/config and /etc/ssh/ssh_config")
	s.StringArrayVar(&f.knownHosts, "known-hosts", nil, "`FILE` of host keys in place of ~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts; may repeat")
	s.StringVar(&f.connector, "connector", "", "reach nodes by this `PROGRAM`, which gets [USER@]HOST and the command, such as 'ssh -q'")
	s.DurationVar(&f.connectTimeout, "connect-timeout", 10*time.Second, "for each node to be connected and logged in")
	cmd.AddCommand(a.fleetExecCommand(f), a.fleetPutCommand(f), a.fleetGetCommand(f), a.fleetDiffCommand(f), a.fleetNodesCommand(f), a.fleetConvergeCommand(f), a.fleetEnrollCommand(f), a.fleetRevokeCommand(f))
	return cmd
}

// selected reads the inventory and finds the nodes that flags, arguments and environment select. The Dialer reaches them.
func (a *app) selected(f *fleetFlags, sets []string) ([]fleet.Node, transport.Dialer, error) {
	inv, err := a.inventory(f)
	if err != nil {
		return nil, nil, err
	}
	s := fleet.Selection{Where: slices.Concat(sets, f.where), On: f.on, First: f.first, Except: f.except}
	for _, file := range f.hosts {
		names, err := inventory.Hosts(file, func(set string) ([]string, error) { return nodeset.Parse(set, inv.Group) })
		if err != nil {
			return nil, nil, err
		}
		if len(names) == 0 {
			return nil, nil, fmt.Errorf("%s: no nodes in it", file)
		}
		s.Hosts = append(s.Hosts, names...)
	}
	narrows := func(set string) bool { return strings.HasPrefix(set, "!") || strings.HasPrefix(set, "&") }
	if len(s.Hosts)+len(s.On) == 0 && !slices.ContainsFunc(s.Where, func(w string) bool { return !narrows(w) }) {
		for _, name := range []string{"APPLY_NODES", "GEXEC_SVRS"} {
			if set := a.env(name); set != "" {
				s.Where = append([]string{set}, s.Where...)
				break
			}
		}
	}
	if f.retryFailed {
		if s.Among, err = a.lastFailed(); err != nil {
			return nil, nil, err
		}
	}
	nodes, err := inv.Select(s)
	var unknown *nodeset.GroupError
	switch {
	case errors.As(err, &unknown):
		if near := resources.Nearest(unknown.Group, inv.Groups()); near != "" {
			err = fmt.Errorf("%w; did you mean `%s`?", err, near)
		}
		return nil, nil, err
	case errors.Is(err, fleet.ErrNoNodes) && f.retryFailed:
		return nil, nil, errors.New("no nodes: on none of those selected the last fleet command failed")
	case errors.Is(err, fleet.ErrNoNodes):
		return nil, nil, errors.New("no nodes: select some by -w, -f, --on, $APPLY_NODES or an inventory")
	case err != nil:
		return nil, nil, err
	}
	d, err := a.dialer(f, inv)
	if err == nil {
		a.warnNeighbours(nodes, d)
	}
	return nodes, d, err
}

// neighbours is how many addresses of one network the kernel remembers at most, where it does not say.
const neighbours = 1024

// warnNeighbours tells of more nodes without a gateway than the kernel's ARP table holds: on one network, connections to some of them then fail at random.
func (a *app) warnNeighbours(nodes []fleet.Node, d transport.Dialer) {
	direct := 0
	for _, n := range nodes {
		if segment(d, n.Target) == "" {
			direct++
		}
	}
	limit := neighbours
	if text, err := os.ReadFile("/proc/sys/net/ipv4/neigh/default/gc_thresh3"); err == nil {
		if n, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
			limit = n
		}
	}
	if direct > limit {
		fmt.Fprintf(a.stderr, "apply: %d nodes are reached without a gateway, and the kernel's ARP table holds %d: raise net.ipv4.neigh.default.gc_thresh3 if they are on one network\n", direct, limit)
	}
}

// inventory reads the inventory that is asked for, or the one that is there; none is no error.
func (a *app) inventory(f *fleetFlags) (*fleet.Inventory, error) {
	name := f.inventory
	if name == "" {
		var err error
		if name, err = findInventory(); err != nil || name == "" {
			return &fleet.Inventory{}, err
		}
	}
	read, err := inventory.Read(name, func(set string) ([]string, error) { return nodeset.Parse(set, nil) })
	if err != nil {
		return nil, err
	}
	groups := make([]fleet.Group, len(read.Groups))
	for i, g := range read.Groups {
		groups[i] = fleet.Group{Name: g.Name, Gateway: g.Gateway, User: g.User, Nodes: g.Nodes, Agent: g.Agent}
	}
	nodes := make([]fleet.Node, len(read.Nodes))
	for i, n := range read.Nodes {
		nodes[i] = fleet.Node{
			Target: transport.Target{Name: n.Name, Address: n.Address, User: n.User, Gateway: n.Gateway}, Groups: n.Groups, Facts: n.Facts, Agent: n.Agent,
		}
	}
	return fleet.NewInventory(groups, nodes)
}

// findInventory looks in this folder, if nobody else can write there, and in /etc/apply.
func findInventory() (string, error) {
	const local, system = "fleet.hcl", "/etc/apply/fleet.hcl"
	info, err := os.Stat(local)
	switch {
	case err == nil:
		folder, err := os.Stat(".")
		if err != nil {
			return "", err
		}
		if othersWrite(info) || othersWrite(folder) {
			return "", fmt.Errorf("%s: others can write it or its folder; name it by --inventory if it is to be trusted", local)
		}
		return local, nil
	case !errors.Is(err, fs.ErrNotExist):
		return "", err
	}
	if _, err := os.Stat(system); err != nil {
		return "", nil // none
	}
	return system, nil
}

// othersWrite tells whether somebody else than root and this user owns or can write a file.
func othersWrite(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return !ok || info.Mode().Perm()&0o002 != 0 || st.Uid != 0 && int(st.Uid) != os.Geteuid()
}

// dialer reaches nodes as the flags say.
func (a *app) dialer(f *fleetFlags, inv *fleet.Inventory) (transport.Dialer, error) {
	if f.connector != "" {
		return transport.NewConnector(f.connector)
	}
	me, err := user.Current()
	if err != nil {
		return nil, err
	}
	home := a.env("HOME")
	if home == "" {
		home = me.HomeDir
	}
	files := []string{filepath.Join(home, ".ssh", "config"), "/etc/ssh/ssh_config"}
	if f.sshConfig != "" {
		if _, err := os.Stat(f.sshConfig); err != nil {
			return nil, err
		}
		files = []string{f.sshConfig}
	}
	known, err := config.Read(home, files...)
	if err != nil {
		return nil, err
	}
	login := f.user
	if login == "" {
		login = me.Username
	}
	for _, file := range f.identities {
		if _, err := os.Stat(file); err != nil {
			return nil, err
		}
	}
	return transport.SSH{Dialer: sshclient.New(sshclient.Options{
		User: login, UserGiven: f.user != "", Home: home, Agent: a.env("SSH_AUTH_SOCK"), Identities: f.identities, KnownHosts: f.knownHosts, Config: known,
		Timeout: f.connectTimeout, Known: inv.Target,
	})}, nil
}

// interruptible ends the context by the first signal; a second ends the process. Number is that of the signal that came, 0 for none.
func interruptible(ctx context.Context) (_ context.Context, end func() (number int)) {
	ctx, cancel := context.WithCancelCause(ctx)
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	done := make(chan int, 1)
	go func() {
		s, ok := <-ch
		signal.Stop(ch)
		if !ok {
			done <- 0
			return
		}
		cancel(fleet.ErrInterrupted)
		done <- int(s.(syscall.Signal))
	}()
	return ctx, func() int {
		signal.Stop(ch)
		close(ch)
		n := <-done
		cancel(nil)
		return n
	}
}

// finish remembers what failed, and sets the exit code.
func (a *app) finish(f *fleetFlags, results []*fleet.Result, interrupted int) error {
	enough, err := nodeset.Share(f.minOK, len(results))
	if err != nil {
		return fmt.Errorf("--min-ok %w", err)
	}
	a.code = fleet.ExitCode(results, enough)
	if interrupted != 0 {
		a.code = 128 + interrupted
	}
	var failed []string
	for _, r := range results {
		if r.Outcome != fleet.OK {
			failed = append(failed, r.Node)
		}
	}
	if err := a.saveFailed(failed); err != nil {
		fmt.Fprintf(a.stderr, "apply: what failed is not kept for --retry-failed: %v\n", err)
	}
	return nil
}

// failedFile is where the names of the nodes on which the last fleet command failed are kept.
func (a *app) failedFile() (string, error) {
	dir := a.flags.stateDir
	if dir == "" {
		var err error
		if dir, err = journal.DefaultDir(a.env); err != nil {
			return "", err
		}
	}
	return filepath.Join(dir, "fleet", "failed.json"), nil
}

func (a *app) saveFailed(names []string) error {
	file, err := a.failedFile()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	b, err := json.Marshal(append([]string{}, names...))
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), ".failed-")
	if err != nil {
		return err
	}
	_, err = tmp.Write(b)
	if err = errors.Join(err, tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	return nil
}

func (a *app) lastFailed() ([]string, error) {
	file, err := a.failedFile()
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("--retry-failed: no fleet command was run before")
	}
	if err != nil {
		return nil, err
	}
	names := []string{}
	if err := json.Unmarshal(b, &names); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return names, nil
}
