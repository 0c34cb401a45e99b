// Package network finds a node's names and interfaces.
package network

import (
	"context"
	"math"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/nodeapply/apply/facts/internal/probe"
)

// Finders returns how each fact is found.
func Finders() map[string]probe.Finder {
	return map[string]probe.Finder{
		"fqdn":       fqdn,
		"hostname":   hostname,
		"ip":         ip,
		"networking": networking,
	}
}

// Interfaces are those of the machine that this process runs on.
func Interfaces() ([]probe.Interface, error) {
	list, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	all := make([]probe.Interface, 0, len(list))
	for _, i := range list {
		out := probe.Interface{
			Name: i.Name, MAC: i.HardwareAddr.String(), MTU: i.MTU,
			Up: i.Flags&net.FlagUp != 0, Loopback: i.Flags&net.FlagLoopback != 0,
		}
		addrs, err := i.Addrs()
		if err != nil {
			continue // gone since it was listed
		}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				out.Addresses = append(out.Addresses, p)
			}
		}
		all = append(all, out)
	}
	return all, nil
}

func hostname(_ context.Context, n *probe.Node) (any, error) {
	names, err := namesOf(n)
	return probe.OrNone(names.host), err
}

func fqdn(_ context.Context, n *probe.Node) (any, error) {
	names, err := namesOf(n)
	return probe.OrNone(names.fqdn), err
}

func ip(_ context.Context, n *probe.Node) (any, error) {
	net, err := network(n)
	if err != nil {
		return nil, err
	}
	return net["ip"], nil
}

func networking(_ context.Context, n *probe.Node) (any, error) {
	all, err := network(n)
	if err != nil {
		return nil, err
	}
	names, err := namesOf(n)
	if err != nil {
		return nil, err
	}
	all["hostname"], all["domain"], all["fqdn"] = names.host, names.domain, names.fqdn
	return probe.OrNil(all), nil
}

// nodeNames are the names of a node.
type nodeNames struct{ host, domain, fqdn string }

// namesOf finds them as `hostname -f` does without asking a name server: from the kernel or /etc/hostname, /etc/hosts and the resolver's configuration.
func namesOf(n *probe.Node) (nodeNames, error) {
	name, err := n.File("/proc/sys/kernel/hostname")
	if err != nil {
		return nodeNames{}, err
	}
	if name = strings.TrimSpace(name); name == "" || name == "(none)" { // ProcSubset=pid of a systemd unit hides it, and early in a boot it is not set
		if name = n.Word("/etc/hostname"); name == "" {
			return nodeNames{}, nil
		}
	}
	var names nodeNames
	names.host, names.domain, _ = strings.Cut(name, ".")
	if names.domain == "" {
		names.domain = domainOf(names.host, n.Word("/etc/hosts"), n.Word("/etc/resolv.conf"))
	}
	names.fqdn = names.host
	if names.domain != "" {
		names.fqdn += "." + names.domain
	}
	return names, nil
}

func domainOf(host, hosts, resolv string) string {
	for line := range strings.Lines(hosts) {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		if len(f) < 2 || !slices.Contains(f[1:], host) {
			continue
		}
		for _, name := range f[1:] {
			if domain, ok := strings.CutPrefix(name, host+"."); ok && domain != "localdomain" {
				return strings.TrimSuffix(domain, ".")
			}
		}
	}
	var domain string
	for line := range strings.Lines(resolv) {
		f := strings.Fields(line)
		if len(f) > 1 && (f[0] == "domain" || f[0] == "search") { // the last of them counts
			domain = strings.Trim(f[1], ".")
		}
	}
	return domain
}

// network is what networking says of interfaces: all of them, and the primary one's values at the top.
func network(n *probe.Node) (map[string]any, error) {
	list, err := n.Interfaces()
	if err != nil {
		return nil, err
	}
	all, each := map[string]any{}, map[string]any{}
	for _, i := range list {
		each[i.Name] = probe.Object(describe(n, i))
	}
	primary := primaryRoute(n.Word("/proc/net/route"))
	if each[primary] == nil {
		primary = primaryRoute6(n.Word("/proc/net/ipv6_route"))
	}
	if each[primary] == nil {
		primary = firstUsable(list)
	}
	if p, ok := each[primary].(map[string]any); ok {
		all["primary"] = primary
		for _, k := range []string{"ip", "ip6", "mac", "mtu", "netmask", "netmask6", "network", "network6", "scope6"} {
			all[k] = p[k]
		}
	}
	all["interfaces"] = each
	return probe.Object(all), nil
}

func describe(n *probe.Node, i probe.Interface) map[string]any {
	sys := "/sys/class/net/" + i.Name
	out := map[string]any{
		"mac": i.MAC, "mtu": int64(i.MTU), "operational_state": n.Word(sys + "/operstate"), "duplex": n.Word(sys + "/duplex"),
		"physical": n.Linked(sys + "/device"),
	}
	if i.Loopback {
		delete(out, "mac")
	}
	if speed, err := strconv.ParseInt(n.Word(sys+"/speed"), 10, 64); err == nil && speed > 0 && speed < math.MaxInt32 {
		out["speed"] = speed // Mbit/s
	}
	var v4, v6 []any
	for _, p := range i.Addresses {
		p = netip.PrefixFrom(p.Addr().WithZone(""), p.Bits())
		if p.Addr().Is4() {
			v4 = append(v4, binding(p))
		} else {
			v6 = append(v6, binding(p))
		}
	}
	out["bindings"], out["bindings6"] = v4, v6
	if b := preferred(v4); b != nil {
		out["ip"], out["netmask"], out["network"] = b["address"], b["netmask"], b["network"]
	}
	if b := preferred(v6); b != nil {
		out["ip6"], out["netmask6"], out["network6"], out["scope6"] = b["address"], b["netmask"], b["network"], b["scope6"]
	}
	return out
}

func binding(p netip.Prefix) map[string]any {
	mask := net.IP(net.CIDRMask(p.Bits(), p.Addr().BitLen()))
	b := map[string]any{"address": p.Addr().String(), "netmask": mask.String(), "network": p.Masked().Addr().String()}
	if p.Addr().Is6() {
		b["scope6"] = scope(p.Addr())
	}
	return b
}

func scope(a netip.Addr) string {
	switch {
	case a.IsLoopback():
		return "host"
	case a.IsLinkLocalUnicast():
		return "link"
	case a.Is6() && a.As16()[0] == 0xfe && a.As16()[1]&0xc0 == 0xc0:
		return "site"
	}
	return "global"
}

// preferred is the binding that an interface is known by: the first that reaches beyond the link, else the first.
func preferred(bindings []any) map[string]any {
	for _, b := range bindings {
		b := b.(map[string]any)
		if usable(netip.MustParseAddr(b["address"].(string))) {
			return b
		}
	}
	if len(bindings) > 0 {
		return bindings[0].(map[string]any)
	}
	return nil
}

func usable(a netip.Addr) bool { return !a.IsLoopback() && !a.IsLinkLocalUnicast() }

func firstUsable(list []probe.Interface) string {
	for _, i := range list {
		if i.Up && !i.Loopback && slices.ContainsFunc(i.Addresses, func(p netip.Prefix) bool { return usable(p.Addr()) }) {
			return i.Name
		}
	}
	return ""
}

const routeUp = 0x1

// primaryRoute returns the interface of the default route with the lowest metric, from /proc/net/route.
func primaryRoute(table string) string {
	name, best := "", int64(math.MaxInt64)
	for line := range strings.Lines(table) {
		f := strings.Fields(line) // Iface Destination Gateway Flags RefCnt Use Metric Mask ...
		if len(f) < 8 || f[1] != "00000000" || f[7] != "00000000" {
			continue
		}
		flags, err1 := strconv.ParseInt(f[3], 16, 64)
		metric, err2 := strconv.ParseInt(f[6], 10, 64)
		if err1 == nil && err2 == nil && flags&routeUp != 0 && metric < best {
			name, best = f[0], metric
		}
	}
	return name
}

// primaryRoute6 does the same for /proc/net/ipv6_route.
func primaryRoute6(table string) string {
	name, best := "", uint64(math.MaxUint64)
	for line := range strings.Lines(table) {
		f := strings.Fields(line) // destination length source length next-hop metric refcount use flags interface
		if len(f) < 10 || f[1] != "00" || strings.Trim(f[0], "0") != "" || f[9] == "lo" {
			continue
		}
		flags, err1 := strconv.ParseUint(f[8], 16, 32)
		metric, err2 := strconv.ParseUint(f[5], 16, 32)
		if err1 == nil && err2 == nil && flags&routeUp != 0 && metric < best {
			name, best = f[9], metric
		}
	}
	return name
}
