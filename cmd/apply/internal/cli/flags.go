package cli

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nodeapply/apply/cmd/apply/internal/flagvalue"
)

// addFlags adds the flags that every command has.
func (a *App) addFlags(cmd *cobra.Command) {
	s := cmd.PersistentFlags()
	s.BoolVar(&a.JSON, "json", false, "print JSON, one object a line")
	flagvalue.Choose(cmd, s, &a.color, "color", "colour `WHEN`: auto, always or never (NO_COLOR is honoured)", "auto", "always", "never")
	a.logLevel = "info"
	flagvalue.Choose(cmd, s, &a.logLevel, "log-level", "what is logged to standard error, such as the output of commands, from this `LEVEL` on: debug, info, warn or error", "debug", "info", "warn", "error")
	s.BoolVarP(&a.Verbose, "verbose", "v", false, "show unchanged resources too")
	s.Var((*flagvalue.Named)(&a.State), "state-dir", "state `FOLDER` (default /var/lib/apply; for other users $XDG_STATE_HOME/apply)")
}

// shapes tells whether the command line has flags without which a run does something else. Those that only say how it is told do not count, nor
// those that the name of a manifest from git repeats.
func shapes(s *pflag.FlagSet) bool {
	found := false
	s.Visit(func(f *pflag.Flag) {
		switch f.Name {
		case "color", "detailed-exitcode", "git", "json", "log-level", "noop", "orders", "out", "parallel", "profile", "ref", "report", "sandbox", "seed", "verbose":
		default:
			found = true
		}
	})
	return found
}

// SameFlags ends a command that does again what this one does, and names none of its flags.
func (a *App) SameFlags() string {
	if a.flagged {
		return ", with the same flags"
	}
	return ""
}

// AddReport adds the flag of commands whose report can be written to files, see WriteReports. What is what they call it.
func (a *App) AddReport(s *pflag.FlagSet, what string) {
	s.StringArrayVar(&a.reports, "report", nil, "write "+what+" to `FILE`: .json, .xml (JUnit), .html or .prom; may repeat")
}

// AddProfile adds the flag of commands that can be profiled.
func (a *App) AddProfile(s *pflag.FlagSet) {
	s.StringVar(&a.profile, "profile", "", "write cpu.pprof, heap.pprof and trace.out of this run to `DIR`")
}
