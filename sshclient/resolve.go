package sshclient

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

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
	names := []string{t.Name}
	if host != "" && host != t.Name {
		names = append(names, host)
	}
	c := d.config
	e := &endpoint{name: t.Name, host: host, user: t.User, via: t.Gateway}
	if e.host == "" {
		if e.host = strings.ReplaceAll(c.First(names, "hostname"), "%h", t.Name); e.host == "" {
			e.host = t.Name
		}
	}
	if e.user == "" && !d.o.UserGiven {
		e.user = c.First(names, "user")
	}
	if e.user == "" {
		e.user = d.o.User
	}
	if e.via == "" {
		if e.via = c.First(names, "proxyjump"); strings.EqualFold(e.via, "none") {
			e.via = ""
		}
	}
	if command := c.First(names, "proxycommand"); e.via == "" && command != "" && !strings.EqualFold(command, "none") {
		e.command = true
	}
	if portText == "" && t.Port != 0 {
		portText = strconv.Itoa(t.Port)
	}
	if portText == "" {
		portText = c.First(names, "port")
	}
	if e.port = 22; portText != "" {
		if e.port, err = strconv.Atoi(portText); err != nil || e.port < 1 || e.port > 65535 {
			return nil, fmt.Errorf("port %q: want a number from 1 to 65535", portText)
		}
	}
	expand := func(files []string) []string {
		r := strings.NewReplacer("%h", e.host, "%n", t.Name, "%r", e.user, "%d", c.Home, "%p", strconv.Itoa(e.port), "%%", "%")
		out := make([]string, len(files))
		for i, f := range files {
			out[i] = r.Replace(c.Tilde(f))
		}
		return out
	}
	e.keys = keyring.Wanted{
		Identities: slices.Concat(d.o.Identities, expand(c.All(names, "identityfile"))), Certs: expand(c.All(names, "certificatefile")),
		Only: strings.EqualFold(c.First(names, "identitiesonly"), "yes"),
	}
	e.knownHosts = d.o.KnownHosts
	if len(e.knownHosts) == 0 {
		e.knownHosts = expand(slices.Concat(orDefault(c.FirstLine(names, "userknownhostsfile"), "~/.ssh/known_hosts", "~/.ssh/known_hosts2"),
			orDefault(c.FirstLine(names, "globalknownhostsfile"), "/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")))
	}
	e.keyNames = keyNames(e, c.First(names, "hostkeyalias"))
	return e, nil
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
		if e.port != 22 {
			names = append(names, net.JoinHostPort(e.name, "22"))
		}
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
func gatewayTarget(text string, known func(name string) (Target, bool)) (Target, error) {
	before, last := "", text
	if i := strings.LastIndexByte(text, ','); i >= 0 {
		before, last = text[:i], text[i+1:]
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
		host, port, err := splitAddress(last)
		if err != nil {
			return t, fmt.Errorf("gateway: %w", err)
		}
		t = Target{Name: host}
		if port != "" {
			if t.Port, err = strconv.Atoi(port); err != nil {
				return t, fmt.Errorf("gateway: port %q: want a number from 1 to 65535", port)
			}
		}
	}
	t.User, t.Gateway = cmp.Or(user, t.User), cmp.Or(before, t.Gateway)
	return t, nil
}
