package fleet_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDiffAndNodes(t *testing.T) {
	s := newSite(t, "n1", "n2", "n3", "n4", "n5")
	for node, text := range map[string]string{"n1": "a\nb\nc\n", "n2": "a\nb\nc\n", "n3": "a\nX\nc\n", "n5": "a\nb\nc\n"} {
		s.write("root-"+node+"/srv/f", text)
	}
	t.Run("file", func(t *testing.T) {
		r := s.run("fleet", "diff", "-w", "n[1-5]", "--file", "/srv/f")
		want := `n[1-2,5] (3) agree; the others are compared with them

n3
diff n[1-2,5] n3
--- n[1-2,5]
+++ n3
@@ -1,3 +1,3 @@
 a
-b
+X
 c

n4: /srv/f: missing
diff n[1-2,5] n4
--- n[1-2,5]
+++ n4
@@ -1,3 +0,0 @@
-a
-b
-c
`
		if diff := cmp.Diff(want, r.stdout); diff != "" {
			t.Error(diff)
		}
		s.want(r, 0, "", "5 of 5 ok")
		s.want(s.run("fleet", "diff", "--detailed-exitcode", "-w", "n[1-5]", "--file", "/srv/f"), 2, "", "")
		s.want(s.run("fleet", "diff", "--detailed-exitcode", "-w", "n[1-2]", "--file", "/srv/f"), 0, "n[1-2] (2) agree\n", "")
	})
	t.Run("command", func(t *testing.T) {
		r := s.run("fleet", "diff", "-w", "n[1-3],n100", "--connect-timeout", "4s", "--", "cat /srv/f; [ $(hostname) != n2 ]")
		s.want(r, 4, "n2: failed: exit code 1\n", "n100: unreachable")
		s.want(r, 4, "+X\n", "2 of 4 ok: n[1,3]")
	})
	t.Run("JSON", func(t *testing.T) {
		s.want(s.run("fleet", "diff", "--json", "-w", "n[1-3]", "--file", "/srv/f"), 0, `{"count":2,"event":"group","nodes":"n[1-2]","output":"a\nb\nc\n"}`, "")
	})
	t.Run("nodes", func(t *testing.T) {
		r := s.run("fleet", "nodes", "n1", "n100", "--connect-timeout", "4s")
		s.want(r, 4, "n1    reachable", "1 of 2 ok: n1; 1 unreachable: n100")
		s.want(r, 4, "n100  unreachable  -  connect: ", "")
		s.want(s.run("fleet", "nodes", "--json", "-w", "n1"), 0, `"reachable":true`, "")
	})
}
