// Package exec is the resource type that runs a command until it is no longer needed.
//
// What a command does is known only by running it: unless creates, refreshonly or a guard says that it is not wanted, its one
// Change is opaque and cannot be taken back. The command gets its own process group and a clean environment; see [host.Cmd].
package exec

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
)

var (
	_ resources.Resource    = (*Exec)(nil)
	_ resources.Validator   = (*Exec)(nil)
	_ resources.Identified  = (*Exec)(nil)
	_ resources.Refresher   = (*Exec)(nil)
	_ resources.Conditional = (*Exec)(nil)
	_ resources.Guard       = (*Exec)(nil)
	_ resources.Valued      = (*Exec)(nil)
)

// Type is exec.
func Type() resources.Type {
	return resources.Type{
		Name: "exec",
		New: func(title string) resources.Resource {
			return &Exec{Command: Command{Line: title}, Returns: ExitCodes{0}, LogOutput: LogOnFailure}
		},
		Timeout:   300 * time.Second,
		Late:      []string{"stdout", "stderr", "exit_code"},
		Repeats:   []string{"stdout", "stderr"},
		Stateless: "what a command does is known only by running it; inspect what it is there for (its files, packages, services)",
	}
}

// Exec runs a command until it is no longer needed.
//
// Whether it is needed is asked in this order: refreshonly, creates, unless, onlyif. Without any of them the command runs every time,
// and a plan says so. After a run stdout and stderr (strings; of more than 1 MiB the first and the last half, bytes
// that are not UTF-8 replaced by U+FFFD) and exit_code (a number) are values that other blocks may use. What a command prints that is given a
// sensitive value, by `environment` or `stdin`, is sensitive too; `nonsensitive(exec.x.stdout)` says that it is no secret.
//
// In a run in which the command is not needed these values are null. An attribute that is null is not managed; a block that cannot be made of null
// (`content = "version ${exec.x.stdout}"`) is not managed in that run as a whole, which a warning says. `coalesce(exec.x.stdout, "none")`, or
// `try(trimspace(exec.x.stdout), "none")`, says what to use then.
type Exec struct {
	// The command. A string goes through `/bin/sh -c`; of a list the first element is the program and the others its arguments, with no
	// shell and nothing expanded. Default: the title. It may not hold a sensitive value, for others would see it in the
	// list of processes: pass that by `environment` or `stdin`.
	Command Command `hcl:"command,title,public"`
	// The folders in which programs are looked up, as a list or as one string with `:` between them; becomes PATH. Default:
	// the usual system folders. The current folder is never searched.
	Path SearchPath `hcl:"path"`
	// The folder in which the command runs, an absolute path. Default: `/`.
	Cwd string `hcl:"cwd"`
	// Environment variables of the command, beside PATH, HOME and LANG=C.UTF-8: a map, or `NAME=value` and a list of these. Nothing else is inherited.
	Environment Environment `hcl:"environment"`
	// The user, by name or id, that the command runs as; HOME is that user's own. Default: the user that apply runs as.
	User resources.Scalar `hcl:"user"`
	// The group, by name or id, that the command runs as. Default: the user's own group.
	Group resources.Scalar `hcl:"group"`
	// The umask of the command as a string of octal digits, such as `"027"`. Default: `"022"`.
	Umask Umask `hcl:"umask"`
	// Absolute paths: while any of them exists, the command is not run. A link that leads nowhere does not exist. A string or a list.
	Creates resources.Strings `hcl:"creates"`
	// Run the command only when a resource that notifies this one, or that it subscribes to, has changed. Default: false.
	RefreshOnly bool `hcl:"refreshonly"`
	// Another command, a string or a list as `command`, to be run when this resource is notified. Default: `command` itself,
	// which is not run a second time in one run.
	OnRefresh Command `hcl:"refresh,public"`
	// The exit codes, 0 to 255, that mean success: a number or a list of numbers. They hold for `refresh` too. Default: `[0]`.
	Returns ExitCodes `hcl:"returns"`
	// What the command reads from its standard input. Default: empty.
	Stdin string `hcl:"stdin,empty"`
	// Whether the output is logged: `true`; `false` (not with a failure either); or `"on_failure"` (default): its last lines are shown if the command fails.
	LogOutput LogOutput `hcl:"logoutput"`

	state  state
	output *host.Output // of the last run of the command itself
}

// state is how far the command has come in this run.
type state uint8

const (
	notRun state = iota
	failed
	succeeded
)

// Check returns the run of the command as the one change, unless the command ran in this run or waits for a notify.
func (e *Exec) Check(context.Context, host.View) (resources.Diff, error) {
	if e.state == succeeded || e.RefreshOnly {
		return resources.Diff{}, nil
	}
	return resources.Diff{Changes: []resources.Change{
		{Attr: "command", To: e.Command.String(), Opaque: true, Irreversible: true},
	}}, nil
}

// Apply runs the command.
func (e *Exec) Apply(ctx context.Context, h host.Host, _ resources.Diff) error {
	e.state = failed
	out, err := e.run(ctx, h, "command", e.Command)
	e.output = out
	if err != nil {
		return err
	}
	e.state = succeeded
	return nil
}

// Refreshable says that `refresh`, or the command unless it runs in this run anyway, would be run. A command that failed is not refreshed.
func (e *Exec) Refreshable(_ context.Context, _ host.View, applied resources.Diff) (ok bool, why string, err error) {
	switch {
	case e.state == failed:
		return false, "failed in this run", nil
	case e.OnRefresh.Empty() && (e.state == succeeded || !applied.Empty()):
		return false, "ran in this run", nil
	}
	return true, "", nil
}

// Refresh runs `refresh`, or the command itself.
func (e *Exec) Refresh(ctx context.Context, h host.Host) error {
	if e.OnRefresh.Empty() {
		return e.Apply(ctx, h, resources.Diff{})
	}
	_, err := e.run(ctx, h, "refresh", e.OnRefresh)
	return err
}

// Wanted says whether refreshonly and creates let the command run. A folder, user or group that the node does not have is an error.
func (e *Exec) Wanted(ctx context.Context, v host.View, refreshing bool) (bool, string, error) {
	if e.RefreshOnly && !refreshing {
		return false, "refreshonly", nil
	}
	for _, name := range e.Creates {
		there, err := exists(v, name)
		if err != nil {
			return false, "", &resources.AttrError{Attr: "creates", Err: err}
		}
		if there {
			return false, "creates: " + name + " exists", nil
		}
	}
	if err := e.place(ctx, v); err != nil {
		return false, "", err
	}
	return true, "", nil
}

// exists says whether something is at name. A link that leads nowhere is not there; one that others may have planted counts for itself.
func exists(v host.View, name string) (bool, error) {
	st, err := v.Lstat(name)
	if err != nil || st.Kind != host.Symlink {
		return st.Kind != host.Absent, err
	}
	_, st, err = host.Resolve(v, name)
	if errors.Is(err, syscall.ELOOP) {
		return false, nil
	}
	return err != nil || st.Kind != host.Absent, nil
}

// place finds before anything is run, a guard too, that the folder, the user or the group of the command is missing.
func (e *Exec) place(ctx context.Context, v host.View) error {
	if e.Cwd != "" {
		// What this cannot see, behind a link that somebody else made, the command itself will tell.
		if _, st, err := host.Resolve(v, path.Clean(e.Cwd)); err == nil && st.Kind != host.Directory {
			reason := syscall.ENOTDIR
			if st.Kind == host.Absent {
				reason = syscall.ENOENT
			}
			return &resources.AttrError{Attr: "cwd", Err: fmt.Errorf("%s: %w", e.Cwd, reason)}
		}
	}
	if e.User != "" {
		if _, err := v.LookupUser(ctx, string(e.User)); err != nil {
			return &resources.AttrError{Attr: "user", Err: err}
		}
	}
	if e.Group != "" {
		if _, err := v.LookupGroup(ctx, string(e.Group)); err != nil {
			return &resources.AttrError{Attr: "group", Err: err}
		}
	}
	return nil
}

// Repeats says that the command has neither creates nor refreshonly.
func (e *Exec) Repeats() bool { return len(e.Creates) == 0 && !e.RefreshOnly }

// GuardCmd returns the command for a guard, with the folder, environment, user, umask and path of the command itself.
func (e *Exec) GuardCmd(guard string) host.Cmd { return e.cmd(Command{Line: guard}) }

// Values returns the output and the exit code of the command, nil where it was not run.
func (e *Exec) Values() map[string]any {
	values := map[string]any{"stdout": nil, "stderr": nil, "exit_code": nil}
	if e.output != nil {
		values["stdout"] = strings.ToValidUTF8(string(e.output.Stdout), "\ufffd")
		values["stderr"] = strings.ToValidUTF8(string(e.output.Stderr), "\ufffd")
		values["exit_code"] = e.output.ExitCode
	}
	return values
}

// Provides returns nothing: any number of resources may run the same command.
func (e *Exec) Provides() []resources.Identity { return nil }

// Requires returns the folder, the script, the user and the group of the command.
func (e *Exec) Requires() []resources.Identity {
	var ids []resources.Identity
	if e.Cwd != "" {
		ids = append(ids, resources.Identity{Kind: "path", Name: path.Clean(e.Cwd), Nearest: true})
	}
	for _, script := range slices.Concat(e.Command.Scripts(), e.OnRefresh.Scripts()) {
		ids = append(ids, resources.Identity{Kind: "path", Name: path.Clean(script), Nearest: true})
	}
	if e.User != "" {
		ids = append(ids, resources.Identity{Kind: "user", Name: string(e.User)})
	}
	if e.Group != "" {
		ids = append(ids, resources.Identity{Kind: "group", Name: string(e.Group)})
	}
	return ids
}
