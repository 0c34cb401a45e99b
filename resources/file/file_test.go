package file_test

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/file"
	"github.com/nodeapply/apply/resources/file/internal/backup"
	"github.com/nodeapply/apply/resources/file/internal/perm"
	"github.com/nodeapply/apply/resources/resourcetest"
)

// made returns a file of the type's defaults, with what set does to it.
func made(name string, set ...func(*file.File)) *file.File {
	f := file.Type().New(name).(*file.File)
	for _, s := range set {
		s(f)
	}
	return f
}

func content(s string) func(*file.File) { return func(f *file.File) { f.Content = &s } }
func ensure(s string) func(*file.File)  { return func(f *file.File) { f.Ensure = s } }
func mode(m perm.Mode) func(*file.File) { return func(f *file.File) { f.Mode = m } }
func owner(o resources.Scalar) func(*file.File) {
	return func(f *file.File) { f.Owner, f.Group = o, o }
}
func target(s string) func(*file.File)    { return func(f *file.File) { f.Target = s } }
func source(s ...string) func(*file.File) { return func(f *file.File) { f.Source = s } }
func force(f *file.File)                  { f.Force = true }
func recurse(f *file.File)                { f.Recurse = true }
func purge(f *file.File)                  { f.Recurse, f.Purge = true, true }

// noOwners is why a test needs root.
const noOwners = "only root can give files away"

// source tree that the declared states copy from.
const sources = `
-- src/a.conf 0600 --
alpha
-- src/sub/b.conf --
beta
-- src/link -> a.conf --
-- dir/ --
`

// actual are the states that /dir/x starts from.
var actual = map[string]string{
	"nothing":             "",
	"same":                "-- dir/x 0644 --\nhello\n",
	"other":               "-- dir/x 0644 --\nsomething else\n",
	"other of equal size": "-- dir/x 0644 --\nhellO\n",
	"empty":               "-- dir/x 0644 --\n",
	"wrong mode":          "-- dir/x 0600 --\nhello\n",
	"wrong owner":         "-- dir/x 0644 nobody:nobody --\nhello\n",
	"read-only":           "-- dir/x 0400 --\nhello\n",
	"via link":            "-- dir/x -> y --\n-- dir/y 0644 --\nhello\n",
	"dangling link":       "-- dir/x -> nowhere --\n",
	"same link":           "-- dir/x -> /etc/target --\n",
	"empty folder":        "-- dir/x/ --\n",
	"folder":              "-- dir/x/a.conf --\nalpha\n-- dir/x/old --\nold\n-- dir/x/sub/ --\n",
	"deep folder":         "-- dir/x/unmanaged/deep/file --\nz\n-- dir/x/sub -> /etc --\n",
	"fifo":                "-- dir/x| 0600 --\n",
}

func TestConverges(t *testing.T) {
	declared := map[string][]func(*file.File){
		"absent":            {ensure("absent"), force},
		"empty":             {ensure("file"), force},
		"empty content":     {content(""), force},
		"contents":          {content("hello\n"), force},
		"present":           {ensure("present")},
		"executable":        {content("hello\n"), mode("0755"), force},
		"symbolic":          {content("hello\n"), mode("u+x,go="), force},
		"owned":             {content("hello\n"), owner("nobody"), force},
		"setuid and owned":  {content("hello\n"), mode("4755"), owner("nobody"), force},
		"only mode":         {mode("0640")},
		"only owner":        {owner("65534")},
		"folder":            {ensure("directory"), force},
		"folder with mode":  {ensure("directory"), mode("0640"), owner("nobody"), force},
		"link":              {target("/etc/target"), force},
		"owned link":        {target("/etc/target"), owner("nobody"), mode("0600"), force},
		"from source":       {source("/none", "/src/a.conf"), force},
		"recurse":           {recurse, source("/src"), force},
		"recurse with mode": {ensure("directory"), recurse, mode("0640"), owner("nobody"), force},
		"recurse, any kind": {recurse, mode("0640"), owner("nobody"), force},
		"purge":             {purge, source("/src"), force},
		"purge everything":  {ensure("directory"), purge, force},
		"purge, any kind":   {ensure("present"), purge, force},
	}
	for dname, set := range declared {
		for aname, tree := range actual {
			t.Run(dname+" from "+aname, func(t *testing.T) {
				t.Parallel()
				h := hosttest.New(t, sources+tree)
				f := made("/dir/x", set...)
				resourcetest.Converges(t, h, f)
				asDeclared(t, h, f)
				if diff := cmp.Diff(resources.Diff{}, resourcetest.Check(t, h, made("/dir/x", set...)), cmp.FilterPath(notes, cmp.Ignore())); diff != "" {
					t.Errorf("a second run finds (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// asDeclared looks at the node itself, past the type's own check.
func asDeclared(t *testing.T, h *hosttest.Host, f *file.File) {
	t.Helper()
	st, err := h.Lstat("/dir/x")
	if err != nil {
		t.Fatal(err)
	}
	want := st
	switch {
	case f.Target != "":
		want.Kind = host.Symlink
		if got, err := h.Readlink("/dir/x"); got != f.Target {
			t.Errorf("the link's target is %q, %v", got, err)
		}
	case f.Content != nil || f.Ensure == "file" || len(f.Source) > 0 && !f.Recurse:
		want.Kind = host.Regular
	case f.Recurse && len(f.Source) > 0 || f.Ensure == "directory":
		want.Kind = host.Directory
	case f.Ensure == "absent":
		want.Kind = host.Absent
	}
	if f.Content != nil && h.Content("/dir/x") != *f.Content {
		t.Errorf("the content is %q", h.Content("/dir/x"))
	}
	there := st.Kind != host.Absent
	if f.Owner != "" && there && os.Geteuid() == 0 {
		want.UID, want.GID = 65534, 65534
	}
	if bits, err := strconv.ParseUint(string(f.Mode), 8, 32); err == nil && there && st.Kind != host.Symlink {
		want.Mode = uint32(bits)
		if st.Kind == host.Directory {
			want.Mode |= want.Mode & 0o444 >> 2
		}
	}
	if diff := cmp.Diff(want, st); diff != "" {
		t.Errorf("not as declared (-want +got):\n%s", diff)
	}
}

func notes(p cmp.Path) bool { return p.Last().String() == ".Notes" }

func TestResult(t *testing.T) {
	tests := map[string]struct {
		tree string
		file *file.File
		want string // what the tree is afterwards
		ops  string
	}{
		"new file": {
			file: made("/dir/x", content("hello\n")),
			want: "-- dir/ 0755 root:root --\n-- dir/x 0644 root:root --\nhello\n", ops: "write",
		},
		"mode alone is a chmod alone": {
			tree: "-- dir/x 0600 --\nhello\n", file: made("/dir/x", content("hello\n"), mode("0644")),
			want: "-- dir/ 0755 root:root --\n-- dir/x 0644 root:root --\nhello\n", ops: "meta",
		},
		"content keeps an unmanaged mode": {
			tree: "-- dir/x 0750 --\nold\n", file: made("/dir/x", content("hello\n")),
			want: "-- dir/ 0755 root:root --\n-- dir/x 0750 root:root --\nhello\n", ops: "write",
		},
		"only mode and nothing there": {
			file: made("/dir/x", mode("0600")), want: "-- dir/ 0755 root:root --\n",
		},
		"a mode that lets read a folder lets search it": {
			file: made("/dir/x", ensure("directory"), mode("0640")),
			want: "-- dir/ 0755 root:root --\n-- dir/x/ 0750 root:root --\n", ops: "mkdir",
		},
		"a link is replaced and not written through": {
			tree: "-- dir/x -> y --\n-- dir/y --\nkeep\n", file: made("/dir/x", content("hello\n")),
			want: "-- dir/ 0755 root:root --\n-- dir/x 0644 root:root --\nhello\n-- dir/y 0644 root:root --\nkeep\n", ops: "write",
		},
		"links = follow writes through to the target": {
			tree: "-- dir/x -> ../dir/y --\n-- dir/y 0600 --\nold\n",
			file: made("/dir/x", content("hello\n"), func(f *file.File) { f.Links = "follow" }),
			want: "-- dir/ 0755 root:root --\n-- dir/x -> ../dir/y root:root --\n-- dir/y 0600 root:root --\nhello\n", ops: "write",
		},
		"links = follow with nothing at the end": {
			tree: "-- dir/x -> y --\n", file: made("/dir/x", content("hello\n"), func(f *file.File) { f.Links = "follow" }),
			want: "-- dir/ 0755 root:root --\n-- dir/x -> y root:root --\n-- dir/y 0644 root:root --\nhello\n", ops: "write",
		},
		"replace = false keeps what is there": {
			tree: "-- dir/x 0600 --\nmine\n", file: made("/dir/x", content("hello\n"), mode("0644"), func(f *file.File) { f.Replace = false }),
			want: "-- dir/ 0755 root:root --\n-- dir/x 0644 root:root --\nmine\n", ops: "meta",
		},
		"replace = false makes what is not": {
			file: made("/dir/x", content("hello\n"), func(f *file.File) { f.Replace = false }),
			want: "-- dir/ 0755 root:root --\n-- dir/x 0644 root:root --\nhello\n", ops: "write",
		},
		"replace = false keeps a link's target": {
			tree: "-- dir/x -> mine --\n", file: made("/dir/x", target("other"), func(f *file.File) { f.Replace = false }),
			want: "-- dir/ 0755 root:root --\n-- dir/x -> mine root:root --\n",
		},
		"replace = false keeps a thing of another kind": {
			tree: "-- dir/x -> mine --\n", file: made("/dir/x", content("hello\n"), func(f *file.File) { f.Replace = false }),
			want: "-- dir/ 0755 root:root --\n-- dir/x -> mine root:root --\n",
		},
		"backup beside the file": {
			tree: "-- dir/x 0640 nobody:root --\nold\n", file: made("/dir/x", content("new\n"), func(f *file.File) { f.Backup = ".bak" }),
			want: "-- dir/ 0755 root:root --\n-- dir/x 0640 nobody:root --\nnew\n-- dir/x.bak 0640 nobody:root --\nold\n", ops: "write write",
		},
		"backup of what is removed": {
			tree: "-- dir/x --\nold\n", file: made("/dir/x", ensure("absent"), func(f *file.File) { f.Backup = ".bak" }),
			want: "-- dir/ 0755 root:root --\n-- dir/x.bak 0644 root:root --\nold\n", ops: "write remove",
		},
		"a link keeps its owner with another target": {
			tree: "-- dir/x -> a nobody:daemon --\n", file: made("/dir/x", target("b")),
			want: "-- dir/ 0755 root:root --\n-- dir/x -> b nobody:daemon --\n", ops: "symlink meta",
		},
		"a new link": {
			file: made("/dir/x", target("../etc")), want: "-- dir/ 0755 root:root --\n-- dir/x -> ../etc root:root --\n", ops: "symlink",
		},
		"a folder with force becomes a link": {
			tree: "-- dir/x/y --\nz\n", file: made("/dir/x", target("../etc"), force),
			want: "-- dir/ 0755 root:root --\n-- dir/x -> ../etc root:root --\n", ops: "remove",
		},
		"an empty folder is removed without force": {
			tree: "-- dir/x/ --\n", file: made("/dir/x", ensure("absent")), want: "-- dir/ 0755 root:root --\n", ops: "remove",
		},
		"setuid survives a change of owner": {
			tree: "-- dir/x 4755 --\nx\n", file: made("/dir/x", owner("nobody")),
			want: "-- dir/ 0755 root:root --\n-- dir/x 4755 nobody:nobody --\nx\n", ops: "meta",
		},
		"a symbolic mode changes what is there": {
			tree: "-- dir/x 0604 --\nx\n", file: made("/dir/x", mode("g+r,o-r,u+x")),
			want: "-- dir/ 0755 root:root --\n-- dir/x 0740 root:root --\nx\n", ops: "meta",
		},
		"exact bytes": {
			file: made("/dir/x", func(f *file.File) { s := "Y2FmZcyBCg=="; f.ContentBase64 = &s }), // e and a combining accent
			want: "-- dir/ 0755 root:root --\n-- dir/x 0644 root:root --\ncafe\u0301\n", ops: "write",
		},
		"a stated directory wins over a source that is a file": {
			tree: "-- s --\nx\n", file: made("/dir/x", ensure("directory"), source("/s")),
			want: "-- dir/ 0755 root:root --\n-- dir/x/ 0755 root:root --\n-- s 0644 root:root --\nx\n", ops: "mkdir",
		},
		"a directory with a source and no recurse is only made": {
			tree: "-- s/a --\nx\n", file: made("/dir/x", ensure("directory"), source("/s")),
			want: "-- dir/ 0755 root:root --\n-- dir/x/ 0755 root:root --\n-- s/ 0755 root:root --\n-- s/a 0644 root:root --\nx\n", ops: "mkdir",
		},
		"an owner of a link is the link's own": {
			tree: "-- dir/x -> y --\n-- dir/y --\nkeep\n", file: made("/dir/x", owner("nobody")),
			want: "-- dir/ 0755 root:root --\n-- dir/x -> y nobody:nobody --\n-- dir/y 0644 root:root --\nkeep\n", ops: "meta",
		},
		"an owner of what a link points to": {
			tree: "-- dir/x -> y --\n-- dir/y --\nkeep\n", file: made("/dir/x", owner("nobody"), links("follow")),
			want: "-- dir/ 0755 root:root --\n-- dir/x -> y root:root --\n-- dir/y 0644 nobody:nobody --\nkeep\n", ops: "meta",
		},
		"a link has no mode": {
			tree: "-- dir/x -> y --\n-- dir/y --\nkeep\n", file: made("/dir/x", mode("0600")),
			want: "-- dir/ 0755 root:root --\n-- dir/x -> y root:root --\n-- dir/y 0644 root:root --\nkeep\n",
		},
		"a mode of what a link points to": {
			tree: "-- dir/x -> y --\n-- dir/y --\nkeep\n", file: made("/dir/x", mode("0600"), links("follow")),
			want: "-- dir/ 0755 root:root --\n-- dir/x -> y root:root --\n-- dir/y 0600 root:root --\nkeep\n", ops: "meta",
		},
		"only an owner and nothing there": {
			file: made("/dir/x", owner("nobody")), want: "-- dir/ 0755 root:root --\n",
		},
		"only a group and nothing there": {
			file: made("/dir/x", group("daemon")), want: "-- dir/ 0755 root:root --\n",
		},
		"a group alone": {
			tree: "-- dir/x 2755 root:root --\nx\n", file: made("/dir/x", group("nobody")),
			want: "-- dir/ 0755 root:root --\n-- dir/x 2755 root:nobody --\nx\n", ops: "meta",
		},
		"setuid that is another user's own": {
			tree: "-- dir/x 6755 daemon:daemon --\nx\n", file: made("/dir/x", user("nobody"), group("root")),
			want: "-- dir/ 0755 root:root --\n-- dir/x 0755 nobody:root --\nx\n", ops: "meta",
		},
		"setuid that is another user's own, and declared": {
			tree: "-- dir/x 4755 daemon:root --\nx\n", file: made("/dir/x", user("nobody"), mode("4755")),
			want: "-- dir/ 0755 root:root --\n-- dir/x 4755 nobody:root --\nx\n", ops: "meta",
		},
		"content of a setuid file, and its owner": {
			tree: "-- dir/x 4755 --\nold\n", file: made("/dir/x", content("new\n"), owner("nobody")),
			want: "-- dir/ 0755 root:root --\n-- dir/x 4755 nobody:nobody --\nnew\n", ops: "write",
		},
		"an empty file where something is to be present": {
			file: made("/dir/x", ensure("present")), want: "-- dir/ 0755 root:root --\n-- dir/x 0644 root:root --\n", ops: "write",
		},
		"the first source that exists": {
			tree: "-- s --\nfirst\n-- t --\nsecond\n", file: made("/dir/x", source("/none", "/s", "/t")),
			want: "-- dir/ 0755 root:root --\n-- dir/x 0644 root:root --\nfirst\n-- s 0644 root:root --\nfirst\n-- t 0644 root:root --\nsecond\n", ops: "write",
		},
		"a source where nothing is to be": {
			tree: "-- dir/x --\nx\n-- s --\ny\n", file: made("/dir/x", ensure("absent"), source("/s")),
			want: "-- dir/ 0755 root:root --\n-- s 0644 root:root --\ny\n", ops: "remove",
		},
		"no copy of the earlier content": {
			tree: "-- dir/x --\nold\n", file: made("/dir/x", content("new\n"), func(f *file.File) { f.Backup = backup.None }),
			want: "-- dir/ 0755 root:root --\n-- dir/x 0644 root:root --\nnew\n", ops: "write",
		},
		"a name of 255 bytes": {
			tree: "-- dir/" + strings.Repeat("n", 255) + " 0600 --\nold\n", file: made("/dir/"+strings.Repeat("n", 255), content("new\n"), mode("0644")),
			want: "-- dir/ 0755 root:root --\n-- dir/" + strings.Repeat("n", 255) + " 0644 root:root --\nnew\n", ops: "write",
		},
		"a name with newlines and its copy": {
			tree: `-- "dir/a\nb\xff" --` + "\nold\n", file: made("/dir/a\nb\xff", content("new\n"), func(f *file.File) { f.Backup = ".bak" }),
			want: "-- dir/ 0755 root:root --\n" + `-- "dir/a\nb\xff" 0644 root:root --` + "\nnew\n" + `-- "dir/a\nb\xff.bak" 0644 root:root --` + "\nold\n", ops: "write write",
		},
		"a name with newlines is removed": {
			tree: `-- "dir/a\nb" --` + "\nold\n", file: made("/dir/a\nb", ensure("absent")), want: "-- dir/ 0755 root:root --\n", ops: "remove",
		},
		"a source behind a link": {
			tree: "-- s --\nx\n-- l -> s --\n", file: made("/dir/x", source("/l")),
			want: "-- dir/ 0755 root:root --\n-- dir/x 0644 root:root --\nx\n-- l -> s root:root --\n-- s 0644 root:root --\nx\n", ops: "write",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if strings.Contains(test.tree+test.want, "nobody") {
				resourcetest.NeedsRoot(t, noOwners)
			}
			h := hosttest.New(t, "-- dir/ --\n"+test.tree)
			o := resourcetest.Converges(t, h, test.file)
			if diff := cmp.Diff(test.want, h.Snapshot()); diff != "" {
				t.Errorf("the tree (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.ops, joined(o.Kinds())); diff != "" {
				t.Errorf("what was done (-want +got):\n%s", diff)
			}
		})
	}
}

func joined(kinds []host.OpKind) string {
	words := make([]string, len(kinds))
	for i, k := range kinds {
		words[i] = string(k)
	}
	return strings.Join(words, " ")
}
