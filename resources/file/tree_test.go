package file_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/file"
	"github.com/nodeapply/apply/resources/resourcetest"
)

func limit(n int) func(*file.File)        { return func(f *file.File) { f.RecurseLimit = &n } }
func ignore(p ...string) func(*file.File) { return func(f *file.File) { f.Ignore = p } }
func managed(names ...string) func(*file.File) {
	return func(f *file.File) { f.Survey(func() resources.Declared { return resources.Declared{Paths: names} }) }
}
func links(l string) func(*file.File) { return func(f *file.File) { f.Links = l } }

func TestTree(t *testing.T) {
	const src = "-- src/a --\nA\n-- src/sub/b --\nB\n-- src/sub/deep/c --\nC\n"
	tests := map[string]struct {
		tree  string
		file  *file.File
		want  string // what is in /dir/x afterwards
		notes []string
	}{
		"a copy": {
			src, made("/dir/x", recurse, source("/src")),
			"x/ 0755, x/a 0644 A, x/sub/ 0755, x/sub/b 0644 B, x/sub/deep/ 0755, x/sub/deep/c 0644 C", nil,
		},
		"what is not in the source stays": {
			src + "-- dir/x/mine --\nM\n-- dir/x/sub/own/z --\nZ\n", made("/dir/x", recurse, limit(1), source("/src")),
			"x/ 0755, x/a 0644 A, x/mine 0644 M, x/sub/ 0755, x/sub/own/ 0755, x/sub/own/z 0644 Z", nil,
		},
		"recurselimit": {
			src, made("/dir/x", recurse, limit(2), source("/src")), "x/ 0755, x/a 0644 A, x/sub/ 0755, x/sub/b 0644 B, x/sub/deep/ 0755", nil,
		},
		"recurselimit holds for what is not in the source": {
			"-- dir/x/a 0600 --\n-- dir/x/sub/b 0600 --\n", made("/dir/x", recurse, limit(1), mode("0644")), "x/ 0755, x/a 0644, x/sub/ 0755, x/sub/b 0600", nil,
		},
		"and for what is purged": {
			src + "-- dir/x/sub/deep/own --\nO\n-- dir/x/sub/own --\nO\n", made("/dir/x", purge, force, limit(2), source("/src")), "x/ 0755, x/a 0644 A, x/sub/ 0755, x/sub/b 0644 B, x/sub/deep/ 0755, x/sub/deep/own 0644 O", nil,
		},
		"wild names are purged": {
			`-- "dir/x/a\nb" --` + "\n" + `-- "dir/x/\xff" --` + "\n-- dir/x/" + strings.Repeat("n", 255) + " --\n", made("/dir/x", purge), "x/ 0755", nil,
		},
		"recurselimit = 0": {src, made("/dir/x", recurse, limit(0), source("/src")), "x/ 0755", nil},
		"modes of folders can be searched": {
			src, made("/dir/x", recurse, limit(2), mode("0640"), source("/src")), "x/ 0750, x/a 0640 A, x/sub/ 0750, x/sub/b 0640 B, x/sub/deep/ 0750", nil,
		},
		"only the mode": {
			"-- dir/x/a 0600 --\nA\n-- dir/x/sub/ 0700 --\n-- dir/x/sub/l -> a --\n", made("/dir/x", recurse, mode("a=rX,u+w")),
			"x/ 0755, x/a 0644 A, x/sub/ 0755, x/sub/l -> a", nil,
		},
		"nothing is made where nothing is":            {"", made("/dir/x", recurse, mode("0644")), "", nil},
		"a file is not made a folder":                 {"-- dir/x 0600 --\nA\n", made("/dir/x", recurse, mode("0644")), "x 0644 A", nil},
		"nor by purge":                                {"-- dir/x 0600 --\nA\n", made("/dir/x", purge, force, ensure("present")), "x 0600 A", nil},
		"nor is a link, and its folder is left alone": {"-- dir/x -> ../y --\n-- y/a 0600 --\n", made("/dir/x", purge, mode("0644")), "x -> ../y", nil},
		"but by a source":                             {src + "-- dir/x --\n", made("/dir/x", recurse, limit(1), source("/src")), "x/ 0755, x/a 0644 A, x/sub/ 0755", nil},
		"ignored names are neither copied nor purged": {
			src + "-- dir/x/keep.bak --\nK\n-- dir/x/gone --\nG\n", made("/dir/x", purge, ignore("*.bak", "sub"), source("/src")),
			"x/ 0755, x/a 0644 A, x/keep.bak 0644 K", nil,
		},
		"purge without force keeps folders": {
			"-- dir/x/gone --\nG\n-- dir/x/sub/kept --\nK\n", made("/dir/x", purge),
			"x/ 0755, x/sub/ 0755, x/sub/kept 0644 K", []string{"/dir/x/sub: not managed, kept with all that is in it: purging directories needs force"},
		},
		"purge with force": {"-- dir/x/gone --\nG\n-- dir/x/sub/gone --\nG\n-- dir/x/l -> /etc --\n", made("/dir/x", purge, force), "x/ 0755", nil},
		"purge goes into folders of the source": {
			src + "-- dir/x/sub/gone --\nG\n", made("/dir/x", purge, source("/src"), limit(2)), "x/ 0755, x/a 0644 A, x/sub/ 0755, x/sub/b 0644 B, x/sub/deep/ 0755", nil,
		},
		"purge spares what others manage": {
			"-- dir/x/gone --\nG\n-- dir/x/theirs --\nT\n-- dir/x/sub/gone --\nG\n-- dir/x/sub/theirs --\nT\n-- dir/x/sub-gone/z --\nZ\n",
			made("/dir/x", purge, force, managed("/dir/x", "/dir/x/sub/theirs", "/dir/x/theirs")),
			"x/ 0755, x/sub/ 0755, x/sub/theirs 0644 T, x/theirs 0644 T", nil,
		},
		"a folder kept for what others manage in it has the mode too": {
			"-- dir/x/gone --\n-- dir/x/sub/deep/theirs 0600 --\nT\n", made("/dir/x", purge, force, mode("0640"), managed("/dir/x", "/dir/x/sub/deep/theirs")),
			"x/ 0750, x/sub/ 0750, x/sub/deep/ 0750, x/sub/deep/theirs 0600 T", nil,
		},
		"what others manage is not copied over": {
			src + "-- dir/x/a --\ntheirs\n", made("/dir/x", recurse, limit(1), source("/src"), managed("/dir/x/a")), "x/ 0755, x/a 0644 theirs, x/sub/ 0755", nil,
		},
		"purge spares its own backups": {
			src + "-- dir/x/a --\nold\n", made("/dir/x", purge, limit(1), source("/src"), func(f *file.File) { f.Backup = ".old" }),
			"x/ 0755, x/a 0644 A, x/a.old 0644 old, x/sub/ 0755", nil,
		},
		"links are copied as links": {"-- src/l -> /etc/passwd --\n", made("/dir/x", recurse, source("/src")), "x/ 0755, x/l -> /etc/passwd", nil},
		"links of the source are followed": {
			"-- src/l -> ../other --\n-- other/f --\nF\n", made("/dir/x", recurse, source("/src"), links("follow")), "x/ 0755, x/l/ 0755, x/l/f 0644 F", nil,
		},
		"a link to nothing is not copied": {"-- src/l -> nowhere --\n", made("/dir/x", recurse, source("/src"), links("follow")), "x/ 0755", []string{"/src/l, a link to /src/nowhere: absent, not copied"}},
		"pipes are not copied":            {"-- src/p| --\n", made("/dir/x", recurse, source("/src")), "x/ 0755", []string{"/src/p: fifo, not copied"}},
		"a file where the source has a folder": {
			src + "-- dir/x/sub --\nfile\n", made("/dir/x", recurse, limit(2), source("/src")), "x/ 0755, x/a 0644 A, x/sub/ 0755, x/sub/b 0644 B, x/sub/deep/ 0755", nil,
		},
		"a link planted where the source has a folder is not followed": {
			src + "-- dir/x/sub -> /etc --\n-- etc/b --\nkeep\n", made("/dir/x", recurse, limit(2), source("/src")),
			"x/ 0755, x/a 0644 A, x/sub/ 0755, x/sub/b 0644 B, x/sub/deep/ 0755", nil,
		},
		"names with newlines and of 250 bytes": {
			`-- "src/a\nb" --` + "\nN\n-- src/" + strings.Repeat("n", 250) + " --\nL\n", made("/dir/x", recurse, source("/src")),
			"x/ 0755, \"x/a\\nb\" 0644 N, x/" + strings.Repeat("n", 250) + " 0644 L", nil,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, "-- dir/ --\n"+test.tree)
			before := outside(h.Snapshot())
			o := resourcetest.Converges(t, h, test.file)
			if diff := cmp.Diff(test.want, inside(h.Snapshot())); diff != "" {
				t.Errorf("the folder (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, outside(h.Snapshot())); diff != "" {
				t.Errorf("outside of the folder (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.notes, o.Diff.Notes); diff != "" {
				t.Errorf("notes (-want +got):\n%s", diff)
			}
		})
	}
}

// What a block that only the run tells may declare is nobody's to touch; a copy goes on. A plan says what will have told it.
func TestNotAllIsKnown(t *testing.T) {
	const tree = "-- dir/x/gone --\nG\n-- dir/x/late --\nL\n-- dir/x/sub/z --\nZ\n"
	const note = "/dir/x/gone, and what else nobody is known to manage, is left as it is: it is not known what file.late declares"
	unknown := resources.Declared{Unknown: "file.late"}
	for name, tc := range map[string]struct {
		tree     string
		file     *file.File
		declared resources.Declared
		want     string // what is in /dir/x afterwards
		notes    []string
	}{
		"known":                {tree, made("/dir/x", purge, force), resources.Declared{Paths: []string{"/dir/x"}, Late: []string{"/dir/x/late", "/dir/x/sub/z"}}, "x/ 0755, x/late 0644 L, x/sub/ 0755, x/sub/z 0644 Z", nil},
		"purge":                {tree, made("/dir/x", purge, force), unknown, "x/ 0755, x/gone 0644 G, x/late 0644 L, x/sub/ 0755, x/sub/z 0644 Z", []string{note}},
		"mode":                 {tree, made("/dir/x", recurse, mode("0600")), unknown, "x/ 0700, x/gone 0644 G, x/late 0644 L, x/sub/ 0755, x/sub/z 0644 Z", []string{note}},
		"purge beside a copy":  {tree + "-- src/a --\nA\n", made("/dir/x", purge, source("/src")), unknown, "x/ 0755, x/a 0644 A, x/gone 0644 G, x/late 0644 L, x/sub/ 0755, x/sub/z 0644 Z", []string{note}},
		"a copy":               {tree + "-- src/a --\nA\n", made("/dir/x", recurse, source("/src")), unknown, "x/ 0755, x/a 0644 A, x/gone 0644 G, x/late 0644 L, x/sub/ 0755, x/sub/z 0644 Z", nil},
		"nothing is in there":  {"-- dir/x/ --\n", made("/dir/x", purge), unknown, "x/ 0755", nil},
		"what is known of all": {"-- dir/x/a --\nA\n", made("/dir/x", purge), resources.Declared{Paths: []string{"/dir/x/a"}, Unknown: "file.late"}, "x/ 0755, x/a 0644 A", nil},
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, "-- dir/ --\n"+tc.tree)
			tc.file.Survey(func() resources.Declared { return tc.declared })
			o := resourcetest.Converges(t, h, tc.file)
			if diff := cmp.Diff(tc.want, inside(h.Snapshot())); diff != "" {
				t.Errorf("the folder (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.notes, o.Diff.Notes); diff != "" {
				t.Errorf("notes (-want +got):\n%s", diff)
			}
		})
	}
	h := hosttest.New(t, tree)
	f := made("/dir/x", purge)
	f.Survey(func() resources.Declared { return resources.Declared{Unknown: "file.late", After: "exec.names"} })
	want := resources.Diff{Changes: []resources.Change{{Attr: "purge", From: "gone and 2 more", To: "(known after exec.names)", Late: true}}}
	if diff := cmp.Diff(want, resourcetest.Check(t, h, f)); diff != "" {
		t.Errorf("planned (-want +got):\n%s", diff)
	}
}

// inside is what a snapshot has in /dir/x, on one line.
func inside(snapshot string) string {
	var all []string
	for entry := range strings.SplitSeq("\n"+snapshot, "\n-- ") {
		line, content, _ := strings.Cut(entry, " --")
		quoted := strings.HasPrefix(line, `"dir/`)
		if !quoted && !strings.HasPrefix(line, "dir/x") {
			continue
		}
		line = strings.Replace(strings.TrimSuffix(line, " root:root"), "dir/", "", 1)
		all = append(all, strings.TrimSpace(line+" "+strings.TrimSpace(content)))
	}
	return strings.Join(all, ", ")
}

// outside is what a snapshot has elsewhere.
func outside(snapshot string) string {
	var all []string
	for entry := range strings.SplitSeq("\n"+snapshot, "\n-- ") {
		if !strings.HasPrefix(entry, "dir/x") && !strings.HasPrefix(entry, `"dir/x`) {
			all = append(all, entry)
		}
	}
	return strings.Join(all, "\n")
}

func TestTreeRefuses(t *testing.T) {
	tests := map[string]struct {
		tree string
		file *file.File
		want string
	}{
		"links that lead in a circle": {"-- src/sub/l -> /src --\n", made("/dir/x", recurse, source("/src"), links("follow")), "in a circle"},
		"a folder where the source has a file": {
			"-- src/a --\nA\n-- dir/x/a/b --\n", made("/dir/x", recurse, source("/src")), "a: force: ",
		},
		"purging the system's folders": {"-- usr/lib/x --\n-- usr/local/ --\n", made("/usr", purge, force), "never removed"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, "-- dir/ --\n"+test.tree)
			if err := resourcetest.Refuses(t, h, test.file); !strings.Contains(err.Error(), test.want) {
				t.Errorf("want an error with %q, got %q", test.want, err)
			}
		})
	}
}

// A mount point is kept, whatever is declared in its place, and so is a folder with one below it.
func TestMountPointIsNeverRemoved(t *testing.T) {
	for point, name := range map[string]string{"/dir/x": "/dir/x", "/dir/x/sub": "/dir/x"} {
		h := hosttest.New(t, "-- dir/x/sub/y --\nz\n")
		h.Mount(host.Mount{ID: 30, Parent: 1, Point: point, Root: "/", FSType: "tmpfs", Source: "tmpfs"})
		if err := resourcetest.Refuses(t, h, made(name, ensure("absent"), force)); !strings.Contains(err.Error(), point+" is a mount point") {
			t.Errorf("%s: %v", point, err)
		}
	}
}
