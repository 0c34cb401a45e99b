// Package usage says what is wrong with a command line: where its usage stands, and which command or flag may be meant.
package usage

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nodeapply/apply/cmd/apply/internal/settings"
	"github.com/nodeapply/apply/resources/nearest"
)

// Error says that the command line is wrong.
func Error(cmd *cobra.Command, err error) error {
	return fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())
}

// Arguments makes the error about the number of arguments say where the usage stands, for cmd and the commands below it.
func Arguments(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			err := check(cmd, args)
			if err == nil || strings.HasSuffix(err.Error(), "--help") {
				return err
			}
			if strings.Contains(err.Error(), "arg(s)") { // cobra's words for their number
				got := "nothing"
				if len(args) > 0 {
					got = fmt.Sprintf("%q", args)
				}
				err = fmt.Errorf("want `%s`, got %s", cmd.UseLine(), got)
			}
			return Error(cmd, err)
		}
	}
	for _, c := range cmd.Commands() {
		Arguments(c)
	}
}

// Flag is [Error] for a flag, with the one that may be meant.
func Flag(cmd *cobra.Command, err error) error {
	if wrong, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		err = fmt.Errorf("--%s %s: %w", wrong.GetFlag().Name, cmp.Or(wrong.GetValue(), `""`), settings.Reason(err))
	}
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		if meant := meantFlag(cmd, unknown); meant != "" {
			err = fmt.Errorf("%w; did you mean `--%s`?", err, meant)
		}
	}
	return Error(cmd, err)
}

// meantFlag is the flag that may be meant by one that there is not: by its words in other programs, by one hyphen in place of two, or the nearest; "" for none.
func meantFlag(cmd *cobra.Command, unknown *pflag.NotExistError) string {
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	if long := unknown.GetSpecifiedName(); len(long) > 1 {
		other := map[string]string{"check": "noop", "dry-run": "noop", "vars": "var", "extra-vars": "var", "limit": "target"}
		if slices.Contains(names, other[long]) {
			return other[long]
		}
		return nearest.Of(long, names)
	}
	short, _, _ := strings.Cut(unknown.GetSpecifiedShortnames(), "=")
	for _, name := range names { // of -var the v is a flag of its own
		if len(short) > 1 && (name == short || name[1:] == short) {
			return name
		}
	}
	return ""
}
