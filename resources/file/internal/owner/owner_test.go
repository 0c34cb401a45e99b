package owner

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources/resourcetest"
)

func TestOwner(t *testing.T) {
	resourcetest.NeedsRoot(t, "files of other users")
	h := hosttest.New(t, "")
	st := host.Stat{UID: 1, GID: 4711}
	for name, tc := range map[string]struct {
		user, group string
		fresh       bool
		want        string // changes
		missing     string
	}{
		"nothing is managed":     {},
		"as it is":               {user: "daemon", group: "4711"},
		"another user":           {user: "nobody", want: "owner daemon nobody"},
		"another group":          {group: "bin", want: "group 4711 bin"},
		"both, of what is made":  {user: "daemon", group: "bin", fresh: true, want: "owner  daemon; group  bin"},
		"who is yet to be made":  {user: "alice", group: "staff", want: "owner daemon alice; group 4711 staff", missing: "owner: "},
		"a group yet to be made": {user: "daemon", group: "staff", want: "group 4711 staff", missing: "group: "},
		"an id that has no name": {user: "4712", want: "owner daemon 4712"},
	} {
		t.Run(name, func(t *testing.T) {
			o, missing := Declared(t.Context(), h, tc.user, tc.group)
			if (missing != nil) != (tc.missing != "") || missing != nil && !strings.HasPrefix(missing.Error(), tc.missing) {
				t.Errorf("missing: want %q, got %v", tc.missing, missing)
			}
			var got []string
			for _, c := range o.Compare(t.Context(), h, st, tc.fresh) {
				got = append(got, fmt.Sprintf("%s %s %s", c.Attr, c.From, c.To))
			}
			if got := strings.Join(got, "; "); got != tc.want {
				t.Errorf("want %q, got %q", tc.want, got)
			}
		})
	}
	if user, group := Names(t.Context(), h, st); user != "daemon" || group != "4711" {
		t.Errorf("got %s, %s", user, group)
	}
}
