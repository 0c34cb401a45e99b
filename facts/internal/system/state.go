package system

import (
	"context"
	"crypto/sha1" // an SSHFP record's oldest form, which is still asked for
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nodeapply/apply/host"

	"github.com/nodeapply/apply/facts/internal/probe"
)

func timezone(_ context.Context, n *probe.Node) (any, error) {
	data, err := n.File("/etc/localtime")
	if err != nil {
		return nil, err
	}
	loc := time.UTC
	if data != "" {
		if loc, err = time.LoadLocationFromTZData("localtime", []byte(data)); err != nil {
			return nil, fmt.Errorf("/etc/localtime: %w", err)
		}
	}
	zone, _ := n.Now().In(loc).Zone()
	return zone, nil
}

// parseUptime reads /proc/uptime: seconds since the start, and idle ones.
func parseUptime(s string) map[string]any {
	first, _, _ := strings.Cut(strings.TrimSpace(s), " ")
	f, err := strconv.ParseFloat(first, 64)
	if err != nil || f < 0 {
		return nil
	}
	seconds := int64(f)
	days := seconds / 86400
	text := fmt.Sprintf("%d:%02d hours", seconds/3600, seconds/60%60)
	switch {
	case days == 1:
		text = "1 day"
	case days > 1:
		text = fmt.Sprintf("%d days", days)
	}
	return map[string]any{"seconds": seconds, "hours": seconds / 3600, "days": days, "uptime": text}
}

// parseLoad reads /proc/loadavg.
func parseLoad(s string) map[string]any {
	f := strings.Fields(s)
	if len(f) < 3 {
		return nil
	}
	all := map[string]any{}
	for i, name := range []string{"1m", "5m", "15m"} {
		v, err := strconv.ParseFloat(f[i], 64)
		if err != nil {
			return nil
		}
		all[name] = v
	}
	return all
}

// ssh is the node's public host keys, with the fingerprints of their SSHFP records (RFC 4255, 7479).
func ssh(_ context.Context, n *probe.Node) (any, error) {
	all := map[string]any{}
	for i, name := range []string{"rsa", "dsa", "ecdsa", "ed25519"} {
		line := n.Word("/etc/ssh/ssh_host_" + name + "_key.pub")
		if key := parseHostKey(line, i+1); key != nil {
			all[name] = key
		}
	}
	return probe.OrNil(all), nil
}

func parseHostKey(line string, algorithm int) map[string]any {
	f := strings.Fields(line)
	if len(f) < 2 {
		return nil
	}
	blob, err := base64.StdEncoding.DecodeString(f[1])
	if err != nil {
		return nil
	}
	return map[string]any{
		"type": f[0], "key": f[1],
		"fingerprints": map[string]any{
			"sha1":   fmt.Sprintf("SSHFP %d 1 %x", algorithm, sha1.Sum(blob)),
			"sha256": fmt.Sprintf("SSHFP %d 2 %x", algorithm, sha256.Sum256(blob)),
		},
	}
}

// serviceManager is what services are asked of: systemd, openrc, or sysv with its init scripts.
func serviceManager(_ context.Context, n *probe.Node) (any, error) {
	switch {
	case n.There("/run/systemd/system") == host.Directory:
		return "systemd", nil
	case n.There("/run/openrc") == host.Directory:
		return "openrc", nil
	case n.There("/etc/init.d") == host.Directory:
		return "sysv", nil
	}
	return nil, nil
}

// packageManager is that of the distribution's family if it is there, else the first that is: foreign ones can be installed anywhere.
func packageManager(_ context.Context, n *probe.Node) (any, error) {
	r, err := releaseOf(n)
	if err != nil {
		return nil, err
	}
	found := ""
	for _, m := range []struct{ name, program, family string }{
		{"apt", "apt-get", "Debian"},
		{"dnf", "dnf", "RedHat"}, {"dnf", "dnf5", "RedHat"}, {"dnf", "microdnf", "RedHat"}, {"yum", "yum", "RedHat"},
		{"zypper", "zypper", "Suse"},
		{"pacman", "pacman", "Archlinux"},
		{"apk", "apk", "Alpine"},
		{"portage", "emerge", "Gentoo"},
	} {
		if !installed(n, m.program) {
			continue
		}
		if m.family == r.family {
			return m.name, nil
		}
		if found == "" {
			found = m.name
		}
	}
	return probe.OrNone(found), nil
}

func installed(n *probe.Node, program string) bool {
	for _, dir := range []string{"/usr/bin/", "/usr/sbin/", "/bin/", "/sbin/"} {
		if n.There(dir+program) == host.Regular {
			return true
		}
	}
	return false
}
