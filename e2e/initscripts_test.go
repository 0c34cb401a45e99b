package e2e

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/e2e/lab/image"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/service"
)

// daemonScript is an init script in the form that service(8), update-rc.d and LSB want.
const daemonScript = `#!/bin/sh
### BEGIN INIT INFO
# Provides: daemon
# Required-Start:
# Required-Stop:
# Default-Start: 2 3 4 5
# Default-Stop: 0 1 6
### END INIT INFO
echo $1 >> /log
case $1 in
start) touch /up ;;
stop) rm -f /up ;;
restart) test -e /up ;;
status) test -e /up ;;
esac
`

// TestInitScripts takes a tree, which no systemd runs, through what service says of init scripts, with the real service and update-rc.d.
func TestInitScripts(t *testing.T) {
	n := newTree(t, image.Base)
	n.write(t, "/etc/init.d/daemon", daemonScript)
	n.in(t, "chmod 755 /etc/init.d/daemon")
	declare := func(ensure, enable string) *service.Service {
		s := service.Type().New("daemon").(*service.Service)
		s.Ensure, s.Enable = ensure, resources.Scalar(enable)
		return s
	}
	for _, step := range []struct {
		s    *service.Service
		want []string // what differed
		log  string   // what the script was asked to do, without questions
		rc   string   // its links
	}{
		{declare("running", "true"), []string{"enable", "ensure"}, "start", "K01daemon K01daemon K01daemon S01daemon S01daemon S01daemon S01daemon"},
		{declare("running", "true"), nil, "", "K01daemon K01daemon K01daemon S01daemon S01daemon S01daemon S01daemon"},
		{declare("", "false"), []string{"enable"}, "", "K01daemon K01daemon K01daemon K01daemon K01daemon K01daemon K01daemon"},
		{declare("stopped", ""), []string{"ensure"}, "stop", "K01daemon K01daemon K01daemon K01daemon K01daemon K01daemon K01daemon"},
	} {
		d, _ := converge(t, n, step.s)
		var got []string
		for _, c := range d.Changes {
			got = append(got, c.Attr)
		}
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(step.log, n.in(t, "grep -v status /log; : > /log")); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(step.rc, n.in(t, "cd /etc; ls -d rc?.d/*daemon | sed s:.*/:: | sort | xargs")); diff != "" {
			t.Error(diff)
		}
	}
	converge(t, n, declare("running", ""))
	if err := declare("", "").Refresh(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("start\nrestart", n.in(t, "grep -v status /log")); diff != "" {
		t.Error(diff)
	}
}
