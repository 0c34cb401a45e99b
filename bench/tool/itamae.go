package tool

import (
	"fmt"
	"path/filepath"

	"github.com/nodeapply/apply/bench/state"
)

// itamae is itamae local. Its resources run one after the other, which keeps every edge.
type itamae struct{}

// Name implements Tool.
func (itamae) Name() string { return "itamae" }

// Program implements Tool.
func (itamae) Program() string { return "itamae" }

// Command implements Tool.
func (itamae) Command(dir string) (args, env []string) {
	return []string{"itamae", "local", "--no-color", filepath.Join(dir, "recipe.rb")}, nil
}

// Ended implements Tool.
func (itamae) Ended(exit int, out []byte) (ok, changed bool) {
	return exit == 0, contains(out, " will change ", " modified: ", " will be ", " @@ -") // of a folder it prints differences alone
}

// Write implements Tool.
func (itamae) Write(dir string, s *state.State) error {
	switch s.Shape {
	case state.Nothing:
		return whole(dir, "recipe.rb", "")
	case state.Folder:
		return whole(dir, "recipe.rb", fmt.Sprintf("remote_directory '%s' do\n  source '%s'\nend\n", s.Root, s.Sources))
	case state.Each:
		return whole(dir, "recipe.rb", fmt.Sprintf("%d.times do |i|\n  file \"%s/file#{i}\" do\n    mode '0644'\n    content \"%s#{i}\"\n  end\nend\n", s.N, s.Root, state.EachLine))
	}
	return write(dir, "recipe.rb", "", "", s, func(t *text, e state.Entry) {
		switch e.Kind {
		case state.Dir:
			t.put("directory '%s' do\n  mode '0755'\nend\n", e.Path)
		case state.Link:
			t.put("link '%s' do\n  to '%s'\nend\n", e.Path, e.Target)
		case state.Command:
			t.put("execute '/usr/bin/touch %s' do\n  not_if 'test -e %s'\nend\n", e.Path, e.Path)
		case state.File:
			if e.Source != "" {
				t.put("remote_file '%s' do\n  source '%s'\n  mode '0644'\nend\n", e.Path, e.Source)
			} else {
				t.put("file '%s' do\n  mode '0644'\n  content '%s'\nend\n", e.Path, s.Text(e))
			}
		}
	})
}
