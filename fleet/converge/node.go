package converge

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/nodeapply/apply/fleet"
	"github.com/nodeapply/apply/fleet/files"
	"github.com/nodeapply/apply/fleet/joint"
	"github.com/nodeapply/apply/fleet/output"
	"github.com/nodeapply/apply/fleet/seat"
	"github.com/nodeapply/apply/fleet/shell"
	"github.com/nodeapply/apply/fleet/transport"
	"github.com/nodeapply/apply/fleet/wire"
	"github.com/nodeapply/apply/host"
)

// place is where things are on a node.
type place struct {
	program string // the file
	home    string // the manifest's folder: lock, and below stage/ what is removed after the run
	token   string // of this run, in the stage: another run may have replaced it
	run     string // the same for all nodes of a run
}

// homeLine makes this machine's folder of the manifest $2, and prints where it and the program $1 are: machines may share a home. A link in it says that a
// node of the run $3 has come by the name $4; where one is there it prints whose it is: links are made at once with what they say, so of two nodes that are
// one machine one sees the other.
const homeLine = `umask 077; d="${XDG_CACHE_HOME:-$HOME/.cache}/apply"; h=$d/fleet/$2-$(uname -n | cksum | cut -d " " -f 1); mkdir -p "$h" && echo "$d/bin/apply-$1" && echo "$h" || exit
find "$h" -maxdepth 1 -name 'seat.*' -mmin +60 -exec rm -f -- {} + 2>/dev/null
ln -s "is:$4" "$h/seat.$3" 2>/dev/null || readlink "$h/seat.$3"`

// enter goes to the stage below $1, alone.
const enter = shell.Full + `set -eu
umask 077
home=$1 bin=$2 token=$3 run=$4
mkdir -p -- "$home"
cd -- "$home"
exec 9>>lock
flock -n 9 || { echo "another run of this manifest is at work here" >&2; exit 3; }
`

// prepareScript receives a manifest as the stage, if it has not come through other nodes, and what is beside it, and lets the program compile it. The
// arguments are in the file run: nothing of them is seen in the list of processes before the program itself.
const prepareScript = enter + `rm -rf -- stage
find . -maxdepth 1 -name 'incoming.*' -mmin +60 -exec rm -rf -- {} +
trap '[ "${done-}" ] || { cd "$home" && rm -rf stage "incoming.$token" "seat.$run"; }' EXIT
trap 'exit 129' HUP INT TERM PIPE
mkdir -p stage/data
[ ! -d "incoming.$token" ] || mv -- "incoming.$token" stage/data/manifest
cd stage
tar -xpof - || full .
sha256sum -c SUMS >/dev/null
printf %s "$token" >token
. ./run
cd data/manifest
"$bin" exchange plan "$@" </dev/null
done=yes`

// convergeScript receives what the run needs beside the stage, runs the program and removes the stage.
const convergeScript = enter + `[ "$(cat stage/token 2>/dev/null)" = "$token" ] || { echo "the manifest was replaced by another run" >&2; exit 1; }
trap 'cd "$home" && rm -rf stage "seat.$run"' EXIT
trap : HUP INT TERM PIPE
cd stage
tar -xpof - || full .
[ ! -s SUMS ] || sha256sum -c SUMS >/dev/null
. ./run
. ./go
cd data/manifest
code=0
"$bin" "$@" </dev/null || code=$?
exit "$code"`

// forgetScript removes the stage of a run that did not come.
const forgetScript = enter + `[ "$(cat stage/token 2>/dev/null)" != "$token" ] || rm -rf stage
rm -rf -- "incoming.$token" "seat.$run"`

func (p place) line(script string) string {
	return shell.Line([]string{"sh", "-c", script, "apply", p.home, p.program, p.token, p.run})
}

// prepare brings a node the program and the manifest, and lets it compile.
func (r *run) prepare(ctx context.Context, n fleet.Node, _ transport.Conn) (transport.Exit, error) {
	p := r.of(n.Name)
	if p.err = r.bring(ctx, n, p); p.err != nil {
		p.place = place{} // the node has removed it, or is lost
	}
	return transport.Exit{}, p.err
}

func (r *run) bring(ctx context.Context, n fleet.Node, p *prepared) error {
	at := seat.At{Node: n.Name, Segment: r.Segment(n.Target), Note: func(text string) { r.Note(n.Name, text) }}
	var handlers map[string]wire.Handler
	if r.put != nil {
		handlers = r.put.Handlers()
	}
	client, err := seat.Start(ctx, p.conn, r.Program, at, handlers)
	if errors.Is(err, seat.ErrNoRelay) {
		return &fleet.JobError{Err: err}
	}
	if err != nil {
		return err
	}
	p.conn = relayed{client, p.conn}
	where := output.NewCapture(1)
	exit, err := client.Run(ctx, transport.Command{Line: shell.Line([]string{"sh", "-c", homeLine, "home", r.Program.Hash, r.Key, r.id, n.Name}), Script: true, Stdout: where})
	if err != nil {
		return err
	}
	lines := strings.Split(strings.TrimSpace(string(where.Bytes())), "\n")
	if exit.Code != 0 || len(lines) < 2 {
		return &fleet.JobError{Err: fmt.Errorf("the folder for the manifest cannot be made: exit code %d", exit.Code)}
	}
	home := lines[1]
	if len(lines) > 2 {
		p.twin = strings.TrimPrefix(lines[2], "is:")
		return &fleet.JobError{Err: errors.New("is the same machine as " + p.twin)} // names says it of both
	}
	p.place = place{program: lines[0], home: home, token: rand.Text(), run: r.id}
	told := r.Report.Node(n.Name)
	bundle := r.Beside.With("run", []byte(environment(n, r.Env)+setArgs(append([]string{"--json"}, r.Args...))+"\n"))
	if r.put == nil {
		bundle = bundle.And(r.Manifest)
	} else if err := r.put.Through(ctx, client, at, path.Join(home, "incoming."+p.place.token)); err != nil {
		return err
	}
	err = bundle.Send(ctx, client, transport.Command{Line: p.place.line(prepareScript), Stdout: &joint.Reader{Node: told}})
	if err = withReason(err, told); err != nil {
		return err
	}
	if p.part = told.Part(); p.part == nil {
		return &fleet.JobError{Err: errors.New("the program there does not say what its run will do")}
	}
	return nil
}

// A manifest goes through the nodes where it is as large as this and there are as many of them: else that would take longer.
const (
	spreadBytes = 1 << 20
	spreadNodes = 4
)

// spread prepares to bring the manifest through the nodes, where that is worth it.
func (r *run) spread() error {
	archive, err := r.Manifest.Archive()
	if err != nil || archive.Size() < spreadBytes || len(r.nodes) < spreadNodes {
		return err
	}
	if r.put, err = seat.NewPut(r.Program, r.Manifest); err == nil {
		r.put.Note = r.Note
	}
	return err
}

// relayed is a relay with the connection that it was started on.
type relayed struct {
	*seat.Client
	under transport.Conn
}

// Close ends both.
func (r relayed) Close() error { return errors.Join(r.Client.Close(), r.under.Close()) }

// withReason takes what the node's program has told for the reason of a failure.
func withReason(err error, told *joint.Node) error {
	if failed, ok := errors.AsType[*fleet.JobError](err); ok && told.Problem() != "" {
		failed.Err = errors.New(told.Problem())
	}
	return err
}

// environment is what the seat and the inventory say to a node, as a shell's lines.
func environment(n fleet.Node, all []string) string {
	var b strings.Builder
	for _, kv := range all {
		key, value, _ := strings.Cut(kv, "=")
		fmt.Fprintf(&b, "export %s=%s\n", key, host.ShellWord(value))
	}
	for key, value := range n.Facts {
		fmt.Fprintf(&b, "export APPLY_FACT_%s=%s\n", key, host.ShellWord(value))
	}
	if len(n.Groups) > 0 {
		fmt.Fprintf(&b, "export APPLY_GROUP=%s\n", host.ShellWord(strings.Join(n.Groups, ",")))
	}
	return b.String()
}

// setArgs is the line of sh that makes argv the arguments of its script.
func setArgs(argv []string) string {
	line := "set --"
	for _, arg := range argv {
		line += " " + host.ShellWord(arg)
	}
	return line
}

// converge lets a node that is prepared run.
func (r *run) converge(ctx context.Context, n fleet.Node, conn transport.Conn) (transport.Exit, error) {
	p := r.of(n.Name)
	args := slices.Clone(r.RunArgs)
	if r.Noop {
		args = append(args, "--noop")
	}
	bundle := &files.Bundle{}
	if r.meeting != nil && p.together() {
		link, err := r.meeting.Link(ctx, p.conn, path.Join(p.place.home, "stage", "exchange.sock"))
		switch {
		case err == nil:
			defer link.Close()
			issued, err := r.meeting.Issue(p.part.Node)
			if err != nil {
				return transport.Exit{}, &fleet.JobError{Err: err}
			}
			for _, f := range issued {
				bundle = bundle.With("data/exchange/"+f.Name, f.Data)
			}
			args = append(args, "--exchange", link.URL, "--exchange-credentials", "../exchange")
		case r.Noop && ctx.Err() == nil:
			r.Note(n.Name, "the plan is made without what nodes have exported: "+err.Error())
		default:
			return transport.Exit{}, &fleet.JobError{Err: err}
		}
	}
	bundle = bundle.With("go", []byte(setArgs(args)+` "$@"`+"\n"))
	told := r.Report.Node(n.Name)
	err := withReason(bundle.Send(ctx, conn, transport.Command{Line: p.place.line(convergeScript), Stdout: r.Reader(told), Grace: time.Minute}), told)
	p.place = place{} // the node has removed it, or is lost
	if failed, ok := errors.AsType[*fleet.JobError](err); ok {
		return failed.Exit, err
	}
	return transport.Exit{}, err
}

// together says that the node has to do with others.
func (p *prepared) together() bool {
	return p.part != nil && len(p.part.Exports)+len(p.part.Blocks)+len(p.part.Waits)+len(p.part.Limits) > 0
}

// forgetPatience bounds the wait for a node to clean up.
const forgetPatience = 10 * time.Second

// close ends the connection, and removes a manifest that was not used.
func (p *prepared) close() {
	if p.conn == nil {
		return
	}
	if p.place.token != "" {
		ctx, cancel := context.WithTimeoutCause(context.Background(), forgetPatience, &transport.TimeoutError{After: forgetPatience, What: "clean up"})
		p.conn.Run(ctx, transport.Command{Line: p.place.line(forgetScript), Script: true}) // a node that is lost keeps it until the next run
		cancel()
	}
	p.conn.Close()
	p.conn = nil
}
