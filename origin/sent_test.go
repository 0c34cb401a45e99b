package origin

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/source"
	"github.com/nodeapply/apply/source/lockfile"
)

func set(names []string) map[string]bool {
	out := map[string]bool{}
	for _, n := range names {
		out[n] = true
	}
	return out
}

func TestSent(t *testing.T) {
	seat, node := t.TempDir(), t.TempDir()
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	write(t, seat, "web/main.hcl", "")
	for name, test := range map[string]struct {
		origin    Origin
		dir, file string
		want      Sent
	}{
		"a file": {
			Origin{Name: "web/main.hcl", Source: "/srv/web/main.hcl", Path: seat + "/web/main.hcl", Commit: "c", Dirty: true},
			seat + "/web", "main.hcl", Sent{Name: "web/main.hcl", Source: host + ":/srv/web/main.hcl", Commit: "c", Dirty: true},
		},
		"a folder": {Origin{Name: "web", Source: "/srv/web", Path: seat + "/web"}, seat + "/web", ".", Sent{Name: "web", Source: host + ":/srv/web"}},
		"of a repository": {
			Origin{Name: "git::file:///s//web?ref=v1", Source: "git::file:///s//web", Ref: "v1", Path: seat + "/web", Within: seat},
			seat, "web", Sent{Name: "git::file:///s//web?ref=v1", Source: "git::file:///s//web", Ref: "v1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, file, sent, err := test.origin.Sending()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]any{test.dir, test.file, test.want}, []any{dir, file, sent}); diff != "" {
				t.Error(diff)
			}
		})
	}
	write(t, node, "sent.json", `{"name":"web","source":"seat:/srv/web","ref":"v1","commit":"c","dirty":true,"vars":["a=1"]}`, "m/main.hcl", "", "bad.json", "{")
	c, _ := opened(t, t.TempDir(), Options{})
	got, err := c.Sent(node+"/m", node+"/sent.json")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Origin{Name: "web", Source: "seat:/srv/web", Ref: "v1", Commit: "c", Dirty: true, Vars: []string{"a=1"}, Path: node + "/m"}, got); diff != "" {
		t.Error(diff)
	}
	if _, err := c.Sent(node+"/m", node+"/bad.json"); err == nil || !strings.Contains(err.Error(), "bad.json") {
		t.Errorf("a damaged file: %v", err)
	}
}

func TestSum(t *testing.T) {
	dir := write(t, t.TempDir(), "main.hcl", "a", "more.hcl.json", "{}", lockfile.Name, "# lock", "other.txt", "x")
	sum := func(path string) string {
		t.Helper()
		s, err := Sum(source.Source{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	before := sum(dir)
	for name, counts := range map[string]bool{"main.hcl": true, "more.hcl.json": true, lockfile.Name: true, "other.txt": false} {
		old, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, name, "changed")
		if got := sum(dir) != before; got != counts {
			t.Errorf("%s: another sum is %t, want %t", name, got, counts)
		}
		write(t, dir, name, string(old))
	}
	if sum(dir+"/main.hcl") == before {
		t.Error("one file of a folder has the sum of them all")
	}
	if s, err := Sum(source.Source{URL: "file:///s", Ref: "c0ffee"}); s != "c0ffee" || err != nil {
		t.Errorf("a commit: %s, %v", s, err)
	}
}
