package command

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestString(t *testing.T) {
	for name, tc := range map[string]struct {
		command Command
		want    string
	}{
		"line":  {Command{Line: "a  'b'"}, "a  'b'"},
		"list":  {Command{Args: []string{"mkfs.ext4", "-I", "512", "/dev/sdb"}}, "mkfs.ext4 -I 512 /dev/sdb"},
		"words": {Command{Args: []string{"echo", "a b", "", "it's", "$x"}}, `echo 'a b' '' 'it'\''s' '$x'`},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, tc.command.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A script is found behind what the shell has done with before it runs it.
func TestScripts(t *testing.T) {
	for name, tc := range map[string]struct {
		command Command
		want    []string
	}{
		"variables":            {Command{Line: "A=1 B=/x /opt/run.sh"}, []string{"/opt/run.sh"}},
		"variables by env":     {Command{Line: "env A=1 /opt/run.sh"}, []string{"/opt/run.sh"}},
		"in the shell's place": {Command{Line: "exec /opt/run.sh"}, []string{"/opt/run.sh"}},
		"quoted":               {Command{Line: `sh "/opt/run.sh" '/x'`}, []string{"/opt/run.sh"}},
		"nothing but those":    {Command{Line: "A=/x"}, nil},
		"no shell, no quotes":  {Command{Args: []string{"A=1", "/opt/run.sh"}}, nil},
		"an interpreter":       {Command{Line: "/usr/bin/python3.11 -u /opt/run.py /x"}, []string{"/usr/bin/python3.11", "/opt/run.py"}},
		"a line of a shell's":  {Command{Args: []string{"sh", "-c", "/opt/run.sh"}}, nil},
		"nothing":              {Command{}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, tc.command.Scripts()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestArgv(t *testing.T) {
	for name, tc := range map[string]struct {
		command Command
		want    string
		empty   bool
	}{
		"line":       {Command{Line: "a  b"}, "/bin/sh|-c|a  b", false},
		"list":       {Command{Args: []string{"a", "b c"}}, "a|b c", false},
		"empty list": {Command{Args: []string{}}, "", false}, // a mistake, and not nothing
		"nothing":    {Command{}, "/bin/sh|-c|", true},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, strings.Join(tc.command.Argv(), "|")); diff != "" {
				t.Error(diff)
			}
			if tc.command.Empty() != tc.empty {
				t.Errorf("want empty: %v", tc.empty)
			}
		})
	}
}
