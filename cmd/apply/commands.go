package main

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/cmd/apply/internal/author"
	"github.com/nodeapply/apply/cmd/apply/internal/cli"
	"github.com/nodeapply/apply/cmd/apply/internal/converge"
	"github.com/nodeapply/apply/cmd/apply/internal/exchange"
	"github.com/nodeapply/apply/cmd/apply/internal/fleet"
	"github.com/nodeapply/apply/cmd/apply/internal/fleet/agent"
	"github.com/nodeapply/apply/cmd/apply/internal/history"
	"github.com/nodeapply/apply/cmd/apply/internal/node"
	"github.com/nodeapply/apply/cmd/apply/internal/prove"
	"github.com/nodeapply/apply/cmd/apply/internal/revisions"
	"github.com/nodeapply/apply/cmd/apply/internal/usage"
)

// commands is the command tree. apply PATH itself converges.
func commands(a *cli.App) *cobra.Command {
	r := converge.New(a)
	version := false
	root := &cobra.Command{
		Use:   "apply [flags] PATH",
		Short: "Bring this node to the state that its manifest declares",
		Long: `Bring this node to the state that its manifest declares.

PATH is a manifest (main.hcl), a folder of them, git::URL//folder?ref=TAG, or a plan that apply plan --out has saved.

A duration is written as 90s, 5m or 1h30m; a number alone is seconds. A flag that is not given is taken from the environment (--state-dir from
APPLY_STATE_DIR or APPLY_FLAG_STATE_DIR), else from /etc/apply/config.hcl (state_dir = "...").

Exit codes: 0 where nothing failed, 1 where nothing was touched (bad arguments, mistakes in the manifest), 3 where another run holds the lock, 4 where a
resource failed, 5 where something is not trusted (signature, ownership, lock file); with --detailed-exitcode 2 where something changed, or would, and 6
where something failed too; 129, 130 and 143 after SIGHUP, SIGINT and SIGTERM.`,
		Example: `  apply main.hcl
  apply --noop main.hcl
  apply plan --var data_device=/dev/vdb main.hcl
  apply --git https://example.org/site.git --ref v1.2 web/main.hcl`,
		Args: cobra.ArbitraryArgs, // a PATH is no unknown command
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveDefault // files too, beside the commands
		},
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if version {
				return printVersion(a)
			}
			if err := usage.Path(cmd, args, r.Git != ""); err != nil {
				return err
			}
			src, err := r.Source(cmd, args)
			if err != nil {
				return err
			}
			return r.Converge(cmd, src)
		},
	}
	r.AddFlags(root.Flags())
	r.AddRun(root)
	r.AddChange(root.Flags())
	root.AddCommand(converge.PlanCommand(a), prove.Command(a), exchange.Command(a), fleet.Command(a), agent.Command(a), fleet.RelayCommand(a), versionCommand(a))
	root.AddCommand(author.Commands(a)...)
	root.AddCommand(node.Commands(a)...)
	root.AddCommand(history.Commands(a)...)
	root.AddCommand(revisions.Commands(a)...)
	root.Flags().BoolVar(&version, "version", false, "print the version")
	complete(root)
	return root
}

// complete adds the commands that come with cobra, and gives all of them what they lack.
func complete(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		switch c.Name() {
		case "help":
			c.Example = "  apply help plan"
			c.Args = func(_ *cobra.Command, args []string) error {
				of, rest, err := root.Find(args)
				if err == nil && len(rest) > 0 {
					err = usage.Group(of, rest)
				}
				return err
			}
		case "completion":
			c.Example = "  apply completion bash > /etc/bash_completion.d/apply"
			for _, shell := range c.Commands() {
				shell.Example = "  apply completion " + shell.Name()
				if shell.Name() == "bash" {
					shell.RunE = bashCompletion
				}
			}
		}
		if c.HasSubCommands() {
			c.Args, c.RunE = cobra.ArbitraryArgs, usage.Group
		}
	}
}

// bashCompletion prints cobra's script. What several candidates begin with is put on the line as it is by that, and then cannot be completed further
// where it holds a quote, as addresses do: it is quoted as file names are.
func bashCompletion(cmd *cobra.Command, _ []string) error {
	var script strings.Builder
	plain, err := cmd.Flags().GetBool("no-descriptions")
	if err = errors.Join(err, cmd.Root().GenBashCompletionV2(&script, !plain)); err != nil {
		return err
	}
	const one = `COMPREPLY[0]=$(printf "%q" "${COMPREPLY[0]}")` + "\n"
	_, err = io.WriteString(cmd.OutOrStdout(), strings.Replace(script.String(), one, one+"        else\n            compopt -o filenames\n", 1))
	return err
}

func versionCommand(a *cli.App) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  apply version",
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return printVersion(a) },
	}
}

// printVersion prints "apply v1.2.3 COMMIT linux/amd64 go1.26", or an object of that.
func printVersion(a *cli.App) error {
	v, commit := built()
	if a.JSON {
		return a.PrintJSON(map[string]string{"version": v, "commit": commit, "os": runtime.GOOS, "arch": runtime.GOARCH, "go": runtime.Version()})
	}
	words := slices.DeleteFunc([]string{"apply", v, commit, runtime.GOOS + "/" + runtime.GOARCH, runtime.Version()}, func(w string) bool { return w == "" })
	_, err := fmt.Fprintln(a.Stdout, strings.Join(words, " "))
	return err
}

// built is what the program was built of.
func built() (version, commit string) {
	version = "(devel)"
	if info, ok := debug.ReadBuildInfo(); ok {
		version = info.Main.Version
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				commit = s.Value
			}
		}
	}
	return version, commit
}
