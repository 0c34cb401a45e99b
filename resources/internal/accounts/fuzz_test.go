package accounts

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// FuzzEntries: no line of /etc/passwd, /etc/group or /etc/shadow ends the program, and an account that is read is the one that would be written.
func FuzzEntries(f *testing.F) {
	f.Add("root:x:0:0:root:/root:/bin/sh\n+nis::::::\nbob:x:1000:100:Bob, 1:/home/bob:\n")
	f.Add("wheel:x:10:bob, ann,,\nempty:x:11:\n#c:x:1:\n")
	f.Add("bob:$6$a$b:19000:0:99999:7::20000:\nann:!:::::::\nold:*:1:2:3:4:5:2147483647:\r\n")
	f.Fuzz(func(t *testing.T, content string) {
		number := func(n uint32) string { return strconv.FormatUint(uint64(n), 10) }
		for _, e := range parse(content, 7) {
			u, ok := userOf(e)
			if !ok {
				continue
			}
			again := parse(strings.Join([]string{u.Name, "x", number(u.UID), number(u.GID), u.Comment, u.Home, u.Shell}, ":"), 7)
			if len(again) != 1 {
				t.Fatalf("%q is written as %d lines", e, len(again))
			}
			if same, _ := userOf(again[0]); same != u {
				t.Errorf("%+v is written as %+v", u, same)
			}
		}
		for _, e := range parse(content, 4) {
			g, ok := groupOf(e)
			if !ok {
				continue
			}
			same, _ := groupOf([]string{g.Name, "x", number(g.GID), strings.Join(g.Members, ",")})
			if diff := cmp.Diff(g, same); diff != "" {
				t.Error(diff)
			}
		}
		for _, e := range parse(content, 8) {
			s := shadowOf(e)
			if at, err := time.Parse(time.DateOnly, s.Expiry); s.Expiry != "" && err == nil {
				e[7] = strconv.FormatInt(at.Unix()/(24*60*60), 10)
				if same := shadowOf(e); same != s {
					t.Errorf("%+v is written as %+v", s, same)
				}
			}
		}
	})
}

// FuzzLinesWith: an account is found among the lines that have its name as it is among all, and so are the groups that it is in.
func FuzzLinesWith(f *testing.F) {
	f.Add("root:x:0:0:root:/root:/bin/sh\nbobby:x:1:1::/:\nbob:x:1000:100:Bob, 1:/home/bob:\nbob:x:2:2::/:", "bob")
	f.Add("wheel:x:10:bob, ann,,\nempty:x:11:\nann:x:1:bobby", "ann")
	f.Add("a:b:c:d\n\n:::\n", "")
	f.Fuzz(func(t *testing.T, content, name string) {
		if strings.Contains(name, "\n") {
			return
		}
		of := func(all [][]string, has func([]string) bool) [][]string {
			return slices.DeleteFunc(all, func(e []string) bool { return !has(e) })
		}
		named := func(e []string) bool { return e[0] == name }
		if diff := cmp.Diff(of(parse(content, 4), named), of(parse(linesWith(content, name+":"), 4), named), cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
		lists := func(e []string) bool {
			g, ok := groupOf(e)
			return ok && slices.Contains(g.Members, name)
		}
		if diff := cmp.Diff(of(parse(content, 4), lists), of(parse(linesWith(content, name), 4), lists), cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
	})
}
