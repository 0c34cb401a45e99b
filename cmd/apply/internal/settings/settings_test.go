package settings

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

func TestApply(t *testing.T) {
	for name, test := range map[string]struct {
		args string // of the command line
		env  string // NAME=VALUE, separated by blanks
		file string
		want string // --wait-lock and --group, or an error
	}{
		"nothing said":           {want: "none []"},
		"the file":               {file: `wait_lock = "5m"`, want: "5m []"},
		"with a dash":            {file: `wait-lock = "5m"`, want: "5m []"},
		"environment over file":  {env: "APPLY_WAIT_LOCK=1m", file: `wait_lock = "5m"`, want: "1m []"},
		"the long name first":    {env: "APPLY_WAIT_LOCK=1m APPLY_FLAG_WAIT_LOCK=2m", want: "2m []"},
		"command line over all":  {args: "--wait-lock=7m", env: "APPLY_WAIT_LOCK=1m", file: `wait_lock = "5m"`, want: "7m []"},
		"a list":                 {file: `group = ["a", "b"]`, want: "none [a,b]"},
		"a map":                  {file: `group = { b = 2, a = true }`, want: "none [a=true,b=2]"},
		"a large number":         {file: `group = 100000000`, want: "none [100000000]"},
		"null":                   {file: `wait_lock = null`, want: "none []"},
		"a list in a list":       {file: `group = ["a", ["b"]]`, want: "config.hcl:1: group: want a string"},
		"as an inventory has it": {file: `groups = ["a", "b"]`, want: "none [a,b]"},
		"of another command":     {file: `parallel = 4`, want: "none []"},
		"one value in a list":    {file: `wait_lock = ["5m"]`, want: "config.hcl:1: wait-lock: want one value, not several"},
		"in both spellings":      {file: "wait_lock = 1\nwait-lock = 2", want: "config.hcl:1: wait_lock stands at"},
		"groups twice":           {file: "group = 1\n\ngroups = 2", want: "config.hcl:3: group stands at"},
		"help":                   {file: `help = true`, want: "config.hcl:1: no flag is called help"},
		"of none":                {file: "\n" + `wait_look = "5m"`, want: "config.hcl:2: no flag is called wait_look; did you mean `wait_lock`?"},
		"mistyped":               {file: `wait_lock = `, want: "expression"},
		"a wrong value":          {env: "APPLY_WRONG=x", want: "APPLY_WRONG=x: want a number"},
		"neither true nor false": {env: "APPLY_JSON=maybe", want: "APPLY_JSON=maybe: want true or false"},
		"a wrong value in it":    {file: `wrong = "x"`, want: "config.hcl:1: wrong = x: want a number"},
	} {
		t.Run(name, func(t *testing.T) {
			env := map[string]string{"APPLY_CONFIG": filepath.Join(t.TempDir(), "config.hcl")}
			if err := os.WriteFile(env["APPLY_CONFIG"], []byte(test.file), 0o600); err != nil {
				t.Fatal(err)
			}
			for kv := range strings.FieldsSeq(test.env) {
				key, value, _ := strings.Cut(kv, "=")
				env[key] = value
			}
			var got error
			root := &cobra.Command{Use: "root"}
			other := &cobra.Command{Use: "other", Run: func(*cobra.Command, []string) {}}
			other.Flags().Int("parallel", 1, "")
			cmd := &cobra.Command{Use: "cmd", Run: func(cmd *cobra.Command, _ []string) {
				got = Apply(cmd, func(name string) string { return env[name] })
			}}
			wait := cmd.Flags().String("wait-lock", "none", "")
			groups := cmd.Flags().StringSlice("group", nil, "")
			cmd.Flags().Int("wrong", 0, "")
			cmd.Flags().Bool("json", false, "")
			root.AddCommand(cmd, other)
			root.SetArgs(append([]string{"cmd"}, strings.Fields(test.args)...))
			if err := root.ExecuteContext(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got != nil {
				if !strings.Contains(got.Error(), test.want) {
					t.Errorf("want %q, got %v", test.want, got)
				}
				return
			}
			if diff := cmp.Diff(test.want, *wait+" ["+strings.Join(*groups, ",")+"]"); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNoFile(t *testing.T) {
	cmd := &cobra.Command{Use: "cmd"}
	missing := filepath.Join(t.TempDir(), "none.hcl")
	if err := Apply(cmd, func(string) string { return missing }); err == nil || !strings.Contains(err.Error(), "none.hcl") {
		t.Errorf("a file that was named and is not there: %v", err)
	}
}
