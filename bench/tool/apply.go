package tool

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/nodeapply/apply/bench/state"
)

// Apply is the program of this repository.
type Apply struct{ Path string }

// Name implements Tool.
func (Apply) Name() string { return "apply" }

// Program implements Tool.
func (a Apply) Program() string { return a.Path }

// Command implements Tool.
func (a Apply) Command(dir string) (args, env []string) {
	return []string{a.Path, "--state-dir", filepath.Join(dir, "state"), "--detailed-exitcode", a.manifest(dir)}, nil
}

// Ended implements Tool.
func (Apply) Ended(exit int, _ []byte) (ok, changed bool) { return exit == 0 || exit == 2, exit == 2 }

func (Apply) manifest(dir string) string { return filepath.Join(dir, "manifest") }

const (
	maxFile  = 1000 << 10 // bytes: a little below the bound of a manifest
	maxTotal = 16 << 20   // bytes of all manifests, as apply bounds them
)

// Write implements Tool. Manifests are bounded: many blocks go into several files of one folder.
func (a Apply) Write(dir string, s *state.State) error {
	dir = a.manifest(dir)
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	switch s.Shape {
	case state.Nothing:
		return whole(dir, "m.hcl", "")
	case state.Folder:
		return whole(dir, "m.hcl", fmt.Sprintf("file %q {\n  ensure  = \"directory\"\n  recurse = true\n  source  = %q\n}\n", s.Root, s.Sources))
	case state.Each:
		return whole(dir, "m.hcl", each(s))
	}
	var t *text
	var err error
	total, size, files := 0, maxFile, 0
	for e := range s.Entries {
		block := a.block(s, e)
		if size+len(block) > maxFile {
			if t != nil {
				err = t.close()
			}
			if err == nil {
				t, err = create(dir, fmt.Sprintf("m%04d.hcl", files))
			}
			if err != nil {
				return err
			}
			files, size = files+1, 0
		}
		_, _ = t.WriteString(block)
		size += len(block)
		if total += len(block); total > maxTotal {
			return fmt.Errorf("%w: more than 16 MiB of manifests", ErrUnsupported)
		}
	}
	return t.close()
}

// each is one block with a loop. range() gives at most 1,024 numbers.
func each(s *state.State) string {
	parts := max(1, s.N/1000)
	keys := fmt.Sprintf("flatten([for a in range(%d) : [for b in range(%d) : a * %d + b]])", parts, s.N/parts, s.N/parts)
	return fmt.Sprintf(`locals {
  line = %q
}

file "f" {
  for_each = { for i in %s : tostring(i) => i }
  path     = "%s/file${each.key}"
  mode     = "0644"
  content  = "${local.line}${each.key}"
}
`, state.EachLine, keys, s.Root)
}

func (Apply) block(s *state.State, e state.Entry) string {
	after := ""
	if e.After >= 0 {
		after = fmt.Sprintf("  require = [%s]\n", address(s, e.After))
	}
	if s.Shape == state.Fan && e.Index > 0 && !s.FanEnd(e) && s.N > 2 {
		after += fmt.Sprintf("  before = [%s]\n", address(s, s.N-1))
	}
	title := fmt.Sprintf("e%d", e.Index)
	switch e.Kind {
	case state.Dir:
		return fmt.Sprintf("file %q {\n  path = %q\n  ensure = \"directory\"\n  mode = \"0755\"\n%s}\n", title, e.Path, after)
	case state.Link:
		return fmt.Sprintf("file %q {\n  path = %q\n  target = %q\n%s}\n", title, e.Path, e.Target, after)
	case state.Command:
		return fmt.Sprintf("exec %q {\n  command = [\"/usr/bin/touch\", %q]\n  creates = %q\n%s}\n", title, e.Path, e.Path, after)
	}
	from := fmt.Sprintf("content = %q", s.Text(e))
	if e.Source != "" {
		from = fmt.Sprintf("source = %q", e.Source)
	}
	return fmt.Sprintf("file %q {\n  path = %q\n  mode = \"0644\"\n  %s\n%s}\n", title, e.Path, from, after)
}

func address(s *state.State, i int) string {
	if s.Entry(i).Kind == state.Command {
		return fmt.Sprintf("exec.e%d", i)
	}
	return fmt.Sprintf("file.e%d", i)
}
