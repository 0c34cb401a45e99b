package apk

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources/pkg/manager"
)

const tree = `-- lib/apk/db/installed --
C:Q1abc=
P:musl
V:1.2.4-r2
A:x86_64
T:the musl c library (libc) implementation
p:so:libc.musl-x86_64.so.1=1
F:lib
R:ld-musl-x86_64.so.1
a:0:0:755

P:postfix
V:3.8.4-r1
A:x86_64
p:mta=1 cmd:postfix=3.8.4-r1
-- etc/apk/world --
musl
postfix=3.8.4-r1
other>1
`

func TestRead(t *testing.T) {
	db, err := New().Read(t.Context(), hosttest.New(t, tree))
	if err != nil {
		t.Fatal(err)
	}
	want := manager.Package{Name: "postfix", Version: "3.8.4-r1", Arch: "x86_64", Status: manager.Installed, Held: true, Provides: []string{"mta", "cmd:postfix"}}
	if d := cmp.Diff(want, db.Find("postfix")); d != "" {
		t.Error(d)
	}
	if got := db.Find("musl"); got.Version != "1.2.4-r2" || got.Held {
		t.Errorf("musl: %+v", got)
	}
	if owner, ok := db.Provider("mta"); !ok || owner.Name != "postfix" {
		t.Errorf("mta is provided by %q", owner.Name)
	}
}

func TestParsePolicy(t *testing.T) {
	got := parsePolicy("tool policy:\n  1.0-r0:\n    lib/apk/db/installed\n  1.1-r0:\n    https://x/main\n    https://y/main\n  1.2_rc1-r0:\n    @edge https://z/main\nonly policy:\n  3-r0:\n    lib/apk/db/installed\n")
	want := map[string]manager.Offer{"tool": {Candidate: "1.1-r0", Versions: []string{"1.1-r0"}}, "only": {}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// A version asked for by its number is installed, and then not a pin.
func TestCommands(t *testing.T) {
	h := hosttest.New(t, tree)
	h.Answer("apk", 0, "")
	s := &manager.Session{Host: h}
	m := New()
	if err := m.Commit(t.Context(), s, manager.Transaction{Install: []manager.Target{{Name: "a", Version: "1-r0"}, {Name: "b"}}, Purge: []string{"c"}}); err != nil {
		t.Fatal(err)
	}
	if err := m.Hold(t.Context(), s, true, []string{"musl"}); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"apk add --quiet --no-progress -- a=1-r0 b", "apk add --quiet --no-progress -- a", "apk del --quiet --no-progress --purge -- c",
		"apk add --quiet --no-progress -- musl=1.2.4-r2",
	}
	if d := cmp.Diff(want, h.Calls()); d != "" {
		t.Error(d)
	}
}
