package file_test

import (
	"os"
	"testing"

	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources/file"
)

// A source is open from the look at it until it is compared or copied, and no longer, whatever comes between.
func TestSourcesAreClosed(t *testing.T) {
	tree := "-- src --\nnew\n-- same --\nnew\n-- other --\nolder\n-- older --\nold\n-- dir/x --\n-- link -> /src --\n-- plain/ --\n"
	for name, f := range map[string]*file.File{
		"absent":                      made("/new", source("/src")),
		"same":                        made("/same", source("/src")),
		"another size":                made("/other", source("/src")),
		"other bytes":                 made("/older", source("/src")),
		"kept":                        made("/older", source("/src"), func(f *file.File) { f.Replace = false }),
		"by its checksum":             made("/older", source("/src"), func(f *file.File) { f.ChecksumValue = "md5:abf4b3b9e7a3c4bd7ab29e4d4ea3c0a1" }),
		"a link to it":                made("/other", source("/link")),
		"for a folder":                made("/plain", source("/src"), ensure("directory")),
		"a folder that is in the way": made("/dir", source("/src"), ensure("file")),
		"an unknown owner":            made("/new", source("/src"), user("nobody-of-that-name")),
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.New(t, tree)
			before := descriptors(t)
			for range 3 {
				d, err := f.Check(t.Context(), h)
				if err == nil && !d.Empty() {
					_ = f.Apply(t.Context(), h, d)
				}
			}
			if after := descriptors(t); after > before {
				t.Errorf("%d descriptors are open, %d before", after, before)
			}
		})
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
