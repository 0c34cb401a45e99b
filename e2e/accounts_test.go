package e2e

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/e2e/lab/image"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/group"
	"github.com/nodeapply/apply/resources/user"
)

// TestAccounts takes a tree through what user and group say of home folders, numbers, memberships and hashes, with the real programs.
func TestAccounts(t *testing.T) {
	n := newTree(t, image.Base)
	const hash = "$6$4bXkGhP0fIh$hash"
	comment, uid := "Bob, the builder", uint32(4711)
	declare := func(edit func(*user.User)) *user.User {
		u := user.Type().New("bob").(*user.User)
		u.ManageHome = true
		edit(u)
		return u
	}
	gone := func(u *user.User) { u.Ensure = "absent" }
	n.in(t, "groupadd -g 4700 builders; groupadd -g 4701 others; echo hello > /etc/skel/hello")
	for _, step := range []struct {
		name   string
		before string
		edit   func(*user.User)
		want   string // the attributes that differ
		shell  string
		shows  string
		note   string
	}{
		{"made", "", func(u *user.User) {
			u.Groups, u.Password, u.Expiry, u.Comment, u.Shell = resources.Strings{"builders"}, new(hash), "2031-01-15", &comment, "/bin/sh"
		}, "ensure", `id -nG bob; getent passwd bob | cut -d: -f5-; grep ^bob: /etc/shadow | cut -d: -f2,8; stat -c %U:%G /home/bob /home/bob/hello`,
			"bob builders\nBob, the builder:/home/bob:/bin/sh\n" + hash + ":22294\nbob:bob\nbob:bob", ""},
		{"renumbered: what is in the home follows", "touch /home/bob/mine; chown bob: /home/bob/mine; touch /home/bob/roots", func(u *user.User) { u.UID = &uid }, "uid",
			"stat -c %u /home/bob /home/bob/hello /home/bob/mine /home/bob/roots | xargs", "4711 4711 4711 0", ""},
		{"another group of its own", "", func(u *user.User) { u.GID = "builders" }, "gid", "id -ng bob; stat -c %G /home/bob/mine", "builders\nbuilders", ""},
		{"moved", "", func(u *user.User) { u.Home = "/home/robert" }, "home", "ls /home; ls /home/robert | xargs; stat -c %U /home/robert", "robert\nhello mine roots\nbob", ""},
		{"just these groups", "gpasswd -a bob others; gpasswd -a bob builders", func(u *user.User) {
			u.Groups, u.Membership = resources.Strings{"others"}, "inclusive"
		}, "groups", "grep -w bob /etc/group | cut -d: -f1,4 | sort", "bob:\nothers:bob", ""},
		{"locked, without expiry", "", func(u *user.User) { u.Password, u.Expiry = new("!"), "absent" }, "password expiry", "grep ^bob: /etc/shadow | cut -d: -f2,8", "!:", ""},
		{"somebody else's home outlives him", "chown daemon: /home/robert", gone, "ensure", "getent passwd bob; ls /home/robert | xargs", "hello mine roots", "/home/robert stays: it belongs to user 1, not to bob"},
		{"the home goes with him", "rm -r /home/robert; groupdel bob; useradd -m bob", gone, "ensure", "getent passwd bob; ls /home", "", ""},
		{"no home to go", "useradd -M bob", gone, "ensure", "getent passwd bob", "", ""},
		{"another's home in it", "useradd -m bob; useradd -m -d /home/bob/alice alice", gone, "ensure", "getent passwd bob; ls /home/bob | xargs", "alice hello", "has in it, the home of alice"},
	} {
		t.Run(step.name, func(t *testing.T) {
			if step.before != "" {
				n.in(t, step.before)
			}
			d, _ := converge(t, n, declare(step.edit))
			var attrs []string
			for _, c := range d.Changes {
				attrs = append(attrs, c.Attr)
			}
			if diff := cmp.Diff(step.want, strings.Join(attrs, " ")); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(step.shows, n.in(t, "{ "+step.shell+"; } || true")); diff != "" {
				t.Error(diff)
			}
			if notes := strings.Join(d.Notes, "\n"); !strings.Contains(notes, step.note) || step.note == "" && notes != "" {
				t.Errorf("notes: want %q, got %q", step.note, notes)
			}
		})
	}
	t.Run("group", func(t *testing.T) {
		g := group.Type().New("team").(*group.Group)
		g.GID, g.Members, g.AuthMembership = &uid, resources.Strings{"alice", "daemon"}, true
		converge(t, n, g)
		g.Members = resources.Strings{"daemon"}
		converge(t, n, g)
		if diff := cmp.Diff("team:x:4711:daemon", n.in(t, "getent group team")); diff != "" {
			t.Error(diff)
		}
		g.Ensure = "absent"
		converge(t, n, g)
	})
	t.Run("without shadow's programs", func(t *testing.T) {
		n.in(t, "for p in useradd; do mv $(command -v $p) /root; done")
		refuse(t, n, declare(func(*user.User) {}), "the package shadow (Alpine")
	})
}
