package user

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources/internal/accounts/accountstest"
	"github.com/nodeapply/apply/resources/resourcetest"
)

var meta = regexp.MustCompile(` 0\d+ \S+:\S+ --`)

// homes is what is below /home, without modes and owners.
func homes(h *hosttest.Host) string {
	_, below, _ := strings.Cut(meta.ReplaceAllString(h.Snapshot(), " --"), "-- home/ --\n")
	return below
}

func TestHomeFolder(t *testing.T) {
	resourcetest.NeedsRoot(t, numbers)
	const (
		bob    = "-- home/bob/ --\n-- home/bob/mine --\nkeep\n"
		robert = "-- home/robert/ --\n-- home/robert/mine --\nkeep\n"
	)
	for _, tc := range []struct{ name, tree, to, want, refused string }{
		{"made with the user", actual["nothing"], "his home", "-- home/bob/ --\n", ""},
		{"there before the user", actual["nothing"] + bob, "his home", bob, ""},
		{"not made", actual["nothing"], "present", "", ""},
		{"kept", actual["plain"], "absent", bob, ""},
		{"removed with the user", actual["plain"], "absent with home", "", ""},
		{"somebody else's outlives the user", strings.Replace(actual["plain"], "0755 bob:root", "0755 alice:root", 1), "absent with home", bob, ""},
		{"another's home in it", strings.Replace(actual["plain"], "/home/alice", "/home/bob/alice", 1), "absent with home", bob, ""},
		{"another's home as well", strings.Replace(actual["plain"], "/home/alice", "/home/bob/", 1), "absent with home", bob, ""},
		{"a name that begins like it", strings.Replace(actual["plain"], "/home/alice", "/home/bobby", 1), "absent with home", "", ""},
		{"not there any more", strings.ReplaceAll(actual["plain"], "-- home/bob/", "-- home/robert/"), "absent with home", robert, ""},
		{"moved", actual["plain"], "home moves", robert, ""},
		{"not moved", actual["plain"], "home", bob, ""},
		{"none to be moved", strings.ReplaceAll(actual["plain"], "-- home/bob/", "-- home/robert/"), "home moves", robert, ""},
		{"somebody else's", strings.Replace(actual["plain"], "0755 bob:root", "0755 alice:root", 1), "home moves", "",
			"home: /home/bob belongs to user 1000, not to bob: it is not moved"},
		{"another number as well", actual["plain"], "all", robert, ""},
		{"nothing above it", actual["plain"], "home moves far", "", "home: /home/far: does not exist: /home/bob cannot be moved there"},
		{"one at both places", actual["plain"] + "-- home/robert/ --\n", "home moves", "", "home: /home/robert is there already: /home/bob cannot be moved to it"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := accountstest.New(t, tc.tree)
			was := homes(h)
			u := declare(declared[tc.to])
			if tc.to == "home moves far" {
				u = declare(func(u *User) { u.Home, u.ManageHome = "/home/far/away", true })
			}
			if tc.refused != "" {
				if err := resourcetest.Refuses(t, h, u); err.Error() != tc.refused {
					t.Errorf("want %q, got %v", tc.refused, err)
				}
				return
			}
			resourcetest.Undoes(t, h, Type(), u)
			if diff := cmp.Diff(was, homes(h)); diff != "" && u.Ensure == present {
				t.Errorf("undone: %s", diff)
			}
			h = accountstest.New(t, tc.tree)
			o := resourcetest.Converges(t, h, u)
			goes := tc.to == "absent with home" && tc.want != bob
			if len(o.Diff.Changes) > 0 && (o.Diff.Changes[0].Irreversible != goes || (len(o.Diff.Notes) > 0) != (tc.to == "absent with home" && !goes)) {
				t.Errorf("irreversible: %v, notes: %q", o.Diff.Changes[0].Irreversible, o.Diff.Notes)
			}
			if diff := cmp.Diff(tc.want, homes(h)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestShellThatWouldLockTheUserOut(t *testing.T) {
	resourcetest.NeedsRoot(t, numbers)
	for name, tc := range map[string]struct{ more, refused string }{
		"missing":        {"", "shell: /opt/shell: does not exist"},
		"cannot be run":  {"-- opt/shell 0644 --\n", "shell: /opt/shell: cannot be run"},
		"folder":         {"-- opt/shell/ --\n", "shell: /opt/shell: cannot be run"},
		"can be run":     {"-- opt/shell 0755 --\n", ""},
		"a system's own": {"-- opt/shell -> /bin/bash --\n", ""},
	} {
		for _, start := range []string{"nothing", "plain"} {
			t.Run(name+" from "+start, func(t *testing.T) {
				h := accountstest.New(t, actual[start]+tc.more)
				u := declare(func(u *User) { u.Shell = "/opt/shell" })
				if tc.refused == "" {
					resourcetest.Converges(t, h, u)
					return
				}
				if err := resourcetest.Refuses(t, h, u); err.Error() != tc.refused {
					t.Errorf("want %q, got %v", tc.refused, err)
				}
			})
		}
	}
}

// What a useradd that was cut off has left undone is told in each run.
func TestCutOff(t *testing.T) {
	resourcetest.NeedsRoot(t, numbers)
	bare := strings.ReplaceAll(actual["plain"], "-- home/bob", "-- home/other")
	for name, tc := range map[string]struct {
		tree, to string
		want     []string
	}{
		"whole":                  {actual["plain"], "his home", nil},
		"no home":                {bare, "his home", []string{"/home/bob is not there: managehome makes it with the user only; `mkhomedir_helper bob` makes it now"}},
		"no home, and none made": {bare, "present", nil},
		"no home, and moved":     {bare, "home moves", nil},
		"no line in /etc/shadow": {strings.Replace(actual["plain"], "bob:!:19000:0:99999:7:::\n", "", 1), "present", []string{"/etc/shadow has no line for bob, which keeps this user out; `pwconv` makes it"}},
		"which the run makes":    {strings.Replace(actual["plain"], "bob:!:19000:0:99999:7:::\n", "", 1), "password", nil},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := declare(declared[tc.to]).Check(t.Context(), accountstest.New(t, tc.tree))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, d.Notes); diff != "" {
				t.Error(diff)
			}
		})
	}
}
