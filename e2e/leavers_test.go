package e2e

import (
	"strings"
	"testing"
)

// leavers declares a user whose own group has another name, with a job, a key and a home folder, of which ensure says whether they are there.
const leavers = `
group "crew" {
  ensure = "ENSURE"
}

cron "sweep" {
  ensure  = "ENSURE"
  command = "/bin/true"
  user    = "jack"
}

user "jack" {
  ensure     = "ENSURE"
  gid        = "crew"
  managehome = true
}

authorized_key "jack@ship" {
  ensure = "ENSURE"
  user   = "jack"
  key    = "` + someKey + `"
}
`

// TestLeavers takes a user away with all that is the user's own: nothing is left for the next one of that name.
func TestLeavers(t *testing.T) {
	n := typesNode(t)
	for _, ensure := range []string{"present", "absent"} {
		manifest := strings.ReplaceAll(leavers, "ENSURE", ensure)
		if got := apply(t, n, manifest); len(got) != 4 {
			t.Errorf("%s: want four changes, got %v", ensure, got)
		}
		if got := apply(t, n, manifest); len(got) != 0 {
			t.Errorf("%s, again: %v", ensure, got)
		}
	}
	if left := must(t, n, "ls /home; grep -rl sweep /var/spool/cron || :; getent passwd jack || :; getent group crew || :"); left != "" {
		t.Errorf("left: %s", left)
	}
	must(t, n, "printf '# apply: sweep\\n* * * * * /bin/true\\n1 1 * * * /bin/false\\n' > /var/spool/cron/crontabs/jack && chown 4242 /var/spool/cron/crontabs/jack")
	if got := apply(t, n, strings.ReplaceAll(leavers, "ENSURE", "absent")); len(got) != 1 || got["cron.sweep"] != "changed" {
		t.Errorf("want the job of one who is gone changed, got %v", got)
	}
	if left := must(t, n, "cat /var/spool/cron/crontabs/jack"); left != "1 1 * * * /bin/false\n" {
		t.Errorf("left: %q", left)
	}
}
