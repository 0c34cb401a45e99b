package group

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/internal/accounts"
	"github.com/nodeapply/apply/resources/internal/accounts/accountstest"
	"github.com/nodeapply/apply/resources/resourcetest"
)

// numbers is why the tests of accounts need root.
const numbers = "every account of a test's node has the caller's id otherwise, so numbers cannot be compared"

func declare(edit func(*Group)) *Group {
	g := Type().New("devs").(*Group)
	if edit != nil {
		edit(g)
	}
	return g
}

func ptr(n uint32) *uint32 { return &n }

// declared are the states that a group may be declared to have.
var declared = map[string]func(*Group){
	"present":    nil,
	"absent":     func(g *Group) { g.Ensure = absent },
	"gid":        func(g *Group) { g.GID = ptr(2000) },
	"system":     func(g *Group) { g.System = true },
	"members":    func(g *Group) { g.Members = resources.Strings{"alice"} },
	"just these": func(g *Group) { g.Members, g.AuthMembership = resources.Strings{"alice"}, true },
	"nobody":     func(g *Group) { g.Members, g.AuthMembership = resources.Strings{}, true },
	"all":        func(g *Group) { g.GID, g.Members = ptr(2000), resources.Strings{"root", "alice"} },
}

func TestConverges(t *testing.T) {
	resourcetest.NeedsRoot(t, numbers)
	for name, edit := range declared {
		for start, line := range map[string]string{
			"nothing": "", "same": "devs:x:2000:alice\n", "other gid": "devs:x:3000:\n", "other members": "devs:x:2000:root,bob\n",
		} {
			t.Run(name+" from "+start, func(t *testing.T) {
				h := accountstest.New(t, strings.Replace(accountstest.Base, "audio:", line+"audio:", 1))
				resourcetest.Converges(t, h, declare(edit))
				if got := h.Content("/etc/group"); !strings.Contains(got, "audio:x:29:\nvideo:x:44:\n") {
					t.Errorf("other groups were touched:\n%s", got)
				}
			})
		}
	}
}

func TestWhatIsDone(t *testing.T) {
	resourcetest.NeedsRoot(t, numbers)
	for _, tc := range []struct {
		name, line string
		edit       func(*Group)
		want       []string
		changes    string
	}{
		{"made", "", func(g *Group) { g.GID, g.System = ptr(2000), true }, []string{"groupadd -r -g 2000 -- devs"}, "ensure: absent -> present"},
		{"made with members", "", func(g *Group) { g.Members = resources.Strings{"root", "alice"} },
			[]string{"groupadd -- devs", "gpasswd -a alice -- devs", "gpasswd -a root -- devs"}, "ensure: absent -> present"},
		{"of the system's own", "", declared["system"], []string{"groupadd -r -- devs"}, "ensure: absent -> present"},
		{"a number and a member", "devs:x:1:root\n", declared["all"], []string{"groupmod -g 2000 -- devs", "gpasswd -a alice -- devs"},
			"gid: 1 -> 2000\nmembers: root -> alice,root"},
		{"members that are not declared stay", "devs:x:2000:root\n", declared["gid"], nil, ""},
		{"a member without an account stays", "devs:x:1:ghost\n", declared["members"], []string{"gpasswd -a alice -- devs"}, "members: ghost -> alice,ghost"},
		{"and may be declared", "devs:x:1:ghost\n", func(g *Group) { g.Members = resources.Strings{"ghost", "alice"} },
			[]string{"gpasswd -a alice -- devs"}, "members: ghost -> alice,ghost"},
		{"or goes", "devs:x:1:ghost\n", declared["just these"], []string{"gpasswd -a alice -- devs", "gpasswd -d ghost -- devs"}, "members: ghost -> alice"},
		{"nobody", "devs:x:1:root,alice\n", declared["nobody"], []string{"gpasswd -d root -- devs", "gpasswd -d alice -- devs"}, "members: alice,root -> "},
		{"removed", "devs:x:1:\n", func(g *Group) { g.Ensure = absent }, []string{"groupdel -- devs"}, "ensure: present -> absent"},
		{"another number", "devs:x:1:\n", func(g *Group) { g.GID = ptr(2000) }, []string{"groupmod -g 2000 -- devs"}, "gid: 1 -> 2000"},
		{"a member joins, others stay", "devs:x:1:root\n", func(g *Group) { g.Members = resources.Strings{"alice"} },
			[]string{"gpasswd -a alice -- devs"}, "members: root -> alice,root"},
		{"nobody else", "devs:x:1:root,alice\n", func(g *Group) { g.Members, g.AuthMembership = resources.Strings{"alice"}, true },
			[]string{"gpasswd -d root -- devs"}, "members: alice,root -> alice"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := accountstest.New(t, strings.Replace(accountstest.Base, "audio:", tc.line+"audio:", 1))
			resourcetest.Runs(t, h, declare(tc.edit), tc.want, tc.changes)
		})
	}
}

func TestUnknownMemberIsRefusedBeforeTheFirstChange(t *testing.T) {
	resourcetest.NeedsRoot(t, numbers)
	for name, line := range map[string]string{"nothing": "", "a group": "devs:x:1:root\n"} {
		t.Run(name, func(t *testing.T) {
			h := accountstest.New(t, strings.Replace(accountstest.Base, "audio:", line+"audio:", 1))
			err := resourcetest.Refuses(t, h, declare(func(g *Group) { g.GID, g.Members = ptr(2000), resources.Strings{"alice", "carol"} }))
			if want := `members: user "carol": unknown to this node`; err.Error() != want {
				t.Errorf("want %q, got %v", want, err)
			}
		})
	}
}

func TestNumberOfAnotherIsRefusedBeforeTheFirstChange(t *testing.T) {
	resourcetest.NeedsRoot(t, numbers)
	for name, line := range map[string]string{"nothing": "", "a group": "devs:x:1:root\n"} {
		t.Run(name, func(t *testing.T) {
			h := accountstest.New(t, strings.Replace(accountstest.Base, "audio:", line+"audio:", 1))
			err := resourcetest.Refuses(t, h, declare(func(g *Group) { g.GID, g.Members = ptr(44), resources.Strings{"alice"} }))
			if want := "gid: 44 is the number of video"; err.Error() != want {
				t.Errorf("want %q, got %v", want, err)
			}
		})
	}
}

// A member without an account is in no group: an undo leaves it out, and brings the others back.
func TestRestoreLeavesOutWhoIsGone(t *testing.T) {
	resourcetest.NeedsRoot(t, numbers)
	h := accountstest.New(t, strings.Replace(accountstest.Base, "audio:", "devs:x:3000:root,ghost\naudio:", 1))
	g := declare(declared["nobody"])
	before, err := g.Before(t.Context(), h, resources.Diff{})
	if err != nil {
		t.Fatal(err)
	}
	resourcetest.Converges(t, h, g)
	if err := declare(nil).Restore(t.Context(), h, before); err != nil {
		t.Fatal(err)
	}
	if got := h.Content("/etc/group"); !strings.Contains(got, "devs:x:3000:root\n") {
		t.Errorf("got\n%s", got)
	}
}

func TestWhoJoinedSinceTheCheckStays(t *testing.T) {
	resourcetest.NeedsRoot(t, numbers)
	h := accountstest.New(t, strings.Replace(accountstest.Base, "audio:", "devs:x:1:\naudio:", 1))
	g := declare(declared["members"])
	d := resourcetest.Check(t, h, g)
	if _, err := h.Run(t.Context(), host.Cmd{Args: []string{"gpasswd", "-a", "root", "--", "devs"}}); err != nil {
		t.Fatal(err)
	}
	if err := g.Apply(t.Context(), h, d); err != nil {
		t.Fatal(err)
	}
	if got := h.Content("/etc/group"); !strings.Contains(got, "devs:x:1:root,alice\n") {
		t.Errorf("got\n%s", got)
	}
}

func TestRemoteGroup(t *testing.T) {
	resourcetest.NeedsRoot(t, numbers)
	v := accountstest.Remote{Host: accountstest.New(t, accountstest.Base), Group: host.Group{Name: "devs", GID: 7000}}
	known := declare(func(g *Group) { g.GID, g.Members = ptr(7000), resources.Strings{"alice"} }) // who is in it only the name services know
	if d, err := known.Check(t.Context(), v); !d.Empty() || err != nil {
		t.Errorf("differs: %v, %v", d, err)
	}
	for _, edit := range []func(*Group){func(g *Group) { g.GID = ptr(1) }, func(g *Group) { g.Ensure = absent }} {
		if _, err := declare(edit).Check(t.Context(), v); err == nil || !strings.Contains(err.Error(), "name services alone") {
			t.Errorf("got %v", err)
		}
	}
}

func TestFailureSaysWhy(t *testing.T) {
	resourcetest.NeedsRoot(t, numbers)
	h := accountstest.New(t, accountstest.Base)
	g := declare(nil)
	d := resourcetest.Check(t, h, g)
	g.Name = "audio"
	if err := g.Apply(t.Context(), h, d); err == nil || err.Error() != "groupadd: exit code 9: group 'audio' already exists" {
		t.Errorf("got %v", err)
	}
}

func TestRestore(t *testing.T) {
	resourcetest.NeedsRoot(t, numbers)
	for name, edit := range declared {
		for start, line := range map[string]string{"nothing": "", "a group": "devs:x:3000:root\n"} {
			t.Run(name+" to "+start, func(t *testing.T) {
				h := accountstest.New(t, accountstest.Base)
				if line != "" {
					h = accountstest.New(t, strings.Replace(accountstest.Base, "video:x:44:\n", "video:x:44:\n"+line, 1))
				}
				was := h.Content("/etc/group")
				resourcetest.Undoes(t, h, Type(), declare(edit))
				if diff := cmp.Diff(was, h.Content("/etc/group")); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

func TestValidate(t *testing.T) {
	for _, tc := range []struct {
		name string
		edit func(*Group)
		want string
	}{
		{"ensure", func(g *Group) { g.Ensure = "there" }, `ensure: want present or absent, not "there"`},
		{"option", func(g *Group) { g.Name = "-f" }, `name: "-f" is no name of an account`},
		{"colon", func(g *Group) { g.Name = "a:b" }, "is no name of an account"},
		{"line end", func(g *Group) { g.Name = "a\nb" }, "is no name of an account"},
		{"number", func(g *Group) { g.Name = "1000" }, "is a number"},
		{"long", func(g *Group) { g.Name = strings.Repeat("a", 33) }, "is longer than 32"},
		{"gid that is none", func(g *Group) { g.GID = ptr(4294967295) }, "gid: 4294967295 is no number of an account"},
		{"root", func(g *Group) { g.Name, g.Ensure = "root", absent }, "root is never removed"},
		{"member", func(g *Group) { g.Members = resources.Strings{"a,b"} }, `members: "a,b" is no name of an account`},
		{"number of a user", func(g *Group) { g.Members = resources.Strings{"1000"} }, `members: "1000" is a number: want the name`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			resourcetest.Invalid(t, declare(tc.edit), tc.want)
		})
	}
}

func TestIdentities(t *testing.T) {
	g := declare(func(g *Group) { g.Members = resources.Strings{"alice"} })
	want := []resources.Identity{{Kind: "user", Name: "alice"}}
	if diff := cmp.Diff(want, g.Requires()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]resources.Identity{{Kind: "group", Name: "devs"}}, g.Provides()); diff != "" {
		t.Error(diff)
	}
	g.GID = ptr(2000)
	if diff := cmp.Diff([]resources.Identity{{Kind: "group", Name: "devs"}, {Kind: "gid", Name: "2000"}}, g.Provides()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{accounts.Lock}, g.Locks()); diff != "" {
		t.Error(diff)
	}
	g.Ensure = absent
	if diff := cmp.Diff([]resources.Identity{{Kind: "group", Name: "devs"}}, g.Provides()); diff != "" {
		t.Error(diff)
	}
	want = []resources.Identity{{Kind: "user", Name: "devs"}, accounts.Leaver()}
	if diff := cmp.Diff(want, g.Requires()); diff != "" {
		t.Error(diff)
	}
}

func TestInspect(t *testing.T) {
	resourcetest.NeedsRoot(t, numbers)
	h := accountstest.New(t, accountstest.Base)
	resourcetest.Lists(t, h, Type(), "a*", "alice", "audio")
	for _, title := range []string{"staff", "audio", "none"} {
		resourcetest.Inspects(t, h, Type(), title)
	}
	want := &Group{Name: "staff", Ensure: present, GID: ptr(50), Members: resources.Strings{"alice"}}
	if diff := cmp.Diff(want, resourcetest.Inspects(t, h, Type(), "staff")); diff != "" {
		t.Error(diff)
	}
}

func TestChangedSince(t *testing.T) {
	resourcetest.NeedsRoot(t, numbers)
	h := accountstest.New(t, accountstest.Base)
	resourcetest.Notices(t, h, Type(), declare(declared["gid"]), func() { resourcetest.Converges(t, h, declare(declared["members"])) })
}
