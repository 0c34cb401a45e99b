package file_test

import (
	"strings"
	"testing"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources/file"
	"github.com/nodeapply/apply/resources/resourcetest"
)

// What flags of chattr forbid is found by the check, wherever it is, before anything is tried.
func TestFlags(t *testing.T) {
	const own = ": operation not permitted: it is immutable (chattr +i); `chattr -i`"
	for name, tc := range map[string]struct {
		file *file.File
		want string // of the error of the check; "": it converges
	}{
		"content":            {made("/dir/x", content("new\n")), "/dir/x" + own},
		"as declared":        {made("/dir/x", content("old\n"), mode("0644")), ""},
		"through a link":     {made("/dir/link", content("new\n"), links("follow")), "/dir/x" + own},
		"the link itself":    {made("/dir/link", content("new\n")), ""},
		"a tree":             {made("/tree", recurse, source("/src")), "x: /tree/x" + own},
		"the mode of a tree": {made("/tree", recurse, mode("0600")), "x: /tree/x" + own},
		"purge":              {made("/tree", purge), "x: /tree/x" + own},
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, "-- dir/x 0644 --\nold\n-- dir/link -> x --\n-- tree/a --\nold\n-- tree/x --\nold\n-- src/a --\nnew\n-- src/x --\nnew\n")
			h.Flag("i", "dir/x", "tree/x")
			if tc.want == "" {
				resourcetest.Converges(t, h, tc.file)
				return
			}
			if _, err := tc.file.Check(t.Context(), h); err == nil || !strings.Contains(err.Error(), tc.want) {
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
		"a tree that is to be made": {made("/new", recurse, source("/src")), ""},
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
