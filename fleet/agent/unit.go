package agent

import (
	"fmt"

	"github.com/nodeapply/apply/exchange/server"
)

// Unit is a systemd unit that runs `program agent serve` as the options say. It shuts nothing off: commands are the operators' to do what they like. What it
// says is in the journal.
func Unit(program string, o Options) string {
	line := server.Quote(program) + " agent serve"
	for _, f := range []struct{ flag, value, usual string }{
		{"--listen", o.Listen, fmt.Sprintf(":%d", DefaultPort)}, {"--dir", o.Dir, DefaultDir}, {"--audit", o.Audit, DefaultAudit},
	} {
		if f.value != "" && f.value != f.usual {
			line += " " + f.flag + " " + server.Quote(f.value)
		}
	}
	return fmt.Sprintf(`[Unit]
Description=apply agent: runs commands that this fleet's operators have signed
After=network-online.target
Wants=network-online.target

[Service]
ExecStart=%s
Restart=on-failure
RestartSec=2
KillMode=mixed
SyslogIdentifier=apply-agent
UMask=0077
LimitNOFILE=65536

[Install]
WantedBy=multi-user.target
`, line)
}
