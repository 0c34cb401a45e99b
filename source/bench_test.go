package source_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nodeapply/apply/source"
)

// longRepo has 10,000 commits, made by git fast-import; each changes one of a hundred manifests.
func longRepo(b *testing.B) *repo {
	b.Helper()
	r := newRepo(b)
	var in strings.Builder
	for i := range 10_000 {
		content := fmt.Sprintf("# %d\nfile \"/tmp/%d\" {}\n", i, i)
		fmt.Fprintf(&in, "commit refs/heads/main\nmark :%d\ncommitter C <c@example.org> %d +0000\ndata 1\nx\n", i+1, 1_700_000_000+i)
		if i == 0 {
			in.WriteString("from refs/heads/main^0\n")
		}
		fmt.Fprintf(&in, "M 100644 inline site/%d.hcl\ndata %d\n%s\n", i%100, len(content), content)
	}
	r.input(in.String(), "fast-import", "--quiet", "--force")
	r.git("tag", "-a", "-m", "x", "v1", "main")
	r.git("gc", "-q")
	return r
}

// BenchmarkCheckout is the time of a whole Checkout of 101 files at the end of 10,000 commits: with an empty cache, with
// the commit in the cache, and without asking the remote at all.
func BenchmarkCheckout(b *testing.B) {
	r := longRepo(b)
	head := r.git("rev-parse", "main")
	for _, remote := range []struct{ name, url string }{{"file", "file://" + r.dir}, {"https", newGitServer(b, r.dir).url}} {
		o := options(b)
		run := func(b *testing.B, ref string, o source.Options) {
			got, err := checkout(b, remote.url, ref, o)
			if err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			if err := os.RemoveAll(got.Dir); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
		}
		b.Run(remote.name+"/first", func(b *testing.B) {
			for i := range b.N {
				fresh := o
				fresh.StateDir = filepath.Join(o.StateDir, fmt.Sprint(i))
				run(b, "v1", fresh)
			}
		})
		b.Run(remote.name+"/repeated", func(b *testing.B) {
			for range b.N {
				run(b, "v1", o)
			}
		})
		b.Run(remote.name+"/by commit, cached", func(b *testing.B) {
			for range b.N {
				run(b, head, o)
			}
		})
	}
	b.Run("git clone --depth 1 of file", func(b *testing.B) {
		for i := range b.N {
			r.git("clone", "-q", "--depth", "1", "file://"+r.dir, filepath.Join(b.TempDir(), fmt.Sprint(i)))
		}
	})
}

// BenchmarkDescribe is what every run in a work tree pays: here with 101 files and 10,000 commits.
func BenchmarkDescribe(b *testing.B) {
	r := longRepo(b)
	r.git("reset", "-q", "--hard")
	b.ResetTimer()
	for range b.N {
		got, _, err := source.Describe(b.Context(), r.dir)
		if err != nil || got.Dirty != source.Clean {
			b.Fatal(got, err)
		}
	}
}
