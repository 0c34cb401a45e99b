package accounts

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
)

// files have what real ones do: comments, entries of NIS, lines that are broken, blanks between members, members named twice.
const files = `-- etc/passwd --
# a comment
root:x:0:0:root:/root:/bin/sh

bob:x:1001:100:Bob, the builder:/home/bob:/bin/bash
short:x:1002
wide:x:4294967296:0::/:/bin/sh
-minus::::::
+::::::
last:x:4294967295:0::/:/bin/sh
-- etc/group --
users:x:100:
audio:x:29:bob, alice,,
video:x:44:alice
twice:x:45:bob,bob
far:x:many:bob
+:::
-- etc/shadow --
root:*:19000:0:99999:7:::
bob:$6$salt$hash:19000:0:99999:7::22294:
zero:!:19000:0:99999:7::0:
never:!:19000:0:99999:7::-1:
short:x
`

func TestUsersAndGroups(t *testing.T) {
	h := hosttest.New(t, files)
	users, err := Users(h)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]User{
		{"root", 0, 0, "root", "/root", "/bin/sh"}, {"bob", 1001, 100, "Bob, the builder", "/home/bob", "/bin/bash"}, {"last", 4294967295, 0, "", "/", "/bin/sh"},
	}, users); diff != "" {
		t.Error(diff)
	}
	groups, err := Groups(h)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Group{{"users", 100, nil}, {"audio", 29, []string{"bob", "alice"}}, {"video", 44, []string{"alice"}}, {"twice", 45, []string{"bob", "bob"}}}, groups); diff != "" {
		t.Error(diff)
	}
	if u, err := FindUser(h, "short"); u != nil || err != nil {
		t.Errorf("a broken line is no user: %+v, %v", u, err)
	}
	if g, err := FindGroup(h, "video"); err != nil || g == nil || g.GID != 44 {
		t.Errorf("video: %+v, %v", g, err)
	}
	for user, want := range map[string][]string{"bob": {"audio", "twice"}, "alice": {"audio", "video"}, "root": {}} {
		got, err := GroupsOf(h, user)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", user, err, diff)
		}
	}
	for gid, want := range map[uint32]string{44: "video", 77: "77"} {
		if got, err := GroupName(h, gid); got != want || err != nil {
			t.Errorf("%d: want %q, got %q, %v", gid, want, got, err)
		}
	}
	for of, want := range map[string][]string{"*": {"root", "bob", "wide", "last"}, "b*": {"bob"}} {
		got, err := ListUsers(h, of)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", of, err, diff)
		}
	}
	got, err := ListGroups(h, "*d*")
	if diff := cmp.Diff([]string{"audio", "video"}, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

func TestShadow(t *testing.T) {
	usual := Ageing{"19000", "0", "99999", "7", ""}
	h := hosttest.New(t, files)
	for name, want := range map[string]Shadow{
		"bob":  {Listed: true, Password: "$6$salt$hash", Expiry: "2031-01-15", Ageing: usual},
		"root": {Listed: true, Password: "*", Ageing: usual}, "zero": {Listed: true, Password: "!", Expiry: "1970-01-01", Ageing: usual},
		"never": {Listed: true, Password: "!", Ageing: usual}, "short": {}, "nobody": {},
	} {
		got, err := FindShadow(h, name)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
	if got, err := FindShadow(hosttest.New(t, ""), "bob"); got != (Shadow{}) || err != nil {
		t.Errorf("without the file: %+v, %v", got, err)
	}
}

// What stands in /etc/passwd counts, and only where there is an /etc/shadow should it stand there.
func TestPasswordInPasswd(t *testing.T) {
	const passwd = "-- etc/passwd --\nbob:$6$open:1:1::/:\nann::2:2::/:\n"
	for name, want := range map[string]Shadow{
		"bob": {Listed: true, Password: "$6$open", Ageing: Ageing{"19500", "1", "90", "14", "30"}}, "ann": {Listed: true},
	} {
		alone, err := FindShadow(hosttest.New(t, passwd), name)
		bare := want
		bare.Ageing = Ageing{}
		if diff := cmp.Diff(bare, alone); diff != "" || err != nil {
			t.Errorf("%s without /etc/shadow: %v %s", name, err, diff)
		}
		want.Open = true
		beside, err := FindShadow(hosttest.New(t, passwd+"-- etc/shadow --\nbob:!:19500:1:90:14:30::\n"), name)
		if diff := cmp.Diff(want, beside); diff != "" || err != nil {
			t.Errorf("%s with it: %v %s", name, err, diff)
		}
	}
}

func TestFreeNumbers(t *testing.T) {
	h := hosttest.New(t, "-- etc/passwd --\nbob:x:1000:29::/:\nann:x:1001:29::/:\n-- etc/group --\naudio:x:29:\nops:x:30:\n")
	h.Handle("getent", func(_ context.Context, c host.Cmd) (host.Output, error) {
		if line, ok := map[string]string{"passwd 7000": "far:x:7000:29::/:\n", "group 7001": "devs:*:7001:\n"}[c.Args[1]+" "+c.Args[2]]; ok {
			return host.Output{Stdout: []byte(line)}, nil
		}
		return host.Output{ExitCode: 2}, nil
	})
	for name, tt := range map[string]struct {
		err  error
		want string
	}{
		"of a far user":     {FreeUID(t.Context(), h, 7000, "new"), "uid: 7000 is the number of far, which only the node's name services know"},
		"the far user's":    {FreeUID(t.Context(), h, 7000, "far"), ""},
		"of a far group":    {FreeGID(t.Context(), h, 7001, "new"), "gid: 7001 is the number of devs, which only the node's name services know"},
		"a user's, a group": {FreeGID(t.Context(), h, 7000, "new"), ""},
		"of a user":         {FreeUID(t.Context(), h, 1001, "bob"), "uid: 1001 is the number of ann"},
		"his own":           {FreeUID(t.Context(), h, 1000, "bob"), ""},
		"of nobody":         {FreeUID(t.Context(), h, 29, "bob"), ""},
		"of a group":        {FreeGID(t.Context(), h, 29, "ops"), "gid: 29 is the number of audio"},
		"its own":           {FreeGID(t.Context(), h, 30, "ops"), ""},
		"of no group":       {FreeGID(t.Context(), h, 1000, "new"), ""},
		"of a new user":     {FreeUID(t.Context(), h, 1000, "new"), "uid: 1000 is the number of bob"},
	} {
		if got := fmt.Sprint(tt.err); got != tt.want && (tt.want != "" || tt.err != nil) {
			t.Errorf("%s: want %q, got %q", name, tt.want, got)
		}
	}
}

func TestNames(t *testing.T) {
	const bad = "bad"
	for name, want := range map[string]struct{ own, reference string }{
		"bob": {}, "Bob.the-1_": {}, "machine$": {}, "_x": {}, "1st": {},
		"":                        {bad, bad},
		"-r":                      {bad, bad},
		"a:b":                     {bad, bad},
		"a,b":                     {bad, bad},
		"a/b":                     {bad, bad},
		"a\nb":                    {bad, bad},
		"1000":                    {bad, bad},
		"DOMAIN\\bob":             {bad, ""}, // of a name service
		"bob smith":               {bad, ""},
		"..":                      {bad, ""},
		strings.Repeat("b", 32):   {},
		strings.Repeat("b", 33):   {bad, ""},
		"bob@example.com":         {bad, ""},
		"$":                       {bad, ""},
		"builder\x00":             {bad, bad},
		"b\u00fcrgermeisterin.de": {bad, ""},
	} {
		if err := CheckName(name); (err != nil) != (want.own == bad) {
			t.Errorf("as a name of its own, %q: %v", name, err)
		}
		if err := CheckReference(name); (err != nil) != (want.reference == bad) {
			t.Errorf("as a reference, %q: %v", name, err)
		}
	}
}

func TestMove(t *testing.T) {
	full := errors.New("full")
	for name, tc := range map[string]struct {
		declared, is []string
		all          bool
		fails        string
		want         string
	}{
		"joins":                          {[]string{"b", "a"}, []string{"c"}, false, "", "+a +b"},
		"just these":                     {[]string{"b", "a"}, []string{"c", "a"}, true, "", "+b -c"},
		"none":                           {nil, []string{"a"}, true, "", "-a"},
		"as they are":                    {[]string{"a", "a"}, []string{"a"}, false, "", ""},
		"ends with the first that fails": {[]string{"a", "b"}, []string{"c"}, true, "+a", "+a"},
		"joins before it leaves":         {[]string{"b"}, []string{"a"}, true, "", "+b -a"},
	} {
		t.Run(name, func(t *testing.T) {
			var done []string
			do := func(sign string) func(string) error {
				return func(who string) error {
					if done = append(done, sign+who); sign+who == tc.fails {
						return full
					}
					return nil
				}
			}
			err := Move(tc.is, Together(tc.declared, tc.is, tc.all), do("+"), do("-"))
			if diff := cmp.Diff(tc.want, strings.Join(done, " ")); diff != "" || (err != nil) != (tc.fails != "") {
				t.Error(err, diff)
			}
		})
	}
}

// Where BusyBox has the accounts, it is told which package is missing.
func TestPrograms(t *testing.T) {
	for tree, want := range map[string]string{"-- usr/sbin/useradd 0755 --\n": "", "-- bin/useradd -> shadow --\n": "", "-- usr/sbin/adduser 0755 --\n": "shadow (Alpine"} {
		if err := Programs(hosttest.New(t, tree)); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: want %q, got %v", tree, want, err)
		}
	}
}
