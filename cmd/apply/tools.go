package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/host"
)

// node opens the door to this node.
func (a *app) node() (*host.Local, error) { return host.New(host.Options{}) }

func (a *app) validateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "validate [flags] PATH",
		Short:   "Find every mistake of a manifest; look at nothing but this node's facts",
		Example: "  apply validate main.hcl\n  apply validate --json main.hcl",
		RunE: a.reading(func(cmd *cobra.Command, ctx context.Context, args []string) error {
			src, err := a.source(cmd, args)
			if err != nil {
				return err
			}
			m, err := a.load(ctx, src)
			if err != nil {
				return err
			}
			if a.flags.json {
				return a.writeDiagnostics(m.Warnings)
			}
			fmt.Fprintf(a.stdout, "%s is valid: %d resources\n", src, len(m.Catalog().Entries()))
			return nil
		}),
	}
	a.flags.compile(cmd.Flags())
	return cmd
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  apply version",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v, commit := "(devel)", ""
			if info, ok := debug.ReadBuildInfo(); ok {
				v = info.Main.Version
				for _, s := range info.Settings {
					if s.Key == "vcs.revision" {
						commit = " " + s.Value
					}
				}
			}
			_, err := fmt.Fprintf(a.stdout, "apply %s%s %s/%s %s\n", v, commit, runtime.GOOS, runtime.GOARCH, runtime.Version())
			return err
		},
	}
}
