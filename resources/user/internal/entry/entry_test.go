package entry_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources/internal/accounts"
	"github.com/nodeapply/apply/resources/internal/accounts/accountstest"
	"github.com/nodeapply/apply/resources/user/internal/entry"
)

func TestLook(t *testing.T) {
	v := accountstest.Remote{Host: accountstest.New(t, accountstest.Base), User: host.User{Name: "bob", UID: 7000, GID: 29, Home: "/net/bob", Shell: "/bin/sh"}}
	for name, want := range map[string]*entry.Found{
		"alice": {User: accounts.User{Name: "alice", UID: 1000, GID: 1000, Comment: "Alice", Home: "/home/alice", Shell: "/bin/sh"}, Groups: []string{"staff"}},
		"bob":   {User: accounts.User{Name: "bob", UID: 7000, GID: 29, Home: "/net/bob", Shell: "/bin/sh"}, Groups: []string{}, Remote: true},
		"carol": nil,
	} {
		got, err := entry.Look(t.Context(), v, name)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
}

// What userdel took away and useradd does not bring back is as it was: the user's own group, and for how long the password is good.
func TestBefore(t *testing.T) {
	h := accountstest.New(t, accountstest.Base)
	f, err := entry.Look(t.Context(), h, "alice")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := entry.Before{Name: "alice", Moved: true}.Keep(h, f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := entry.Recall(raw, "another")
	want := entry.Before{
		Name: "alice", There: true, Moved: true, User: &f.User, Group: "alice", Groups: []string{"staff"},
		Shadow: accounts.Shadow{Listed: true, Password: "$6$salt$old", Ageing: accounts.Ageing{"19000", "0", "99999", "7", ""}},
	}
	if diff := cmp.Diff(want, b); diff != "" || err != nil {
		t.Fatal(err, diff)
	}
	changed := accountstest.New(t, "-- etc/passwd --\nalice:x:1000:1000::/home/alice:/bin/sh\n-- etc/group --\nroot:x:0:\n-- etc/shadow --\nalice:!:20000:1:90:7:30::\n")
	for range 2 { // the second time there is nothing to do
		if err := b.RestoreGroup(t.Context(), changed); err != nil {
			t.Error(err)
		}
		if err := b.RestoreAgeing(t.Context(), changed); err != nil {
			t.Error(err)
		}
	}
	group, err := accounts.FindGroup(changed, "alice")
	if err != nil || group == nil || group.GID != 1000 {
		t.Errorf("its group: %v, %v", group, err)
	}
	s, err := accounts.FindShadow(changed, "alice")
	if diff := cmp.Diff(want.Shadow.Ageing, s.Ageing); diff != "" || err != nil {
		t.Error(err, diff)
	}
	if diff := cmp.Diff(2, len(changed.Calls())); diff != "" {
		t.Errorf("%q: %s", changed.Calls(), diff)
	}
}

// What earlier versions kept does not say whose it is.
func TestRecall(t *testing.T) {
	b, err := entry.Recall([]byte(`{"there":true}`), "alice")
	if err != nil || b.Name != "alice" || !b.There {
		t.Errorf("%+v, %v", b, err)
	}
	if _, err := entry.Recall([]byte("{"), "alice"); err == nil || err.Error() != "what was before: unexpected end of JSON input" {
		t.Errorf("got %v", err)
	}
}
