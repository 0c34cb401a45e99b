package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/resources"
)

// rootCommand is the command tree. apply PATH itself converges.
func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "apply [flags] PATH",
		Short: "Bring this node to the state that its manifest declares",
		Long: `Bring this node to the state that its manifest declares.

PATH is a manifest (main.hcl), a folder of them, or git::URL//folder?ref=TAG.`,
		Example: `  apply main.hcl
  apply --noop main.hcl
  apply plan --var data_device=/dev/vdb main.hcl
  apply --git https://example.org/site.git --ref v1.2 web/main.hcl`,
		Args:          cobra.ArbitraryArgs, // a PATH is no unknown command
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := unknownCommand(cmd, args); err != nil {
				return err
			}
			src, err := a.source(cmd, args)
			if err != nil {
				return err
			}
			return a.converge(cmd, src)
		},
	}
	root.SetFlagErrorFunc(usageError)
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return a.prepare(cmd) }
	a.flags.common(root.PersistentFlags())
	a.flags.compile(root.Flags())
	a.flags.run(root.Flags())
	a.flags.change(root.Flags())
	root.AddCommand(
		a.planCommand(),
		a.validateCommand(),
		a.graphCommand(),
		a.fmtCommand(),
		a.docsCommand(),
		a.inspectCommand(),
		a.factsCommand(),
		a.diffCommand(),
		a.historyCommand(),
		a.undoCommand(),
		a.confirmCommand(),
		a.rollbackCommand(),
		a.whyCommand(),
		a.lockCommand(),
		a.exchangeCommand(),
		a.fleetCommand(),
		a.agentCommand(),
		a.relayCommand(),
		a.versionCommand(),
	)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		switch {
		case c.Name() == "help":
			c.Example = "  apply help plan"
		case c.Name() == "completion":
			c.Example = "  apply completion bash > /etc/bash_completion.d/apply"
			for _, shell := range c.Commands() {
				shell.Example = "  apply completion " + shell.Name()
			}
		}
		if c.HasSubCommands() {
			c.Args, c.RunE = cobra.ArbitraryArgs, group
		}
	}
	return root
}

// group is a command that is nothing without one of its own.
func group(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	return usageError(cmd, fmt.Errorf("unknown command %q%s", args[0], nearCommand(cmd, args[0])))
}

// unknownCommand says when a PATH looks like a mistyped command: a word that is no file.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 || strings.ContainsAny(args[0], "/.:") {
		return nil
	}
	near := nearCommand(cmd, args[0])
	if _, err := os.Lstat(args[0]); err == nil || near == "" {
		return nil
	}
	return usageError(cmd, fmt.Errorf("%q is neither a manifest nor a command%s", args[0], near))
}

// nearCommand ends an error with the command that may be meant.
func nearCommand(cmd *cobra.Command, word string) string {
	var names []string
	for _, c := range cmd.Commands() {
		names = append(names, c.Name())
	}
	if near := resources.Nearest(word, names); near != "" {
		return fmt.Sprintf("; did you mean `%s %s`?", cmd.CommandPath(), near)
	}
	return ""
}

// onePath accepts exactly one argument.
func onePath(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return usageError(cmd, errors.New("which manifest? give a PATH, such as main.hcl"))
	case len(args) > 1:
		return usageError(cmd, fmt.Errorf("one PATH is wanted, got %d: %q", len(args), args))
	}
	return nil
}

// prepare takes over what the environment says of flags, and begins the profile that they ask for.
func (a *app) prepare(cmd *cobra.Command) error {
	if err := a.fromOutside(cmd); err != nil {
		return err
	}
	if c := a.flags.color; !slices.Contains([]string{"auto", "always", "never"}, c) {
		return usageError(cmd, fmt.Errorf("--color %s: want auto, always or never", c))
	}
	if err := a.prepareReports(cmd); err != nil {
		return err
	}
	if a.flags.profile == "" {
		return nil
	}
	end, err := profile(a.flags.profile)
	if err == nil {
		a.atEnd = append(a.atEnd, end)
	}
	return err
}
