package lockfile_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/source/lockfile"
)

func TestLock(t *testing.T) {
	a, b := strings.Repeat("a", 40), strings.Repeat("0f", 20)
	l := lockfile.Lock{
		"git::https://example.org/b?ref=v1": {Commit: a, Tree: b},
		"git::/srv/\"odd${x}%{y}\"":         {Commit: b, Tree: a},
	}
	want := "# Made by `apply lock`, which also updates it.\n" +
		"\nmodule \"git::/srv/\\\"odd$${x}%%{y}\\\"\" {\n  commit = \"" + b + "\"\n  tree   = \"" + a + "\"\n}\n" +
		"\nmodule \"git::https://example.org/b?ref=v1\" {\n  commit = \"" + a + "\"\n  tree   = \"" + b + "\"\n}\n"
	if diff := cmp.Diff(want, string(l.Format())); diff != "" {
		t.Error(diff)
	}
	got, err := lockfile.Parse("apply.lock.hcl", l.Format())
	if diff := cmp.Diff(l, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if got, err := lockfile.Parse("x", lockfile.Lock{}.Format()); err != nil || len(got) != 0 {
		t.Error(got, err)
	}
	block := func(lines string) string { return "module \"x\" {\n" + lines + "}\n" }
	commit, tree := "commit = \""+a+"\"\n", "tree = \""+b+"\"\n"
	for text, want := range map[string]string{
		"module x {\n":                          "x.hcl:1: not of the form",
		"\n\nfile \"x\" {\n}\n":                 "x.hcl:3: not of the form",
		block(commit):                           `x.hcl:3: module "x": without commit or tree`,
		block(commit + tree + commit):           "x.hcl:4: commit is there twice",
		block("commit = \"abc\"\n"):             "x.hcl:2: commit: not 40 hexadecimal digits",
		block("commit = " + a + "\n"):           "x.hcl:2: commit: not 40 hexadecimal digits",
		block("colour = \"red\"\n"):             "x.hcl:2: not an attribute of a pin (commit, tree): colour",
		"module \"x\" {\n" + commit + tree:      `x.hcl:3: module "x": its block does not end`,
		block(commit+tree) + block(commit+tree): `x.hcl:5: module "x": pinned twice`,
	} {
		if _, err := lockfile.Parse("x.hcl", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

// FuzzParse: what is read from a lock is what is written from it.
func FuzzParse(f *testing.F) {
	const digits = `"0123456789abcdef0123456789abcdef01234567"`
	f.Add("# comment\n\nmodule \"git::https://example.org/a?ref=v1\" {\n  commit = " + digits + "\n  tree   = " + digits + "\n}\n")
	f.Add("module \"$${x}%%{y}\\u00e9\" {\ncommit=" + digits + "\ntree=" + digits + "\n}")
	f.Add("module \"a\" {\n")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := lockfile.Parse("apply.lock", []byte(text))
		if err != nil {
			return
		}
		again, err := lockfile.Parse("apply.lock", l.Format())
		if err != nil {
			t.Fatalf("%q is written as %q: %v", text, l.Format(), err)
		}
		if diff := cmp.Diff(l, again); diff != "" {
			t.Errorf("-read +read again\n%s", diff)
		}
	})
}
