package server

import (
	"fmt"
	"strings"
)

// Unit is a systemd unit that runs `program exchange serve` as the options say, locked into its data folder.
func Unit(program string, o Options) string {
	line, writable := Quote(program)+" exchange serve", "StateDirectory=apply/exchange\nStateDirectoryMode=0700"
	if o.Listen != "" {
		line += " --listen " + Quote(o.Listen)
	}
	if o.Data != "" && o.Data != DefaultData {
		line += " --data " + Quote(o.Data)
		writable = "ReadWritePaths=" + Quote(o.Data)
	}
	for _, host := range o.Hosts {
		line += " --host " + Quote(host)
	}
	return fmt.Sprintf(`[Unit]
Description=apply exchange: facts that nodes publish for each other
After=network-online.target
Wants=network-online.target

[Service]
ExecStart=%s
Restart=on-failure
RestartSec=2
%s
UMask=0077
LimitNOFILE=65536
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
LockPersonality=yes
SystemCallArchitectures=native
CapabilityBoundingSet=CAP_NET_BIND_SERVICE

[Install]
WantedBy=multi-user.target
`, line, writable)
}

// Quote writes one argument as systemd reads it.
func Quote(s string) string {
	s = strings.NewReplacer(`\`, `\\`, `"`, `\"`, `%`, `%%`, `$`, `$$`, "\n", `\n`).Replace(s)
	if strings.ContainsAny(s, " \t\"'\\;") || s == "" {
		return `"` + s + `"`
	}
	return s
}
