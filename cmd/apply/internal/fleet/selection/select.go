package selection

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/nodeapply/apply/fleet"
	"github.com/nodeapply/apply/fleet/nodeset"
	"github.com/nodeapply/apply/fleet/transport"
	"github.com/nodeapply/apply/manifest/inventory"
	"github.com/nodeapply/apply/resources/nearest"
)

// Selected reads the inventory and finds the nodes that flags, arguments and environment select. The Dialer reaches them.
func (s *Nodes) Selected(sets []string) ([]fleet.Node, transport.Dialer, error) {
	if s.first < 0 {
		return nil, nil, fmt.Errorf("-n %d: want the number of nodes, or 0 for all", s.first)
	}
	inv, err := s.Inventory()
	if err != nil {
		return nil, nil, err
	}
	sel := fleet.Selection{Where: slices.Concat(sets, s.where), On: s.on, First: s.first, Except: s.except}
	for _, file := range s.hosts {
		names, err := s.hostsIn(file, inv)
		if err != nil {
			return nil, nil, err
		}
		sel.Hosts = append(sel.Hosts, names...)
	}
	narrows := func(set string) bool { return strings.HasPrefix(set, "!") || strings.HasPrefix(set, "&") }
	if len(sel.Hosts)+len(sel.On) == 0 && !slices.ContainsFunc(sel.Where, func(w string) bool { return !narrows(w) }) {
		for _, name := range []string{"APPLY_NODES", "GEXEC_SVRS"} {
			if set := s.Env(name); set != "" {
				if _, err := nodeset.Parse(set, func(string) ([]string, bool) { return nil, true }); err != nil {
					return nil, nil, fmt.Errorf("$%s: %w", name, err) // nothing on the command line shows where it is from
				}
				sel.Where = append([]string{set}, sel.Where...)
				break
			}
		}
	}
	if s.retryFailed {
		if sel.Among, err = s.lastFailed(); err != nil {
			return nil, nil, err
		}
	}
	nodes, err := inv.Select(sel)
	var unknown *nodeset.GroupError
	switch {
	case errors.As(err, &unknown):
		return nil, nil, fmt.Errorf("%w%s", err, nearest.Hint(unknown.Group, inv.Groups()))
	case errors.Is(err, fleet.ErrNoNodes) && s.retryFailed:
		return nil, nil, fmt.Errorf("no nodes: on none of those selected the last fleet %s failed", s.Command)
	case errors.Is(err, fleet.ErrNoNodes) && len(sel.Hosts)+len(sel.On)+len(sel.Where) > 0:
		return nil, nil, errors.New("no nodes: none is left of those that are selected")
	case errors.Is(err, fleet.ErrNoNodes):
		return nil, nil, errors.New("no nodes: select some by -w, -f, --on, $APPLY_NODES or an inventory")
	case err != nil:
		return nil, nil, err
	}
	if _, err := s.enough(len(nodes)); err != nil {
		return nil, nil, err
	}
	d, err := s.Dialer(inv)
	if err == nil {
		s.warnNeighbours(nodes, d)
	}
	return nodes, d, err
}

// HostsFromStdin tells whether standard input is read for the names of nodes.
func (s *Nodes) HostsFromStdin() bool { return slices.Contains(s.hosts, "-") }

// maxHosts bounds the names of nodes that come by a pipe, in bytes.
const maxHosts = 16 << 20

// hostsIn reads the names of nodes in a file; - is standard input, and a pipe is what a shell makes of <(...).
func (s *Nodes) hostsIn(file string, inv *fleet.Inventory) (names []string, err error) {
	parse := func(set string) ([]string, error) { return nodeset.Parse(set, inv.Group) }
	info, err := os.Stat(file)
	switch {
	case file == "-":
		file = "standard input"
		names, err = hostsFrom(file, s.Stdin, parse)
	case err == nil && info.Mode().Type() == fs.ModeNamedPipe:
		var pipe *os.File
		if pipe, err = os.Open(file); err != nil {
			return nil, err
		}
		defer pipe.Close()
		names, err = hostsFrom(file, pipe, parse)
	default:
		names, err = inventory.Hosts(file, parse)
	}
	if err == nil && len(names) == 0 {
		err = fmt.Errorf("%s: no nodes in it", file)
	}
	return names, err
}

func hostsFrom(name string, r io.Reader, parse inventory.Names) ([]string, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxHosts+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, err)
	case len(text) > maxHosts:
		return nil, fmt.Errorf("%s: over the limit of %d bytes", name, maxHosts)
	}
	return inventory.ParseHosts(name, string(text), parse)
}

// enough is how many of so many nodes are to go well.
func (s *Nodes) enough(nodes int) (int, error) {
	n, err := nodeset.Share(s.MinOK, nodes)
	switch {
	case err != nil:
		return 0, fmt.Errorf("--min-ok %w", err)
	case n > nodes:
		return 0, fmt.Errorf("--min-ok %s: of %d nodes that are selected", s.MinOK, nodes)
	}
	return n, nil
}

// neighbours is how many addresses of one network the kernel remembers at most, where it does not say.
const neighbours = 1024

// warnNeighbours tells of more nodes without a gateway than the kernel's ARP table holds: on one network, connections to some of them then fail at random.
func (s *Nodes) warnNeighbours(nodes []fleet.Node, d transport.Dialer) {
	direct := 0
	for _, n := range nodes {
		if Segment(d, n.Target) == "" {
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
		fmt.Fprintf(s.Stderr, "apply: %d nodes are reached without a gateway, and the kernel's ARP table holds %d: raise net.ipv4.neigh.default.gc_thresh3 if they are on one network\n", direct, limit)
	}
}

// Inventory reads the inventory that is asked for, or the one that is there; none is no error.
func (s *Nodes) Inventory() (*fleet.Inventory, error) {
	name := s.inventory
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
