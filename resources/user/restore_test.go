package user

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources/internal/accounts"
	"github.com/nodeapply/apply/resources/internal/accounts/accountstest"
	"github.com/nodeapply/apply/resources/resourcetest"
)

func TestRestore(t *testing.T) {
	resourcetest.NeedsRoot(t, numbers)
	for name, edit := range declared {
		for start, tree := range actual {
			switch {
			case start == "a slash":
				continue // the home comes back without it
			case start == "no group" && slices.Contains([]string{"all", "gid by name", "gid by number", "absent", "absent with home"}, name):
				continue // nobody can be put into a group again that is none
			case start == "no shadow" || start == "for all" && slices.Contains([]string{"all", "password", "locked", "absent", "absent with home"}, name):
				continue // a new entry has its password in /etc/shadow: see TestRestoresThePassword
			}
			t.Run(name+" to "+start, func(t *testing.T) {
				h := accountstest.New(t, tree)
				was := state(h)
				resourcetest.Undoes(t, h, Type(), declare(edit))
				if start == "his group" {
					was = strings.Replace(was, "bob:x:2001:\n", "", 1) // userdel takes it away, the group's own resource brings it back
				}
				if diff := cmp.Diff(was, strings.Replace(state(h), "bob:x:2001:\n", "", 1)); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

// The password that counted counts again, wherever it stands: in /etc/passwd no hash is put back.
func TestRestoresThePassword(t *testing.T) {
	resourcetest.NeedsRoot(t, numbers)
	for start, want := range map[string]string{"no shadow": "*", "for all": someHash, "member": someHash} {
		for name, edit := range declared {
			h := accountstest.New(t, actual[start])
			u := declare(edit)
			was, err := u.Before(t.Context(), h, resourcetest.Check(t, h, u))
			if err != nil {
				t.Fatal(err)
			}
			resourcetest.Converges(t, h, u)
			if err := declare(nil).Restore(t.Context(), h, was); err != nil {
				t.Errorf("%s, then %s: %v", start, name, err)
			}
			s, err := accounts.FindShadow(h, "bob")
			if s.Password != want || err != nil {
				t.Errorf("%s, then %s: want %s, got %+v, %v", start, name, want, s, err)
			}
			if ageing := (accounts.Ageing{"19500", "1", "90", "14", "30"}); start != "no shadow" && s.Ageing != ageing {
				t.Errorf("%s, then %s: ageing %v", start, name, s.Ageing)
			}
		}
	}
}

// The home folder goes with a user whose run has made it, and with no other.
func TestTakesTheHome(t *testing.T) {
	resourcetest.NeedsRoot(t, numbers)
	for _, tc := range []struct {
		name, to, from string
		want           []string
	}{
		{"made with it", "his home", actual["nothing"], []string{"/home/bob"}},
		{"made elsewhere", "all", actual["nothing"], []string{"/home/robert"}},
		{"not made", "present", actual["nothing"], nil},
		{"there before", "his home", actual["nothing"] + "-- home/bob/ --\n", nil},
		{"there with it before", "his home", actual["plain"], nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := accountstest.New(t, tc.from)
			u := declare(declared[tc.to])
			was, err := u.Before(t.Context(), h, resourcetest.Check(t, h, u))
			if err != nil {
				t.Fatal(err)
			}
			resourcetest.Converges(t, h, u)
			got, err := declare(nil).Takes(t.Context(), h, was)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A home folder that was removed with its user is made anew with it: what else is declared for the user needs one.
func TestRestoresAHome(t *testing.T) {
	resourcetest.NeedsRoot(t, numbers)
	for name, kind := range map[string]host.Kind{"absent": host.Directory, "absent with home": host.Directory, "nothing there": host.Absent} {
		t.Run(name, func(t *testing.T) {
			h := accountstest.New(t, actual["plain"])
			u := declare(declared["absent with home"])
			if name == "absent" {
				u = declare(declared["absent"])
			}
			if name == "nothing there" {
				if err := h.Remove(t.Context(), "/home/bob", true); err != nil {
					t.Fatal(err)
				}
			}
			resourcetest.Undoes(t, h, Type(), u)
			if st, err := h.Lstat("/home/bob"); st.Kind != kind || err != nil {
				t.Errorf("want %v, got %v, %v", kind, st.Kind, err)
			}
		})
	}
}
