package tool

import (
	"fmt"
	"path/filepath"

	"github.com/nodeapply/apply/bench/state"
)

// puppet is puppet apply.
type puppet struct{}

// Name implements Tool.
func (puppet) Name() string { return "puppet" }

// Program implements Tool.
func (puppet) Program() string { return "puppet" }

// Command implements Tool.
func (puppet) Command(dir string) (args, env []string) {
	return []string{"puppet", "apply", "--detailed-exitcodes", "--color=false", "--confdir", filepath.Join(dir, "conf"),
		"--vardir", filepath.Join(dir, "var"), filepath.Join(dir, "site.pp")}, nil
}

// Ended implements Tool.
func (puppet) Ended(exit int, _ []byte) (ok, changed bool) { return exit == 0 || exit == 2, exit == 2 }

// Write implements Tool.
func (puppet) Write(dir string, s *state.State) error {
	switch s.Shape {
	case state.Nothing:
		return whole(dir, "site.pp", "")
	case state.Folder:
		return whole(dir, "site.pp", fmt.Sprintf("file { '%s': ensure => directory, recurse => true, source => '%s' }\n", s.Root, s.Sources))
	case state.Each:
		return whole(dir, "site.pp", fmt.Sprintf("$line = '%s'\nInteger[0, %d].each |$i| {\n  file { \"%s/file${i}\": ensure => file, mode => '0644', content => \"${line}${i}\" }\n}\n",
			state.EachLine, s.N-1, s.Root))
	}
	return write(dir, "site.pp", "", "", s, func(t *text, e state.Entry) {
		switch e.Kind {
		case state.Dir:
			t.put("file { '%s':\n  ensure => directory,\n  mode => '0755',\n", e.Path)
		case state.Link:
			t.put("file { '%s':\n  ensure => link,\n  target => '%s',\n", e.Path, e.Target)
		case state.Command:
			t.put("exec { '%s':\n  command => ['/usr/bin/touch', '%s'],\n  creates => '%s',\n", e.Path, e.Path, e.Path)
		case state.File:
			t.put("file { '%s':\n  ensure => file,\n  mode => '0644',\n", e.Path)
			if e.Source != "" {
				t.put("  source => '%s',\n", e.Source)
			} else {
				t.put("  content => '%s',\n", s.Text(e))
			}
		}
		if e.After >= 0 {
			t.put("  require => %s,\n", reference(s, e.After))
		}
		if s.Shape == state.Fan && e.Index > 0 && !s.FanEnd(e) && s.N > 2 {
			t.put("  before => %s,\n", reference(s, s.N-1))
		}
		t.put("}\n")
	})
}

func reference(s *state.State, i int) string {
	e := s.Entry(i)
	if e.Kind == state.Command {
		return fmt.Sprintf("Exec['%s']", e.Path)
	}
	return fmt.Sprintf("File['%s']", e.Path)
}
