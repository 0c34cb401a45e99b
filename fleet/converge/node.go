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
	"github.com/nodeapply/apply/fleet/transport"
)

// place is where things are on a node.
type place struct {
	program string // the file
	home    string // the manifest's folder: lock, and below stage/ what is removed after the run
	token   string // of this run, in the stage: another run may have replaced it
}

// haveLine prints where the program $1 belongs, and ends with 44 if it is not there whole.
const haveLine = `umask 077; d="${XDG_CACHE_HOME:-$HOME/.cache}/apply/bin"; mkdir -p "$d" || exit 1; echo "$d/apply-$1"
[ -f "$d/apply-$1" ] && echo "$1  $d/apply-$1" | sha256sum -c >/dev/null 2>&1 || exit 44`

// enter goes to the stage below $1, alone.
const enter = `set -eu
umask 077
home=$1 bin=$2 token=$3
mkdir -p -- "$home"
cd -- "$home"
exec 9>>lock
flock -n 9 || { echo "another run of this manifest is at work here" >&2; exit 3; }
full() { df -Pk . | { read -r _; read -r _ _ _ free _; [ "$free" -ge 64 ] || echo "No space left on device" >&2; }; exit 1; }
`

// prepareScript receives a manifest as the stage, and lets the program compile it. The arguments are in the file run: nothing of them is seen in the list
// of processes before the program itself.
const prepareScript = enter + `rm -rf -- stage
trap '[ "${done-}" ] || { cd "$home" && rm -rf stage; }' EXIT
trap 'exit 129' HUP INT TERM PIPE
mkdir stage
cd stage
tar -xpof - || full
sha256sum -c SUMS >/dev/null
printf %s "$token" >token
. ./run
cd data
"$bin" exchange plan "$@" </dev/null
done=yes`

// convergeScript receives what the run needs beside the stage, runs the program and removes the stage.
const convergeScript = enter + `[ "$(cat stage/token 2>/dev/null)" = "$token" ] || { echo "the manifest was replaced by another run" >&2; exit 1; }
trap 'cd "$home" && rm -rf stage' EXIT
trap : HUP INT TERM PIPE
cd stage
tar -xpof - || full
[ ! -s SUMS ] || sha256sum -c SUMS >/dev/null
. ./run
. ./go
cd data
code=0
"$bin" "$@" </dev/null || code=$?
exit "$code"`

// forgetScript removes the stage of a run that did not come.
const forgetScript = enter + `[ "$(cat stage/token 2>/dev/null)" != "$token" ] || rm -rf stage`

func (p place) line(script string) string {
	return transport.Line([]string{"sh", "-c", script, "apply", p.home, p.program, p.token})
}

// prepare brings a node the program and the manifest, and lets it compile.
func (r *run) prepare(ctx context.Context, n fleet.Node, conn transport.Conn) (transport.Exit, error) {
	p := r.of(n.Name)
	if p.err = r.bring(ctx, n, conn, p); p.err != nil {
		p.place = place{} // the node has removed it, or is lost
	}
	return transport.Exit{}, p.err
}

func (r *run) bring(ctx context.Context, n fleet.Node, conn transport.Conn, p *prepared) error {
	where := output.NewCapture(1)
	exit, err := conn.Run(ctx, transport.Command{Line: transport.Line([]string{"sh", "-c", haveLine, "have", r.Hash}), Stdout: where})
	bin := strings.TrimSpace(string(where.Bytes()))
	switch {
	case err != nil:
		return err
	case exit.Code == 44:
		if err := r.Program.Put(ctx, conn, bin); err != nil {
			return err
		}
	case exit.Code != 0 || bin == "":
		return &fleet.JobError{Err: fmt.Errorf("the folder for this program cannot be made: exit code %d", exit.Code)}
	}
	p.place = place{program: bin, home: path.Join(path.Dir(path.Dir(bin)), "fleet", r.Key), token: rand.Text()}
	told := r.Report.Node(n.Name)
	bundle := r.Manifest.With("run", []byte(environment(n, r.Env)+words("set --", append([]string{"--json"}, r.Args...))+"\n"))
	err = bundle.Send(ctx, conn, transport.Command{Line: p.place.line(prepareScript), Stdout: &joint.Reader{Node: told}})
	if err = withReason(err, told); err != nil {
		return err
	}
	if p.part = told.Part(); p.part == nil {
		return &fleet.JobError{Err: errors.New("the program there does not say what its run will do")}
	}
	return nil
}

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
		fmt.Fprintf(&b, "export %s=%s\n", key, transport.Quote(value))
	}
	for key, value := range n.Facts {
		fmt.Fprintf(&b, "export APPLY_FACT_%s=%s\n", key, transport.Quote(value))
	}
	if len(n.Groups) > 0 {
		fmt.Fprintf(&b, "export APPLY_GROUP=%s\n", transport.Quote(strings.Join(n.Groups, ",")))
	}
	return b.String()
}

func words(line string, argv []string) string {
	for _, arg := range argv {
		line += " " + transport.Quote(arg)
	}
	return line
}

// converge lets a node that is prepared run.
func (r *run) converge(ctx context.Context, n fleet.Node, conn transport.Conn) (transport.Exit, error) {
	p := r.of(n.Name)
	args := slices.Clone(r.RunArgs)
	bundle := &files.Bundle{}
	switch {
	case r.Noop:
		args = append(args, "--noop")
	case r.meeting != nil && p.together():
		link, err := r.meeting.Link(ctx, conn, path.Join(p.place.home, "stage", "exchange.sock"))
		if err != nil {
			return transport.Exit{}, &fleet.JobError{Err: err}
		}
		defer link.Close()
		issued, err := r.meeting.Issue(p.part.Node)
		if err != nil {
			return transport.Exit{}, &fleet.JobError{Err: err}
		}
		for _, f := range issued {
			bundle = bundle.With("exchange/"+f.Name, f.Data)
		}
		args = append(args, "--exchange", link.URL, "--exchange-credentials", "../exchange")
	}
	bundle = bundle.With("go", []byte(words("set --", args)+` "$@"`+"\n"))
	told := r.Report.Node(n.Name)
	err := bundle.Send(ctx, conn, transport.Command{Line: p.place.line(convergeScript), Stdout: r.Reader(told), Grace: time.Minute})
	p.place = place{} // the node has removed it, or is lost
	return transport.Exit{}, withReason(err, told)
}

// together says that the node has to do with others.
func (p *prepared) together() bool {
	return p.part != nil && len(p.part.Exports)+len(p.part.Waits)+len(p.part.Limits) > 0
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
		p.conn.Run(ctx, transport.Command{Line: p.place.line(forgetScript)}) // a node that is lost keeps it until the next run
		cancel()
	}
	p.conn.Close()
	p.conn = nil
}
