package file_test

import (
	"strings"
	"testing"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources/file"
	"github.com/nodeapply/apply/resources/resourcetest"
)

// What flags of chattr forbid is found by the check, before anything is tried.
func TestFlags(t *testing.T) {
	const trees = "-- free --\nold\n-- dir/x 0644 --\nold\n-- dir/log --\nold\n-- shut/y --\nold\n-- shut/sub/z --\nold\n-- grows/y --\nold\n" +
		"-- tree/a --\nold\n-- tree/x --\nold\n-- src/a --\nnew\n-- src/x --\nnew\n-- dir/link -> x --\n"
	const own, above = "it is immutable (chattr +i); `chattr -i`", "the folder that it is in is immutable (chattr +i); `chattr -i`"
	for name, tc := range map[string]struct {
		file *file.File
		want string // of the error of the check; "": it converges
	}{
		"content":               {made("/dir/x", content("new\n")), own},
		"mode":                  {made("/dir/x", content("old\n"), mode("0600")), own},
		"owner":                 {made("/dir/x", owner("nobody")), own},
		"as declared":           {made("/dir/x", content("old\n"), mode("0644")), ""},
		"replace = false":       {made("/dir/x", content("new\n"), func(f *file.File) { f.Replace = false }), ""},
		"absent":                {made("/dir/x", ensure("absent")), own},
		"a link":                {made("/dir/x", target("y")), own},
		"a folder":              {made("/dir/x", ensure("directory")), own},
		"through a link":        {made("/dir/link", content("new\n"), links("follow")), own},
		"the link itself":       {made("/dir/link", content("new\n")), ""},
		"of a log":              {made("/dir/log", mode("0600")), "it is append-only (chattr +a); `chattr -a`"},
		"mode of a folder":      {made("/shut", mode("0700")), own},
		"new in a folder":       {made("/shut/new", content("new\n")), above},
		"a folder in a folder":  {made("/shut/new", ensure("directory")), above},
		"mode in a folder":      {made("/shut/y", mode("0600")), ""},
		"a target in a folder":  {made("/grows/link", target("y")), ""},
		"absent in a folder":    {made("/shut/sub", ensure("absent"), force), above},
		"new in one that grows": {made("/grows/new", content("new\n")), ""},
		"a folder with all":     {made("/tree", ensure("absent"), force), "/tree/x: operation not permitted: " + own},
		"a tree":                {made("/tree", recurse, source("/src")), "x: /tree/x: operation not permitted: " + own},
		"the mode of a tree":    {made("/tree", recurse, mode("0600")), "x: /tree/x: operation not permitted: " + own},
		"purge":                 {made("/tree", ensure("directory"), purge), "x: /tree/x: operation not permitted: " + own},
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, trees)
			h.Flag("i", "dir/x", "shut", "tree/x")
			h.Flag("a", "dir/log", "grows")
			if tc.want == "" {
				resourcetest.Converges(t, h, tc.file)
				return
			}
			_, err := tc.file.Check(t.Context(), h)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("want an error with %q, got %v", tc.want, err)
			}
			resourcetest.Refuses(t, h, tc.file)
		})
	}
}

// asked counts the names whose flags are asked for.
type asked struct {
	host.Host
	names *[]string
}

func (a asked) Flags(name string) (own, folder host.Flags, err error) {
	*a.names = append(*a.names, name)
	return a.Host.Flags(name)
}

// Flags are asked for when something is to change, and nothing is asked of what stands as declared.
func TestFlagsAreAskedForByNeed(t *testing.T) {
	const tree = "-- x 0644 --\nhello\n-- y 0600 --\nhello\n-- l -> x --\n-- src/a --\nA\n-- src/b --\nB\n-- dir/a --\nA\n-- dir/b --\nold\n"
	for name, tc := range map[string]struct {
		file *file.File
		want string
	}{
		"as declared":               {made("/x", content("hello\n"), mode("0644")), ""},
		"a link":                    {made("/l", target("x")), ""},
		"not there":                 {made("/none", ensure("absent")), ""},
		"another mode":              {made("/y", content("hello\n"), mode("0644")), "/y"},
		"one name of a tree":        {made("/dir", recurse, source("/src")), "/dir/b"},
		"a tree that is as it is":   {made("/dir", recurse, mode("0644")), ""},
		"a tree that is to be made": {made("/new", recurse, source("/src")), "/new"},
	} {
		t.Run(name, func(t *testing.T) {
			var names []string
			if _, err := tc.file.Check(t.Context(), asked{hosttest.New(t, tree), &names}); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(names, " "); got != tc.want {
				t.Errorf("want the flags of %q, got %q", tc.want, got)
			}
		})
	}
}
