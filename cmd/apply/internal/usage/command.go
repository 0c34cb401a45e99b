package usage

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/resources/nearest"
)

// Group is a command that is nothing without one of its own.
func Group(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	return Error(cmd, fmt.Errorf("unknown command %q%s", args[0], nearCommand(cmd, args[0])))
}

// Path says when a PATH looks like a mistyped command: a word that is no file. What is in a repository is not known as yet.
func Path(cmd *cobra.Command, args []string, inGit bool) error {
	if len(args) == 0 || inGit && len(args) == 1 || strings.ContainsAny(args[0], "/.:") {
		return nil
	}
	near := nearCommand(cmd, args[0])
	if meant := otherCommands[args[0]]; meant != "" {
		near = fmt.Sprintf("; did you mean `%s`?", meant)
	}
	if _, err := os.Lstat(args[0]); err == nil || near == "" && len(args) == 1 {
		return nil
	}
	return Error(cmd, fmt.Errorf("%q is neither a manifest nor a command%s", args[0], near))
}

// otherCommands are what other tools call commands of this one.
var otherCommands = map[string]string{
	"apply": "apply PATH", "converge": "apply PATH", "run": "apply PATH", "up": "apply PATH",
	"check": "apply plan", "dry-run": "apply plan", "noop": "apply plan", "preview": "apply plan", "lint": "apply validate",
}

// nearCommand ends an error with the command that may be meant.
func nearCommand(cmd *cobra.Command, word string) string {
	var names []string
	for _, c := range cmd.Commands() {
		names = append(names, c.Name())
	}
	if near := nearest.Of(word, names); near != "" {
		return fmt.Sprintf("; did you mean `%s %s`?", cmd.CommandPath(), near)
	}
	return ""
}
