package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

const (
	commits  = 10_000
	files    = 100 // in the folder dist, of a KiB each; every commit changes one
	tagEvery = 100 // commits
)

// repository is a real one of 10,000 commits.
type repository struct {
	ctx context.Context
	dir string
}

const manifestText = `variable "dir" {}

file "dist" {
  for_each = fileset("${path.module}/dist", "*")
  path     = "${var.dir}/${each.key}"
  source   = "${path.module}/dist/${each.key}"
}
`

// newRepository makes it in root by git fast-import.
func newRepository(ctx context.Context, root string) (*repository, error) {
	r := &repository{ctx, filepath.Join(root, "site")}
	if err := r.git(nil, "init", "-q", "-b", "main", r.dir); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	data := func(text string) { fmt.Fprintf(&b, "data %d\n%s\n", len(text), text) }
	for n := 1; n <= commits; n++ {
		fmt.Fprintf(&b, "commit refs/heads/main\ncommitter B <b@example.org> %d +0000\n", 1_700_000_000+n)
		data(fmt.Sprintf("change %d", n))
		if n == 1 {
			b.WriteString("M 100644 inline main.hcl\n")
			data(manifestText)
			for i := range files {
				fmt.Fprintf(&b, "M 100644 inline dist/%02d\n", i)
				data(content(i, 0))
			}
		} else {
			fmt.Fprintf(&b, "M 100644 inline dist/%02d\n", n%files)
			data(content(n%files, n))
		}
		if n%tagEvery == 0 {
			fmt.Fprintf(&b, "tag v%d\nfrom refs/heads/main\ntagger B <b@example.org> %d +0000\n", n/tagEvery, 1_700_000_000+n)
			data("release")
		}
	}
	if err := r.git(&b, "-C", r.dir, "fast-import", "--quiet"); err != nil {
		return nil, err
	}
	return r, r.git(nil, "-C", r.dir, "repack", "-adq")
}

// content is a KiB that is another one for each file and version.
func content(file, version int) string {
	var b bytes.Buffer
	for b.Len() < 1024 {
		fmt.Fprintf(&b, "file %d version %d line %d\n", file, version, b.Len()*(version+1)*(file+7)%1_000_003)
	}
	return b.String()[:1024]
}

// move makes another commit of the branch main and one more file's change in it.
func (r *repository) move(n int) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "commit refs/heads/main\ncommitter B <b@example.org> %d +0000\ndata 4\nmore\nfrom refs/heads/main^0\nM 100644 inline dist/00\ndata 1024\n%s\n",
		1_800_000_000+n, content(0, commits+n))
	return r.git(&b, "-C", r.dir, "fast-import", "--quiet")
}

func (r *repository) git(stdin *bytes.Buffer, args ...string) error {
	cmd := exec.CommandContext(r.ctx, "git", args...)
	if stdin != nil {
		cmd.Stdin = stdin
	}
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("git %s: %w: %s", args[0], err, out)
	}
	return nil
}
