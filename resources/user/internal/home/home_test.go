package home

import (
	"os"
	"testing"

	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources/internal/accounts"
)

const node = `-- etc/group --
root:x:0:
-- etc/passwd --
root:x:0:0::/root:/bin/sh
ann:x:1:1::/srv/ann:/bin/sh
eve:x:1:1::/home/ann/eve:/bin/sh
-- home/ --
-- home/bob/ 0755 ann:root --
-- home/ann/ 0755 ann:root --
-- home/roots/ 0755 root:root --
-- home/file --
`

func user(home string) *accounts.User { return &accounts.User{Name: "bob", UID: 1, Home: home} }

func needsOwners(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root; left out: folders of other users")
	}
}

func TestMoves(t *testing.T) {
	needsOwners(t)
	h := hosttest.New(t, node)
	for _, tc := range []struct {
		from, to string
		want     bool
		err      string
	}{
		{"/home/bob", "/home/robert", true, ""},
		{"/home/none", "/home/robert", false, ""},
		{"/home/bob", "/home/file", false, "/home/file is there already: /home/bob cannot be moved to it"},
		{"/home/bob", "/none/bob", false, "/none: does not exist: /home/bob cannot be moved there"},
		{"/home/roots", "/home/robert", false, "/home/roots belongs to user 0, not to bob: it is not moved"},
	} {
		got, err := Moves(h, user(tc.from), tc.to)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if got != tc.want || text != tc.err {
			t.Errorf("%s to %s: want %v, %q, got %v, %q", tc.from, tc.to, tc.want, tc.err, got, text)
		}
	}
}

func TestStays(t *testing.T) {
	needsOwners(t)
	h := hosttest.New(t, node)
	for home, want := range map[string]string{
		"/home/bob":   "",
		"/home/none":  "",
		"/home/roots": "/home/roots stays: it belongs to user 0, not to bob",
		"/home/ann":   "/home/ann stays: it is, or has in it, the home of eve",
		"/home/ann/":  "/home/ann/ stays: it is, or has in it, the home of eve",
	} {
		if got, err := Stays(h, user(home)); got != want || err != nil {
			t.Errorf("%s: want %q, got %q, %v", home, want, got, err)
		}
	}
}
