package flags

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
)

// What a change is refused for is what it fails for when it is tried: the host's own tests say that.
func TestChangeable(t *testing.T) {
	h := hosttest.New(t, "-- d/a --\n-- d/free --\n-- log --\n-- shut/b --\n-- grows/c --\n-- full/sub/a --\n-- full/sub/z --\n-- full/l -> /d/a --\n-- links/l -> /d/a --\n-- tmp/ 1777 --\n-- tmp/l -> /d/a --\n")
	h.Flag("i", "d/a", "shut", "full/sub/z")
	h.Flag("a", "log", "grows")
	const (
		no    = ": operation not permitted: "
		plus  = "immutable (chattr +i); `chattr -i` takes that off"
		grows = "append-only (chattr +a); `chattr -a` takes that off"
		above = "the folder that it is in is "
	)
	for name, tc := range map[string]struct {
		op   host.Op
		want string
	}{
		"a free file":            {host.Op{Kind: host.OpWrite, Name: "/d/free"}, ""},
		"a new file":             {host.Op{Kind: host.OpWrite, Name: "/d/new", Absent: true}, ""},
		"in no folder":           {host.Op{Kind: host.OpWrite, Name: "/none/new", Absent: true}, ""},
		"content":                {host.Op{Kind: host.OpWrite, Name: "/d/a"}, "/d/a" + no + "it is " + plus + "; old content kept"},
		"a link in its place":    {host.Op{Kind: host.OpSymlink, Name: "/d/a"}, "/d/a" + no + "it is " + plus + "; old content kept"},
		"mode":                   {host.Op{Kind: host.OpMeta, Name: "/d/a"}, "/d/a" + no + "it is " + plus},
		"mode of a folder":       {host.Op{Kind: host.OpMeta, Name: "/shut"}, "/shut" + no + "it is " + plus},
		"removal":                {host.Op{Kind: host.OpRemove, Name: "/log"}, "/log" + no + "it is " + grows + "; nothing removed"},
		"more of a log":          {host.Op{Kind: host.OpWrite, Name: "/log"}, "/log" + no + "it is " + grows + "; old content kept"},
		"new in a shut folder":   {host.Op{Kind: host.OpWrite, Name: "/shut/new", Absent: true}, "/shut/new" + no + above + plus},
		"content in one":         {host.Op{Kind: host.OpWrite, Name: "/shut/b"}, "/shut/b" + no + above + plus + "; old content kept"},
		"mode in one":            {host.Op{Kind: host.OpMeta, Name: "/shut/b"}, ""},
		"new in one that grows":  {host.Op{Kind: host.OpWrite, Name: "/grows/new", Absent: true}, ""},
		"a link in one":          {host.Op{Kind: host.OpSymlink, Name: "/grows/new", Absent: true}, ""},
		"a folder in one":        {host.Op{Kind: host.OpMkdir, Name: "/grows/new", Absent: true}, "/grows/new" + no + above + grows},
		"content in one, too":    {host.Op{Kind: host.OpWrite, Name: "/grows/c"}, "/grows/c" + no + above + grows + "; old content kept"},
		"a folder with all":      {host.Op{Kind: host.OpRemove, Name: "/full", All: true}, "/full/sub/z" + no + "it is " + plus + "; nothing removed"},
		"a folder of links":      {host.Op{Kind: host.OpRemove, Name: "/links", All: true}, ""},
		"a file instead of it":   {host.Op{Kind: host.OpWrite, Name: "/full", All: true}, "/full/sub/z" + no + "it is " + plus + "; nothing removed"},
		"through a link":         {host.Op{Kind: host.OpWrite, Name: "/links/l"}, ""},
		"a planted link":         {host.Op{Kind: host.OpWrite, Name: "/tmp/l"}, "/tmp/l: refused: a link in a folder that others can write (owner 0)"},
		"its removal":            {host.Op{Kind: host.OpRemove, Name: "/tmp/l"}, ""},
		"a folder's own removal": {host.Op{Kind: host.OpRemove, Name: "/full"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			is, err := h.Lstat(tc.op.Name)
			if err != nil {
				t.Fatal(err)
			}
			err = Changeable(h, is, tc.op)
			if err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if err != nil && is.Planted == "" && !errors.Is(err, unix.EPERM) {
				t.Errorf("%v is not what the system says", err)
			}
		})
	}
}
