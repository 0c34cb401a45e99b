package user

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/internal/accounts"
	"github.com/nodeapply/apply/resources/internal/accounts/accountstest"
	"github.com/nodeapply/apply/resources/resourcetest"
)

// numbers is why the tests of accounts need root.
const numbers = "every account of a test's node has the caller's id otherwise, so numbers cannot be compared"

func declare(edit func(*User)) *User {
	u := Type().New("bob").(*User)
	if edit != nil {
		edit(u)
	}
	return u
}

const someHash = "$6$salt$4bXkGhP0fIh.hash"

// declared are the states that a user may be declared to have.
var declared = map[string]func(*User){
	"present":          nil,
	"absent":           func(u *User) { u.Ensure = absent },
	"absent with home": func(u *User) { u.Ensure, u.ManageHome = absent, true },
	"uid":              func(u *User) { u.UID = new(uint32(2000)) },
	"gid by name":      func(u *User) { u.GID = "audio" },
	"gid by number":    func(u *User) { u.GID = "29" },
	"groups":           func(u *User) { u.Groups = resources.Strings{"audio", "video"} },
	"just these":       func(u *User) { u.Groups, u.Membership = resources.Strings{"video"}, inclusive },
	"a slash":          func(u *User) { u.Home = "/home/bob/" },
	"at home":          func(u *User) { u.Home = "/home/bob" },
	"his home":         func(u *User) { u.ManageHome = true },
	"no groups":        func(u *User) { u.Groups, u.Membership = resources.Strings{}, inclusive },
	"home":             func(u *User) { u.Home = "/home/robert" },
	"home moves":       func(u *User) { u.Home, u.ManageHome = "/home/robert", true },
	"shell":            func(u *User) { u.Shell = "/bin/bash" },
	"comment":          func(u *User) { u.Comment = new("Bob, the builder") },
	"no comment":       func(u *User) { u.Comment = new("") },
	"password":         func(u *User) { u.Password = new(someHash) },
	"locked":           func(u *User) { u.Password = new("!") },
	"expiry":           func(u *User) { u.Expiry = "2031-01-15" },
	"no expiry":        func(u *User) { u.Expiry = absent },
	"all": func(u *User) {
		u.UID, u.GID, u.Groups, u.Home, u.ManageHome, u.Shell = new(uint32(2000)), "audio", resources.Strings{"video"}, "/home/robert", true, "/bin/bash"
		u.Comment, u.Password, u.Expiry, u.System = new("Bob"), new(someHash), "2031-01-15", true
	},
}

// actual are the trees that it may find.
var actual = map[string]string{
	"nothing":     accountstest.Base,
	"his group":   strings.Replace(accountstest.Base, "audio:", "bob:x:2001:\naudio:", 1),
	"plain":       with("bob:x:1001:1001::/home/bob:/bin/sh", "bob:x:1001:", "bob:!:19000:0:99999:7:::", ""),
	"member":      with("bob:x:2000:1001:Bob, the builder:/home/bob:/bin/bash", "bob:x:1001:", "bob:"+someHash+":19500:1:90:14:30::", "bob"),
	"a slash":     with("bob:x:1001:1001::/home/bob/:/bin/sh", "bob:x:1001:", "bob:!:19000:0:99999:7:::", ""),
	"no shell":    with("bob:x:1001:29::/home/bob:", "", "bob::19000:0:99999:7:::", ""),
	"no group":    with("bob:x:1001:60000::/home/bob:/bin/sh", "", "bob:!:19000:0:99999:7:::", ""),
	"no shadow":   with("bob:*:1001:29::/home/bob:/bin/sh", "", "", ""),
	"for all":     with("bob:"+someHash+":1001:29::/home/bob:/bin/sh", "", "bob:!:19500:1:90:14:30::", ""),
	"will expire": with("bob:x:1001:29::/home/robert:/bin/sh", "", "bob:*:19000:0:99999:7::22294:", ""),
}

func with(passwd, group, shadow, audio string) string {
	tree := strings.Replace(accountstest.Base, "alice:x:1000:1000", passwd+"\nalice:x:1000:1000", 1)
	if group != "" {
		tree = strings.Replace(tree, "audio:", group+"\naudio:", 1)
	}
	tree = strings.Replace(tree, "audio:x:29:", "audio:x:29:"+audio, 1)
	home := "/home/bob"
	if strings.Contains(passwd, "/home/robert") {
		home = "/home/robert"
	}
	if shadow != "" {
		shadow += "\n"
	}
	return strings.Replace(tree, "alice:$6", shadow+"alice:$6", 1) + "-- " + home[1:] + "/ 0755 bob:root --\n-- " + home[1:] + "/mine --\nkeep\n"
}

func TestConverges(t *testing.T) {
	resourcetest.NeedsRoot(t, numbers)
	for name, edit := range declared {
		for start, tree := range actual {
			t.Run(name+" from "+start, func(t *testing.T) {
				h := accountstest.New(t, tree)
				resourcetest.Converges(t, h, declare(edit))
				for file, want := range map[string]string{
					"/etc/passwd": "# a comment\n", "/etc/shadow": "alice:$6$salt$old:19000:0:99999:7:::\n", "/etc/group": "staff:x:50:alice\n",
				} {
					if got := h.Content(file); !strings.Contains(got, want) {
						t.Errorf("%s: others were touched:\n%s", file, got)
					}
				}
			})
		}
	}
}

func TestWhatIsDone(t *testing.T) {
	resourcetest.NeedsRoot(t, numbers)
	for _, tc := range []struct {
		name, from, to string
		want           []string
		changes        string
	}{
		{"made", "nothing", "present", []string{"useradd -M -- bob"}, "ensure: absent -> present"},
		{"made into the group of his name", "his group", "present", []string{"useradd -M -g bob -- bob"}, "ensure: absent -> present"},
		{"made with all", "nothing", "all", []string{
			"useradd -r -m -u 2000 -c Bob -g audio -d /home/robert -s /bin/bash -e 2031-01-15 -- bob", "usermod -e 2031-01-15 -- bob", "gpasswd -a bob -- video", "chpasswd -e",
		}, "ensure: absent -> present"},
		{"removed", "member", "absent", []string{"userdel -- bob"}, "ensure: present -> absent"},
		{"removed with his home", "member", "absent with home", []string{"userdel -r -- bob"}, "ensure: present -> absent"},
		{"nothing to do", "member", "password", nil, ""},
		{"a password gets an entry of its own", "no shadow", "password", []string{"usermod -p x -- bob", "chpasswd -e"}, "password: (another hash) -> (the declared hash)"},
		{"a password that all can read", "for all", "password", []string{"usermod -p x -- bob", "chpasswd -e"}, "password: (in /etc/passwd) -> (in /etc/shadow)"},
		{"a password never shows", "plain", "password", []string{"chpasswd -e"}, "password: (another hash) -> (the declared hash)"},
		{"a further group", "member", "groups", []string{"gpasswd -a bob -- video"}, "groups: audio -> audio,video"},
		{"other groups", "member", "just these", []string{"gpasswd -a bob -- video", "gpasswd -d bob -- audio"}, "groups: audio -> video"},
		{"the home is another", "plain", "home", []string{"usermod -d /home/robert -- bob"}, "home: /home/bob -> /home/robert"},
		{"the home moves", "plain", "home moves", []string{"usermod -d /home/robert -m -- bob"}, "home: /home/bob -> /home/robert"},
		{"only what differs", "member", "all", []string{"usermod -c Bob -g audio -d /home/robert -e 2031-01-15 -m -- bob", "gpasswd -a bob -- video"},
			"gid: bob -> audio\ngroups: audio -> audio,video\nhome: /home/bob -> /home/robert\ncomment: Bob, the builder -> Bob\nexpiry: absent -> 2031-01-15"},
		{"no expiry", "will expire", "no expiry", []string{"usermod -e  -- bob"}, "expiry: 2031-01-15 -> absent"},
		{"expires", "plain", "expiry", []string{"usermod -e 2031-01-15 -- bob"}, "expiry: absent -> 2031-01-15"},
		{"expires already", "will expire", "expiry", nil, ""},
		{"another number", "plain", "uid", []string{"usermod -u 2000 -- bob"}, "uid: 1001 -> 2000"},
		{"another group", "plain", "gid by number", []string{"usermod -g 29 -- bob"}, "gid: bob -> 29"},
		{"the group by its number", "will expire", "gid by number", nil, ""},
		{"the group by its name", "will expire", "gid by name", nil, ""},
		{"out of all groups", "member", "no groups", []string{"gpasswd -d bob -- audio"}, "groups: audio -> "},
		{"another shell", "plain", "shell", []string{"usermod -s /bin/bash -- bob"}, "shell: /bin/sh -> /bin/bash"},
		{"a comment", "plain", "comment", []string{"usermod -c Bob, the builder -- bob"}, "comment:  -> Bob, the builder"},
		{"no comment", "member", "no comment", []string{"usermod -c  -- bob"}, "comment: Bob, the builder -> "},
		{"no password lets in", "member", "locked", []string{"chpasswd -e"}, "password: (another hash) -> (the declared hash)"},
		{"a slash at the end is no other home", "plain", "a slash", nil, ""},
		{"nor is it where it is there", "a slash", "at home", nil, ""},
		{"and none is kept", "nothing", "a slash", []string{"useradd -M -d /home/bob -- bob"}, "ensure: absent -> present"},
		{"a home of a user who is there is not made", "plain", "his home", nil, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := accountstest.New(t, actual[tc.from])
			resourcetest.Runs(t, h, declare(declared[tc.to]), tc.want, tc.changes)
		})
	}
}

func TestPasswordIsInNoProcessListing(t *testing.T) {
	resourcetest.NeedsRoot(t, numbers)
	h := accountstest.New(t, actual["plain"])
	resourcetest.Converges(t, h, declare(declared["password"]))
	if all := strings.Join(h.Calls(), "\n"); strings.Contains(all, someHash) {
		t.Errorf("the hash is an argument:\n%s", all)
	}
	if !strings.Contains(h.Content("/etc/shadow"), "bob:"+someHash+":") {
		t.Error("the hash was not set")
	}
}

func TestRefusesBeforeTheFirstChange(t *testing.T) {
	resourcetest.NeedsRoot(t, numbers)
	for name, edit := range map[string]func(*User){
		`gid: group "none": unknown to this node`:    func(u *User) { u.GID = "none" },
		`gid: group 4711: unknown to this node`:      func(u *User) { u.GID = "4711" },
		`groups: group "none": unknown to this node`: func(u *User) { u.Groups = resources.Strings{"audio", "none"} },
		`uid: 1000 is the number of alice`:           func(u *User) { u.UID = new(uint32(1000)) },
	} {
		for start, tree := range actual {
			err := resourcetest.Refuses(t, accountstest.New(t, tree), declare(edit))
			if !strings.HasPrefix(err.Error(), name) {
				t.Errorf("from %s: want %q, got %v", start, name, err)
			}
		}
	}
}

// What an earlier resource may be about to make hides nothing else that differs.
func TestWhatIsMissingComesWithTheDifferences(t *testing.T) {
	resourcetest.NeedsRoot(t, numbers)
	u := declare(func(u *User) {
		u.UID, u.GID, u.Groups, u.Comment = new(uint32(1000)), "none", resources.Strings{"none"}, new("Bob")
	})
	d, err := u.Check(t.Context(), accountstest.New(t, actual["plain"]))
	if want := "uid: 1000 is the number of alice"; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("want %q first, got %v", want, err)
	}
	want := []resources.Change{
		{Attr: "uid", From: "1001", To: "1000"}, {Attr: "gid", From: "bob", To: "none"}, {Attr: "groups", To: "none"}, {Attr: "comment", To: "Bob"},
	}
	if diff := cmp.Diff(want, d.Changes); diff != "" {
		t.Error(diff)
	}
}

func TestRemoteUser(t *testing.T) {
	resourcetest.NeedsRoot(t, numbers)
	v := accountstest.Remote{Host: accountstest.New(t, accountstest.Base), User: host.User{Name: "bob", UID: 7000, GID: 29, Home: "/net/bob", Shell: "/bin/sh"}}
	check := func(edit func(*User)) (resources.Diff, error) { return declare(edit).Check(context.Background(), v) }
	if d, err := check(func(u *User) { u.UID, u.GID, u.Home = new(uint32(7000)), "audio", "/net/bob" }); !d.Empty() || err != nil {
		t.Errorf("differs: %v, %v", d, err)
	}
	if d, err := check(declared["groups"]); err != nil || !d.Has("groups") {
		t.Errorf("groups of the node: %v, %v", d, err)
	}
	v.Group = host.Group{Name: "far", GID: 8000}
	if _, err := check(func(u *User) { u.Groups = resources.Strings{"far"} }); err == nil || !strings.Contains(err.Error(), `groups: group "far": known to the node's name services alone`) {
		t.Errorf("a group that nobody can join here: %v", err)
	}
	for _, name := range []string{"uid", "shell", "absent"} {
		if _, err := check(declared[name]); err == nil || !strings.Contains(err.Error(), "name services alone") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// state is the lines about bob and his groups, sorted.
func state(h *hosttest.Host) string {
	var lines []string
	for _, file := range []string{"passwd", "group", "shadow"} {
		for line := range strings.Lines(h.Content("/etc/" + file)) {
			if strings.Contains(line, "bob") {
				lines = append(lines, line)
			}
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

func TestValidate(t *testing.T) {
	for _, tc := range []struct {
		name string
		edit func(*User)
		want string
	}{
		{"ensure", func(u *User) { u.Ensure = "there" }, `ensure: want present or absent, not "there"`},
		{"membership", func(u *User) { u.Membership = "some" }, `membership: want minimum or inclusive, not "some"`},
		{"option", func(u *User) { u.Name = "-r" }, `name: "-r" is no name`},
		{"colon", func(u *User) { u.Name = "a:0:0" }, "is no name"},
		{"dots", func(u *User) { u.Name = ".." }, "is no name"},
		{"group", func(u *User) { u.Groups = resources.Strings{"a:b"} }, `groups: "a:b" is no name`},
		{"number of a group", func(u *User) { u.Groups = resources.Strings{"29"} }, `groups: "29" is a number: want the name`},
		{"gid", func(u *User) { u.GID = "-1" }, `gid: "-1" is no name`},
		{"gid that is none", func(u *User) { u.GID = "4294967295" }, "gid: 4294967295 is no number of an account"},
		{"uid that is none", func(u *User) { u.UID = new(uint32(4294967295)) }, "uid: 4294967295 is no number of an account: the largest is 4294967294"},
		{"home", func(u *User) { u.Home = "home/x" }, "home: "},
		{"home with dots", func(u *User) { u.Home = "/home/../etc" }, "home: "},
		{"home with a colon", func(u *User) { u.Home = "/a:b" }, "home: "},
		{"shell", func(u *User) { u.Shell = "sh" }, "shell: "},
		{"comment", func(u *User) { u.Comment = new("a:0:0:\nroot2") }, "comment: "},
		{"comment that usermod refuses", func(u *User) { u.Comment = new("a\tb") }, "comment: "},
		{"clear password", func(u *User) { u.Password = new("secret") }, "password: it is no hash of crypt(5)"},
		{"password that lets anybody in", func(u *User) { u.Password = new("") }, "password: an empty one lets anybody in"},
		{"password with more", func(u *User) { u.Password = new("!\nroot:!") }, "password: it is no hash"},
		{"expiry", func(u *User) { u.Expiry = "2031-02-30" }, "expiry: want YYYY-MM-DD or absent"},
		{"expiry before there were days", func(u *User) { u.Expiry = "1969-12-31" }, "expiry: days are counted from 1970-01-01"},
		{"root", func(u *User) { u.Name, u.Ensure = "root", absent }, "root is never removed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := resourcetest.Invalid(t, declare(tc.edit), tc.want)
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the password is shown: %v", err)
			}
		})
	}
	for _, good := range []string{"!", "!!", "*", "!*", "x", someHash, "!" + someHash, "$y$j9T$abc/d.$Xy.z/0", "$2b$12$abcdefghijklmnopqrstuv", "$5$rounds=5000$salt$hash", "abJnggxhB/yWI"} {
		if err := declare(func(u *User) { u.Password = &good }).Validate(); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
}

func TestIdentities(t *testing.T) {
	for _, tc := range []struct {
		name string
		edit func(*User)
		want []resources.Identity
	}{
		{"his own group", nil, []resources.Identity{{Kind: "group", Name: "bob"}}},
		{"a group by its number", func(u *User) { u.GID = "02000" }, []resources.Identity{{Kind: "gid", Name: "2000"}}},
		{"absent", declared["absent"], []resources.Identity{accounts.Belonging("bob")}},
		{"all", declared["all"], []resources.Identity{
			{Kind: "group", Name: "audio"}, {Kind: "group", Name: "video"}, {Kind: "path", Name: "/bin/bash"}, {Kind: "mount", Name: "/home/robert", Nearest: true},
		}},
	} {
		if diff := cmp.Diff(tc.want, declare(tc.edit).Requires()); diff != "" {
			t.Errorf("%s: %s", tc.name, diff)
		}
	}
	if diff := cmp.Diff([]resources.Identity{{Kind: "user", Name: "bob"}}, declare(nil).Provides()); diff != "" {
		t.Error(diff)
	}
	numbered := declare(func(u *User) { u.UID = new(uint32(1001)) })
	if diff := cmp.Diff([]resources.Identity{{Kind: "user", Name: "bob"}, {Kind: "uid", Name: "1001"}}, numbered.Provides()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]resources.Identity{{Kind: "user", Name: "bob"}, accounts.Leaver()}, declare(declared["absent"]).Provides()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{accounts.Lock}, declare(nil).Locks()); diff != "" {
		t.Error(diff)
	}
}

func TestInspect(t *testing.T) {
	resourcetest.NeedsRoot(t, numbers)
	for start, tree := range actual {
		h := accountstest.New(t, tree)
		for _, title := range []string{"bob", "alice", "root"} {
			t.Run(title+" of "+start, func(t *testing.T) {
				if u := resourcetest.Inspects(t, h, Type(), title).(*User); u.Password != nil {
					t.Errorf("the password is shown: %q", *u.Password)
				}
			})
		}
	}
	got := resourcetest.Inspects(t, accountstest.New(t, strings.Replace(actual["member"], ":30::\nalice", ":30:22294:\nalice", 1)), Type(), "bob")
	want := declare(func(u *User) {
		u.UID, u.GID, u.Groups, u.Home, u.Shell = new(uint32(2000)), "bob", resources.Strings{"audio"}, "/home/bob", "/bin/bash"
		u.Comment, u.Expiry = new("Bob, the builder"), "2031-01-15"
	})
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(User{})); diff != "" {
		t.Error(diff)
	}
	resourcetest.Lists(t, accountstest.New(t, actual["plain"]), Type(), "*", "root", "bob", "alice")
}

func TestChangedSince(t *testing.T) {
	resourcetest.NeedsRoot(t, numbers)
	for name, edit := range map[string]func(u *User){"made": nil, "changed": declared["shell"]} {
		t.Run(name, func(t *testing.T) {
			h := accountstest.New(t, actual[map[string]string{"made": "nothing", "changed": "plain"}[name]])
			resourcetest.Notices(t, h, Type(), declare(edit), func() {
				resourcetest.Converges(t, h, declare(func(u *User) { u.Comment = new("by hand") }))
			})
		})
	}
}
