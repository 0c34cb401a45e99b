package sshclient

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/nodeapply/apply/sshclient/config"
	"github.com/nodeapply/apply/sshclient/internal/keyring"
)

// endpoint is a host with everything that is needed to reach it.
type endpoint struct {
	name       string
	host       string
	port       int
	user       string
	via        string // gateway, "" for none
	keys       keyring.Wanted
	knownHosts []string // files
	revoked    string   // file, "" for none
	keyNames   []string // under which names its host key may be known, each host:port
	command    bool     // ssh_config has a ProxyCommand for it, which is not run
}

func (e *endpoint) address() string { return net.JoinHostPort(e.host, strconv.Itoa(e.port)) }

// resolve fills a target from ssh_config, as ssh would.
func (d *Dialer) resolve(t Target) (*endpoint, error) {
	host, portText, err := splitAddress(t.Address)
	if err != nil {
		return nil, err
	}
	given := t.User
	if given == "" && d.o.UserGiven {
		given = d.o.User
	}
	c, err := d.config.For(config.Host{Name: t.Name, Address: host, User: given, Usual: d.o.User})
	if err != nil {
		return nil, err
	}
	e := &endpoint{
		name: t.Name, host: cmp.Or(host, c.HostName(t.Name), t.Name), user: cmp.Or(given, c.First("user"), d.o.User),
		command: c.First("proxycommand") != "" && !none(c.First("proxycommand")),
	}
	if e.port, err = port(cmp.Or(portText, number(t.Port), c.First("port"), "22")); err != nil {
		return nil, err
	}
	x := expander{d.config, e}
	if jump := c.First("proxyjump"); !none(jump) {
		e.via = x.tokens(jump)
	}
	e.via = cmp.Or(t.Gateway, e.via)
	e.command = e.command && e.via == ""
	e.keys = keyring.Wanted{
		Identities: slices.Concat(d.o.Identities, x.files(c.All("identityfile"))), Certs: x.files(c.All("certificatefile")),
		Only: strings.EqualFold(c.First("identitiesonly"), "yes"), Agent: x.agent(c.First("identityagent"), d.o.Agent),
	}
	e.knownHosts = d.o.KnownHosts
	if len(e.knownHosts) == 0 {
		e.knownHosts = x.files(slices.Concat(orDefault(c.FirstLine("userknownhostsfile"), "~/.ssh/known_hosts", "~/.ssh/known_hosts2"),
			orDefault(c.FirstLine("globalknownhostsfile"), "/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")))
	}
	if revoked := x.files(c.FirstLine("revokedhostkeys")); len(revoked) > 0 {
		e.revoked = revoked[0]
	}
	e.keyNames = keyNames(e, c.First("hostkeyalias"))
	return e, nil
}

// none is how ssh_config says that there is none of something.
func none(value string) bool { return strings.EqualFold(value, "none") }

// number is a number, "" for 0.
func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func port(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 65535 {
		return 0, fmt.Errorf("port %q: want a number from 1 to 65535", text)
	}
	return n, nil
}

func orDefault(values []string, standard ...string) []string {
	if len(values) > 0 {
		return values
	}
	return standard
}

// keyNames are the names under which a host key is looked up: its alias, else its address and then the name that it has as a Target.
func keyNames(e *endpoint, alias string) []string {
	port := strconv.Itoa(e.port)
	if alias != "" {
		return []string{net.JoinHostPort(alias, "22")}
	}
	names := []string{net.JoinHostPort(e.host, port)}
	if e.name != e.host {
		names = append(names, net.JoinHostPort(e.name, port))
	}
	return names
}

// splitAddress takes HOST, HOST:PORT, [V6]:PORT or V6 apart.
func splitAddress(s string) (host, port string, err error) {
	if strings.Count(s, ":") == 0 || strings.Count(s, ":") > 1 && !strings.HasPrefix(s, "[") {
		return s, "", nil
	}
	if host, port, err = net.SplitHostPort(s); err != nil || host == "" || port == "" {
		return "", "", fmt.Errorf("address %q: want HOST or HOST:PORT", s)
	}
	return host, port, nil
}

// gatewayTarget reads [USER@]HOST[:PORT], where HOST may be the name of a Target; of several, as ProxyJump may list, the last is the one next to the host and
// the others are before it.
func gatewayTarget(via string, known func(name string) (Target, bool)) (Target, error) {
	before, last := "", via
	if i := strings.LastIndexByte(via, ','); i >= 0 {
		before, last = via[:i], via[i+1:]
	}
	user, last := "", strings.TrimPrefix(last, "ssh://")
	if at := strings.LastIndexByte(last, '@'); at >= 0 {
		user, last = last[:at], last[at+1:]
	}
	t, ok := Target{}, false
	if known != nil {
		t, ok = known(last)
	}
	if !ok {
		host, text, err := splitAddress(last)
		if err != nil {
			return t, fmt.Errorf("gateway: %w", err)
		}
		t = Target{Name: host}
		if text != "" {
			if t.Port, err = port(text); err != nil {
				return t, fmt.Errorf("gateway: %w", err)
			}
		}
	}
	t.User, t.Gateway = cmp.Or(user, t.User), cmp.Or(before, t.Gateway)
	return t, nil
}
