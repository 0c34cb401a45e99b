package main

import (
	"io"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nodeapply/apply/cmd/apply/internal/cli"
)

// every calls fn for a command and all below it.
func every(cmd *cobra.Command, fn func(*cobra.Command)) {
	fn(cmd)
	for _, c := range cmd.Commands() {
		every(c, fn)
	}
}

func TestCommandsAreDocumented(t *testing.T) {
	every(commands(&cli.App{}), func(c *cobra.Command) {
		if c.Short == "" || c.Example == "" && !c.Hidden {
			t.Errorf("%s: no short description, or no example", c.CommandPath())
		}
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s --%s: what is it?", c.CommandPath(), f.Name)
			}
			if f.Value.Type() == "duration" {
				t.Errorf("%s --%s: a number alone is to be seconds, see flagvalue.Duration", c.CommandPath(), f.Name)
			}
		})
	})
}

// Commands that keep a flag in the same place must not give it different defaults: the last one would count for all of them.
func TestDefaults(t *testing.T) {
	every(commands(&cli.App{Stderr: io.Discard}), func(c *cobra.Command) {
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if got := f.Value.String(); got != f.DefValue {
				t.Errorf("%s --%s is %s, and its default is said to be %s", c.CommandPath(), f.Name, got, f.DefValue)
			}
		})
	})
}
