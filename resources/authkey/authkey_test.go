package authkey

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"

	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/internal/accounts"
	"github.com/nodeapply/apply/resources/resourcetest"
)

// The keys of two seeds.
const (
	one = "AAAAC3NzaC1lZDI1NTE5AAAAIDtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
	two = "AAAAC3NzaC1lZDI1NTE5AAAAIIqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c"
)

// owners is why the tests of users' files need root.
const owners = "only root can give files to their users"

// ecdsa is a key of another type.
const ecdsa = "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEY3ouATc6mYLORpSYMVIKVJuo4TQbp96sWln7qM9J7gcNe/wKDMmFY6VqOSy//du1ic5602h5sa458uJz4D7Eo="

func declare(edit func(*Key)) *Key {
	k := Type().New("laptop").(*Key)
	k.User, k.Key = "bob", one
	if edit != nil {
		edit(k)
	}
	return k
}

// declared are the states that a key may be declared to have.
var declared = map[string]func(*Key){
	"present": nil,
	"type":    func(k *Key) { k.Type = "ed25519" },
	"options": func(k *Key) {
		k.Options = resources.Strings{`from="10.0.0.0/8,::1"`, "no-pty", `command="echo \"hi\" # all"`}
	},
	"no options":     func(k *Key) { k.Options = resources.Strings{} },
	"absent":         func(k *Key) { k.Ensure = absent },
	"absent by name": func(k *Key) { k.Ensure, k.Key = absent, "" },
}

// actual are the lines that it may find among others.
var actual = map[string]string{
	"nothing":     "",
	"same":        "ssh-ed25519 " + one + " laptop\n",
	"other name":  "ssh-ed25519  " + one + " bob@home\n",
	"no name":     "ssh-ed25519 " + one + "\n",
	"other key":   "ssh-ed25519 " + two + " laptop\n",
	"other type":  "ecdsa-sha2-nistp256 " + ecdsa + " laptop\n",
	"twice":       "ssh-ed25519 " + one + " laptop\nno-pty ssh-ed25519 " + one + " again\n",
	"other order": `no-pty,command="echo \"hi\" # all",from="10.0.0.0/8,::1" ssh-ed25519 ` + one + " laptop\n",
	"options":     `from="10.0.0.0/8,::1",no-agent-forwarding ssh-ed25519 ` + one + " laptop\n",
	"new key":     "no-pty ssh-ed25519 " + two + " laptop\n",
	"both":        "ssh-ed25519 " + two + " laptop\nssh-ed25519 " + one + " bob@home\n",
}

const (
	people = "-- etc/passwd --\nroot:x:0:0::/root:/bin/sh\nbob:x:1000:1000::/home/bob:/bin/sh\n-- etc/group --\nroot:x:0:\nbob:x:1000:\n-- home/bob/ 0750 bob:bob --\n"
	others = "# keys of bob\n\nssh-ed25519 AAAA broken\nssh-rsa-new AAAAB3Nza unknown type\n"
	file   = "/home/bob/.ssh/authorized_keys"
)

func tree(lines string) string {
	return people + "-- home/bob/.ssh/ 0755 bob:bob --\n-- home/bob/.ssh/authorized_keys 0640 bob:bob --\n" + lines
}

func TestConverges(t *testing.T) {
	resourcetest.NeedsRoot(t, owners)
	for name, edit := range declared {
		for start, lines := range actual {
			for where, content := range map[string]string{"first": lines + others, "last": others + lines, "alone": lines} {
				t.Run(name+" from "+start+" "+where, func(t *testing.T) {
					h := hosttest.New(t, tree(content))
					resourcetest.Converges(t, h, declare(edit))
					if got := h.Content(file); where != "alone" && !strings.Contains(got, others) {
						t.Errorf("other lines were touched:\n%s", got)
					}
					if st, err := h.Lstat(file); err != nil || st.Mode != 0o640 || st.UID != 1000 {
						t.Errorf("mode %o, owner %d, %v", st.Mode, st.UID, err)
					}
				})
			}
		}
		for start, content := range map[string]string{"no folder": people, "no file": people + "-- home/bob/.ssh/ 0700 bob:bob --\n"} {
			t.Run(name+" from "+start, func(t *testing.T) { resourcetest.Converges(t, hosttest.New(t, content), declare(edit)) })
		}
	}
}

func fingerprint(t *testing.T, key string) string {
	t.Helper()
	public, err := declare(func(k *Key) { k.Key = key }).public()
	if err != nil {
		t.Fatal(err)
	}
	return ssh.FingerprintSHA256(public)
}

// written is how the declared options stand in a line.
const written = `from="10.0.0.0/8,::1",no-pty,command="echo \"hi\" # all" `

func TestWhatIsWritten(t *testing.T) {
	resourcetest.NeedsRoot(t, owners)
	for _, tc := range []struct{ declared, actual, want, changes string }{
		{"present", "nothing", actual["same"], "ensure: absent -> present"},
		{"present", "other name", actual["same"], "name: bob@home -> laptop"},
		{"present", "no name", actual["same"], "name:  -> laptop"},
		{"present", "other key", actual["same"], "key: " + fingerprint(t, two) + " -> " + fingerprint(t, one)},
		{"present", "options", actual["options"], ""},
		{"present", "new key", "no-pty " + actual["same"], "key: " + fingerprint(t, two) + " -> " + fingerprint(t, one)},
		{"no options", "options", actual["same"], `options: from="10.0.0.0/8,::1",no-agent-forwarding -> `},
		{"options", "nothing", written + actual["same"], "ensure: absent -> present"},
		{"present", "both", "ssh-ed25519 " + two + " laptop\n" + actual["same"], "name: bob@home -> laptop"},
		{"present", "other type", actual["same"], "type: ecdsa-sha2-nistp256 -> ssh-ed25519\nkey: " + fingerprint(t, ecdsa) + " -> " + fingerprint(t, one)},
		{"type", "same", actual["same"], ""},
		{"present", "twice", actual["same"], "key: " + fingerprint(t, one) + ", " + fingerprint(t, one) + " -> " + fingerprint(t, one)},
		{"absent", "twice", "", "ensure: present -> absent"},
		{"options", "options", written + actual["same"], `options: from="10.0.0.0/8,::1",no-agent-forwarding -> ` + strings.TrimSpace(written)},
		{"options", "other order", written + actual["same"], `options: no-pty,command="echo \"hi\" # all",from="10.0.0.0/8,::1" -> ` + strings.TrimSpace(written)},
		{"absent by name", "other name", actual["other name"], ""},
		{"absent", "both", "", "ensure: present -> absent"},
		{"absent by name", "both", "ssh-ed25519 " + one + " bob@home\n", "ensure: present -> absent"},
	} {
		t.Run(tc.declared+" from "+tc.actual, func(t *testing.T) {
			h := hosttest.New(t, tree(others+actual[tc.actual]))
			resourcetest.Writes(t, h, declare(declared[tc.declared]), file, others+tc.want, tc.changes)
		})
	}
}

func TestFolderAndFileAreTheUsersAlone(t *testing.T) {
	resourcetest.NeedsRoot(t, owners)
	const made = "authorized_keys 0600 bob:bob --\n"
	atHome := strings.Replace(people, "-- home/bob/ 0750 bob:bob --\n", "-- srv/bob/ 0750 bob:bob --\n", 1)
	for name, tc := range map[string]struct{ tree, want string }{
		"made":                  {people, "-- home/bob/.ssh/ 0700 bob:bob --\n-- home/bob/.ssh/" + made},
		"a folder that is kept": {people + "-- home/bob/.ssh/ 0750 bob:bob --\n", "-- home/bob/.ssh/ 0750 bob:bob --\n-- home/bob/.ssh/" + made},
		"home by root's link":   {atHome + "-- home/bob -> /srv/bob --\n", "-- srv/bob/.ssh/ 0700 bob:bob --\n-- srv/bob/.ssh/" + made},
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, tc.tree)
			k := declare(nil)
			if err := k.Apply(t.Context(), h, resourcetest.Check(t, h, k)); err != nil {
				t.Fatal(err)
			}
			if got := h.Snapshot(); !strings.HasSuffix(got, tc.want+actual["same"]) {
				t.Errorf("want %q at the end of\n%s", tc.want, got)
			}
		})
	}
}

func TestRefuses(t *testing.T) {
	resourcetest.NeedsRoot(t, owners)
	shadow := "-- etc/shadow 0600 --\nroot:*:1::::::\n"
	for name, tc := range map[string]struct {
		tree string
		edit func(*Key)
		want string
	}{
		"planted file link":   {people + shadow + "-- home/bob/.ssh/ 0700 bob:bob --\n-- home/bob/.ssh/authorized_keys -> /etc/shadow bob:bob --\n", nil, "is a link, not a file"},
		"planted folder link": {people + "-- root/.ssh/ 0700 --\n-- home/bob/.ssh -> /root/.ssh bob:bob --\n", nil, "/home/bob/.ssh: refused: a link that its owner may have planted"},
		"planted home link":   {strings.Replace(people, "-- home/bob/ 0750 bob:bob --\n", "-- root/ 0700 --\n-- home/bob -> /root bob:bob --\n", 1), nil, "/home/bob: refused"},
		"home is a file":      {strings.Replace(people, "-- home/bob/ 0750 bob:bob --\n", "-- home/bob --\n", 1), nil, "/home/bob"},
		"pipe":                {people + "-- home/bob/.ssh/ 0700 bob:bob --\n-- home/bob/.ssh/authorized_keys| 0600 bob:bob --\n", nil, "is a fifo, not a file"},
		"unknown user":        {people, func(k *Key) { k.User = "carol" }, `user: user "carol": unknown to this node`},
		"no home":             {strings.Replace(people, "-- home/bob/ 0750 bob:bob --\n", "", 1), nil, "/home/bob, the home of user bob: does not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := resourcetest.Refuses(t, hosttest.New(t, tc.tree), declare(tc.edit)); !strings.Contains(err.Error(), tc.want) {
				t.Errorf("want %q, got %v", tc.want, err)
			}
		})
	}
	gone := declare(func(k *Key) { k.User, k.Ensure = "carol", absent })
	if o := resourcetest.Converges(t, hosttest.New(t, people), gone); !o.Diff.Empty() {
		t.Errorf("a key of a user who is gone differs: %v", o.Diff)
	}
}

func TestValidate(t *testing.T) {
	for _, tc := range []struct {
		name string
		edit func(*Key)
		want string
	}{
		{"no user", func(k *Key) { k.User = "" }, "user: must be set"},
		{"user", func(k *Key) { k.User = "../root" }, "user: "},
		{"no key", func(k *Key) { k.Key = "" }, "key: must be set"},
		{"whole line", func(k *Key) { k.Key = "ssh-ed25519 " + one + " bob" }, "key: want the key alone"},
		{"two lines", func(k *Key) { k.Key = one[:20] + "\n" + one[20:] }, "key: want the key alone"},
		{"cut", func(k *Key) { k.Key = one[:len(one)-4] }, "key: it is no public key of ssh"},
		{"number of a user", func(k *Key) { k.User = "1000" }, `user: "1000" is a number`},
		{"other type", func(k *Key) { k.Type = "ssh-rsa" }, `type: "ssh-rsa", and the key says ssh-ed25519`},
		{"two options", func(k *Key) { k.Options = resources.Strings{"no-pty,no-X11-forwarding"} }, "is not one option"},
		{"option with blanks", func(k *Key) { k.Options = resources.Strings{"no-pty ssh-ed25519"} }, "is not one option"},
		{"open quote", func(k *Key) { k.Options = resources.Strings{`command="x`} }, "is not one option"},
		{"option with a line end", func(k *Key) { k.Options = resources.Strings{"no-pty\n"} }, "is not one option"},
		{"name", func(k *Key) { k.Name = "a\nssh-rsa" }, "name: "},
		{"ensure", func(k *Key) { k.Ensure = "here" }, "ensure: "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			resourcetest.Invalid(t, declare(tc.edit), tc.want)
		})
	}
}

func TestShortTypes(t *testing.T) {
	for short, long := range map[string]string{
		"ed25519": "ssh-ed25519", "ed25519-sk": "sk-ssh-ed25519@openssh.com", "ecdsa-sk": "sk-ecdsa-sha2-nistp256@openssh.com",
	} {
		t.Run(short, func(t *testing.T) {
			public, err := declare(nil).public()
			if err != nil {
				t.Fatal(err)
			}
			blob := public.Marshal()
			switch short { // as sshd(8)'s PROTOCOL.u2f has them
			case "ed25519-sk":
				blob = ssh.Marshal(struct {
					Type        string
					Key         []byte
					Application string
				}{long, blob[len(blob)-32:], "ssh:"})
			case "ecdsa-sk":
				point, err := base64.StdEncoding.DecodeString(ecdsa)
				if err != nil {
					t.Fatal(err)
				}
				blob = ssh.Marshal(struct {
					Type, Curve string
					Point       []byte
					Application string
				}{long, "nistp256", slices.Clone(point[len(point)-65:]), "ssh:"})
			}
			k := declare(func(k *Key) { k.Type, k.Key = short, base64.StdEncoding.EncodeToString(blob) })
			if err := k.Validate(); err != nil {
				t.Error(err)
			}
			if public, err := k.public(); err != nil || public.Type() != long {
				t.Errorf("want %s, got %v, %v", long, public, err)
			}
		})
	}
}

func TestIdentities(t *testing.T) {
	want := []resources.Identity{{Kind: "user", Name: "bob"}, {Kind: "path", Name: file, Nearest: true}}
	if diff := cmp.Diff(want, declare(nil).Requires()); diff != "" {
		t.Error(diff)
	}
	roots := declare(func(k *Key) { k.User = "root" })
	want = []resources.Identity{{Kind: "user", Name: "root"}, {Kind: "path", Name: "/root/.ssh/authorized_keys", Nearest: true}}
	if diff := cmp.Diff(want, roots.Requires()); diff != "" {
		t.Error(diff)
	}
	if bobs := declare(nil).Locks(); cmp.Equal(bobs, roots.Locks()) || !cmp.Equal(bobs, declare(func(k *Key) { k.Key = two }).Locks()) {
		t.Errorf("want a lock for each user, got %q and %q", bobs, roots.Locks())
	}
	a, b := declare(nil), declare(func(k *Key) { k.Name = "other" })
	if a.Provides()[0] == b.Provides()[0] || a.Provides()[1] != b.Provides()[1] {
		t.Errorf("one key under two names: %v, %v", a.Provides(), b.Provides())
	}
	gone := declare(func(k *Key) { k.Ensure = absent }) // before its user
	if diff := cmp.Diff(append(a.Provides(), accounts.Belonging("bob")), gone.Provides()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]resources.Identity{{Kind: "path", Name: file, Nearest: true}}, gone.Requires()); diff != "" {
		t.Error(diff)
	}
}

func TestInspect(t *testing.T) {
	resourcetest.NeedsRoot(t, owners)
	for start, lines := range actual {
		if start == "twice" {
			continue // not a state that can be declared
		}
		h := hosttest.New(t, tree(others+lines))
		titles, err := Type().New("").(*Key).List(t.Context(), h, "b*")
		if err != nil {
			t.Fatal(err)
		}
		if named := strings.Contains(lines, "laptop") || strings.Contains(lines, "home"); named != (len(titles) > 0) {
			t.Errorf("%s: %q", start, titles)
		}
		for _, title := range titles {
			t.Run(title+" of "+start, func(t *testing.T) { resourcetest.Inspects(t, h, Type(), title) })
		}
	}
	got := resourcetest.Inspects(t, hosttest.New(t, tree(others+actual["options"])), Type(), "bob/laptop")
	want := declare(func(k *Key) {
		k.Type, k.Options = "ssh-ed25519", resources.Strings{`from="10.0.0.0/8,::1"`, "no-agent-forwarding"}
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if err := Type().New("none").(*Key).Inspect(t.Context(), hosttest.New(t, people)); err == nil {
		t.Error("a key that nobody has")
	}
}
