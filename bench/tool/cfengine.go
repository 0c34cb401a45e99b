package tool

import (
	"fmt"
	"path/filepath"

	"github.com/nodeapply/apply/bench/state"
)

// cfengine is cf-agent.
type cfengine struct{}

// Name implements Tool.
func (cfengine) Name() string { return "cfengine" }

// Program implements Tool.
func (cfengine) Program() string { return "cf-agent" }

// Command implements Tool.
func (cfengine) Command(dir string) (args, env []string) {
	return []string{"cf-agent", "--no-lock", "--inform", "--color=never", "--file", filepath.Join(dir, "site.cf")}, nil
}

// Ended implements Tool.
func (cfengine) Ended(exit int, out []byte) (ok, changed bool) {
	return exit == 0 && !contains(out, "error:"), contains(out, "info:")
}

const bodies = `
body perms m(mode) { mode => "$(mode)"; rxdirs => "false"; }
body copy_from from(name) { source => "$(name)"; compare => "digest"; }
body copy_from tree(name) { source => "$(name)"; compare => "digest"; preserve => "true"; }
body depth_search all { depth => "inf"; }
body link_from to(name) { source => "$(name)"; link_type => "symlink"; }
`

// Write implements Tool.
func (cfengine) Write(dir string, s *state.State) error {
	head := "body common control { bundlesequence => { \"main\" }; }\n" + bodies + "bundle agent main\n{\n"
	switch s.Shape {
	case state.Nothing:
		return whole(dir, "site.cf", head+"}\n")
	case state.Folder:
		return whole(dir, "site.cf", head+fmt.Sprintf("files:\n  \"%s/.\" create => \"true\";\n  \"%s\" copy_from => tree(\"%s\"), depth_search => all;\n}\n", s.Root, s.Root, s.Sources))
	case state.Each:
		numbers := `"0"` // a range of one is an error, which has cf-agent start its server
		if s.N > 1 {
			numbers = fmt.Sprintf(`expandrange("[0-%d]", 1)`, s.N-1)
		}
		return whole(dir, "site.cf", head+fmt.Sprintf("vars:\n  \"line\" string => \"%s\";\n  \"i\" slist => { %s };\nfiles:\n  \"%s/file$(i)\" create => \"true\", perms => m(\"0644\"), content => \"$(line)$(i)\";\n}\n",
			state.EachLine, numbers, s.Root))
	}
	section := ""
	return write(dir, "site.cf", head, "}\n", s, func(t *text, e state.Entry) {
		want := "files:\n"
		if e.Kind == state.Command {
			want = "commands:\n"
		}
		if section != want {
			section = want
			t.put("%s", section)
		}
		switch e.Kind {
		case state.Dir:
			t.put("  \"%s/.\" create => \"true\", perms => m(\"0755\")", e.Path)
		case state.Link:
			t.put("  \"%s\" link_from => to(\"%s\")", e.Path, e.Target)
		case state.Command:
			t.put("  \"/usr/bin/touch %s\" if => not(fileexists(\"%s\"))", e.Path, e.Path)
		case state.File:
			if e.Source != "" {
				t.put("  \"%s\" perms => m(\"0644\"), copy_from => from(\"%s\")", e.Path, e.Source)
			} else {
				t.put("  \"%s\" create => \"true\", perms => m(\"0644\"), content => \"%s\"", e.Path, s.Text(e))
			}
		}
		t.put(", handle => \"h%d\"", e.Index)
		if e.After >= 0 && !s.FanEnd(e) {
			t.put(", depends_on => { \"h%d\" }", e.After)
		}
		t.put(";\n")
	})
}
