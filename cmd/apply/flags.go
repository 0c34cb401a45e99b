package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/nodeapply/apply/manifest"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/report/jsonl"
	"github.com/nodeapply/apply/report/scrub"
	"github.com/nodeapply/apply/report/text"
	"github.com/nodeapply/apply/resources"
)

// flags are the flags that several commands have.
type flags struct {
	vars     []string
	varFiles []string
	factsDir []string
	json     bool
	color    string
	verbose  bool
	logLevel string

	git     string
	ref     string
	signers string
	sent    string

	planOut       string
	noop          bool
	tags          []string
	skipTags      []string
	targets       []string
	parallel      int
	detailed      bool
	failFast      bool
	strict        bool
	timeout       time.Duration
	reports       []string
	profile       string
	stateDir      string
	waitLock      time.Duration
	confirmWithin time.Duration

	exchange    string
	credentials string
	deployment  string
	groups      []string

	scrub scrub.Scrubber
}

// common adds the flags that every command has.
func (f *flags) common(s *pflag.FlagSet) {
	s.BoolVar(&f.json, "json", false, "print JSON, one object a line")
	s.StringVar(&f.color, "color", "auto", "colour: auto, always or never (NO_COLOR is honoured)")
	s.StringVar(&f.logLevel, "log-level", "info", "what is logged to standard error, such as the output of commands: debug, info, warn or error")
	s.BoolVarP(&f.verbose, "verbose", "v", false, "show unchanged resources too")
	s.StringVar(&f.stateDir, "state-dir", "", "state `folder` (default /var/lib/apply; for other users $XDG_STATE_HOME/apply)")
}

// compile adds the flags of commands that read a manifest.
func (f *flags) compile(s *pflag.FlagSet) {
	f.values(s)
	f.repository(s)
	s.StringVar(&f.sent, "sent", "", "`FILE` that says where a manifest is from that was sent here")
	_ = s.MarkHidden("sent") // for fleet converge; the flag is there
}

// values adds the flags that say with what a manifest is compiled.
func (f *flags) values(s *pflag.FlagSet) {
	s.StringArrayVar(&f.vars, "var", nil, "value of a variable, as `NAME=VALUE`; may repeat")
	s.StringArrayVar(&f.varFiles, "var-file", nil, "`file` of variables, HCL or JSON; may repeat")
	s.StringArrayVar(&f.factsDir, "facts-dir", nil, "`folder` of external facts beside /etc/apply/facts.d; may repeat")
	f.shared(s)
	s.StringSliceVar(&f.groups, "group", nil, "a `group` that this node is in, for waits; may repeat")
}

// repository adds the flags that say where a manifest is.
func (f *flags) repository(s *pflag.FlagSet) {
	s.StringVar(&f.git, "git", "", "read PATH from the repository at this `URL`: https, ssh or file")
	s.StringVar(&f.ref, "ref", "", "with --git: a `tag`, else a branch, else a commit")
	s.StringVar(&f.signers, "require-signature", "", "refuse a revision that none of the signers in this `file` has signed: allowed SSH signers, or an OpenPGP keyring")
}

// change adds the flags of commands that change the node.
func (f *flags) change(s *pflag.FlagSet) {
	s.BoolVar(&f.noop, "noop", false, "only say what would change; the same as apply plan")
	s.DurationVar(&f.waitLock, "wait-lock", 0, "wait this long for another run to end")
	s.DurationVar(&f.confirmWithin, "confirm-within", 0, "undo the run unless apply confirm comes within this time")
}

// run adds the flags of commands that walk a catalog.
func (f *flags) run(s *pflag.FlagSet) {
	s.StringSliceVar(&f.tags, "tags", nil, "only resources with one of these `tags`; may repeat")
	s.StringSliceVar(&f.skipTags, "skip-tags", nil, "not the resources with one of these `tags`; may repeat")
	s.StringArrayVar(&f.targets, "target", nil, "only this `address`, with what it requires; may repeat")
	s.IntVar(&f.parallel, "parallel", runtime.NumCPU(), "resources at a time")
	s.BoolVar(&f.detailed, "detailed-exitcode", false, "exit 2 if something changed (or would), 6 if something failed too")
	s.BoolVar(&f.failFast, "fail-fast", false, "after a failure start nothing new")
	s.BoolVar(&f.strict, "strict", false, "a command that is not idempotent is a failure")
	s.DurationVar(&f.timeout, "timeout", 0, "end the run after this long (default: no limit; each resource has its own)")
	s.StringVar(&f.profile, "profile", "", "write cpu.pprof, heap.pprof and trace.out of this run to `DIR`")
	f.reportFiles(s)
}

func (f *flags) reportFiles(s *pflag.FlagSet) {
	s.StringArrayVar(&f.reports, "report", nil, "write a report to `FILE`: .json, .xml (JUnit), .html or .prom; may repeat")
}

// shared adds the flags that say in which exchange facts meet.
func (f *flags) shared(s *pflag.FlagSet) {
	s.StringVar(&f.exchange, "exchange", "", "where nodes exchange facts: https://HOST:7654 or etcd://HOST1,HOST2 (`URL`; default: this node alone)")
	s.StringVar(&f.credentials, "exchange-credentials", "", "`folder` of ca.pem, node.pem and node.key (default /etc/apply/exchange)")
	s.StringVar(&f.deployment, "deployment", "", "`name` under which facts are exchanged, so that another's are not seen (default \"default\")")
}

// configFile is where a node's own settings of flags are, unless APPLY_CONFIG names another file.
const configFile = "/etc/apply/config.hcl"

// fromOutside sets the flags that the command line leaves out: from APPLY_NAME or APPLY_FLAG_NAME, else from the configuration file.
func (a *app) fromOutside(cmd *cobra.Command) error {
	settings, err := a.settings(cmd)
	if err != nil {
		return err
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Changed || err != nil || f.Name == "help" {
			return
		}
		name := strings.ToUpper(underscored(f.Name))
		for _, key := range []string{"APPLY_FLAG_" + name, "APPLY_" + name} {
			if v := a.env(key); v != "" {
				if e := cmd.Flags().Set(f.Name, v); e != nil {
					err = fmt.Errorf("%s=%s: %w", key, v, e)
				}
				return
			}
		}
		for _, v := range settings[underscored(f.Name)] {
			if e := cmd.Flags().Set(f.Name, v); e != nil {
				err = fmt.Errorf("%s: %s: %w", a.configName(), f.Name, e)
			}
		}
	})
	return err
}

func underscored(flag string) string { return strings.ReplaceAll(flag, "-", "_") }

func (a *app) configName() string {
	if name := a.env("APPLY_CONFIG"); name != "" {
		return name
	}
	return configFile
}

// settings reads the configuration file. Its names are those of flags, of any command, with underscores; a list sets a flag that may repeat.
func (a *app) settings(cmd *cobra.Command) (map[string][]string, error) {
	name := a.configName()
	if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) && name == configFile {
		return nil, nil
	}
	values, diags := manifest.ReadSettings(cmd.Context(), name)
	if diags.HasErrors() {
		return nil, diags
	}
	known := flagNames(cmd.Root())
	out := map[string][]string{}
	if v, ok := values["groups"]; ok { // as an inventory writes it
		values["group"] = v
		delete(values, "groups")
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if !known[underscored(key)] {
			err := fmt.Errorf("%s: no flag is called %s", name, key)
			if near := resources.Nearest(key, slices.Sorted(maps.Keys(known))); near != "" {
				err = fmt.Errorf("%w; did you mean `%s`?", err, near)
			}
			return nil, err
		}
		list, ok := values[key].([]any)
		if !ok {
			list = []any{values[key]}
		}
		for _, v := range list {
			out[underscored(key)] = append(out[underscored(key)], fmt.Sprint(v))
		}
	}
	return out, nil
}

// flagNames are the names of all flags below a command.
func flagNames(cmd *cobra.Command) map[string]bool {
	names := map[string]bool{}
	add := func(f *pflag.Flag) { names[underscored(f.Name)] = true }
	cmd.Flags().VisitAll(add)
	cmd.PersistentFlags().VisitAll(add)
	for _, c := range cmd.Commands() {
		maps.Copy(names, flagNames(c))
	}
	return names
}

// color says whether w gets colours.
func (a *app) color(w io.Writer) bool {
	switch a.flags.color {
	case "always":
		return true
	case "never":
		return false
	}
	return a.env("NO_COLOR") == "" && a.env("TERM") != "dumb" && isTerminal(w)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// width is the number of columns of the terminal w, 80 where it is none.
func width(w io.Writer) int {
	columns, _ := screen(w)
	return columns
}

// screen is how many columns and rows the terminal w has, 80 and 24 where it is none or does not say.
func screen(w io.Writer) (columns, rows int) {
	if f, ok := w.(*os.File); ok {
		if columns, rows, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 && rows > 0 {
			return columns, rows
		}
	}
	return 80, 24
}

// printer is what a run is told to.
type printer interface {
	report.Events
	// Close ends what End has not, and returns the first error of writing.
	Close() error
}

// printer returns the printer that the flags ask for.
func (a *app) printer() printer {
	if a.flags.json {
		return jsonl.New(a.stdout)
	}
	o := text.Options{Color: a.color(a.stdout), Verbose: a.flags.verbose}
	if isTerminal(a.stdout) && a.env("TERM") != "dumb" {
		o.Screen = func() (columns, rows int) { return screen(a.stdout) }
	}
	p := text.New(a.stdout, o)
	a.aside.through(p.Beside)
	return p
}

// logger logs to standard error, without what is sensitive.
func (a *app) logger() (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(a.flags.logLevel)); err != nil {
		return nil, fmt.Errorf("--log-level %s: want debug, info, warn or error", a.flags.logLevel)
	}
	clean := func(groups []string, attr slog.Attr) slog.Attr {
		if attr.Key == slog.MessageKey && len(groups) == 0 { // a line of output, or a part of a long one
			attr.Value = slog.StringValue(a.flags.scrub.ScrubOutput(attr.Value.String()))
		}
		return attr
	}
	return slog.New(slog.NewTextHandler(scrubbed{a}, &slog.HandlerOptions{Level: level, ReplaceAttr: clean})), nil
}

// scrubbed writes to standard error what the scrubber leaves.
type scrubbed struct{ a *app }

func (s scrubbed) Write(p []byte) (int, error) {
	if _, err := io.WriteString(s.a.aside, s.a.flags.scrub.Scrub(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}
