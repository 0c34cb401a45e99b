// Package converge brings many nodes to one manifest, from one seat.
//
// First every node gets this program, as a relay, and the manifest, both through other nodes where they are large, and compiles it, which touches nothing:
// what is wrong with it there is told, and what the nodes' runs will export and wait for is known. A wait that cannot come true, or nodes that wait for each
// other, end the whole here. Then the nodes converge, in batches. Where they wait for each other and no exchange is configured, one is opened for the run, in
// the seat's memory; each node reaches it by a socket that its own connection forwards, with a certificate that is made for the run, and may write its own
// facts alone.
package converge

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/nodeapply/apply/fleet"
	"github.com/nodeapply/apply/fleet/files"
	"github.com/nodeapply/apply/fleet/internal/meeting"
	"github.com/nodeapply/apply/fleet/joint"
	"github.com/nodeapply/apply/fleet/seat"
	"github.com/nodeapply/apply/fleet/transport"
)

// Options say what to bring and how.
type Options struct {
	Dialer   transport.Dialer
	Program  *seat.Program
	Manifest *files.Bundle // the folder manifest
	Beside   *files.Bundle // what Args names beside it, as data/NAME: ../NAME there
	Key      string        // names the manifest's folder on the nodes: the same at every run, so that nothing but changes changes
	Args     []string      // of the program on every node, the manifest's name last
	RunArgs  []string      // further ones of the run, which say nothing about what the manifest declares
	Env      []string      // NAME=VALUE, for every node
	Noop     bool          // only say what would change
	Partial  bool          // not all of the manifest is asked for: what its waits come to is not known before

	Exchange   string // URL of the exchange that is configured here, "" for none
	Deployment string
	Facts      string // folder in which those of a run are kept for the next, where it has an exchange of its own

	Timeout     time.Duration // of a node's run
	Batch       int
	MaxFailures int

	Report *joint.Report
	// Reader makes what takes a node's events as they come.
	Reader func(*joint.Node) *joint.Reader
	// Begun and Ended tell of a node's run; Ended is called by one goroutine at a time.
	Begun func(node string)
	Ended func(*fleet.Result)
	Warn  func(error)  // of what went wrong beside the work
	Log   *slog.Logger // of what the run cost
	Note  func(node, text string)
	// Segment is the same for nodes that reach each other.
	Segment func(transport.Target) string
}

// run is one fleet's way to a manifest.
type run struct {
	Options
	nodes []fleet.Node
	id    string // of this run

	mu       sync.Mutex
	prepared map[string]*prepared

	put     *seat.Put        // of the manifest through the nodes, nil where each gets it from the seat
	meeting *meeting.Meeting // nil where none is needed
}

// prepared is a node that has the manifest and has compiled it, or the reason why not.
type prepared struct {
	conn  transport.Conn
	place place
	part  *joint.Part
	twin  string // the node that is the same machine, as its folder says
	err   error
}

// Do brings nodes to the manifest and returns how it ended on each. An error says that nothing was touched.
func Do(ctx context.Context, nodes []fleet.Node, o Options) (results []*fleet.Result, err error) {
	r := &run{Options: o, nodes: nodes, id: rand.Text(), prepared: map[string]*prepared{}}
	defer r.close()
	if err := r.spread(); err != nil {
		return nil, err
	}
	fleet.Each(ctx, nodes, fleet.Options{Dialer: kept{r}, Timeout: r.Timeout}, r.prepare)
	r.drop()
	if ctx.Err() == nil {
		r.names()
		if err := r.check(); err != nil {
			return nil, err
		}
	}
	if ctx.Err() == nil && r.meets() {
		if err := r.meet(ctx); err != nil && ctx.Err() == nil {
			return nil, fmt.Errorf("the exchange for this run: %w", err)
		}
	}
	results = fleet.Each(ctx, nodes, fleet.Options{
		Dialer: ready{r}, Timeout: r.Timeout, Batch: r.Batch, MaxFailures: r.MaxFailures, Ended: r.ended, Begun: r.begun,
	}, r.converge)
	if r.meeting != nil {
		r.Report.Waits = r.meeting.Waits()
	}
	content := len(nodes)
	if r.put != nil {
		content = r.put.Asked()
	}
	r.Log.Debug("what left the seat", "nodes", len(nodes), "program", r.Program.Brought(), "content", content)
	return results, nil
}

func (r *run) begun(n fleet.Node) {
	r.Report.Node(n.Name).StartMS = r.Report.Since(time.Now())
	if r.Begun != nil && r.of(n.Name).err == nil {
		r.Begun(n.Name)
	}
}

// ended tells of a node, also those that wait for it.
func (r *run) ended(res *fleet.Result) {
	if r.meeting != nil && res.Outcome != fleet.OK {
		r.meeting.Gone(r.inExchange(res.Node), reason(res))
	}
	r.Ended(res)
}

// reason is why a node will not export any more, in one line.
func reason(r *fleet.Result) string {
	if r.Err == nil {
		return string(r.Outcome)
	}
	return fmt.Sprintf("%s: %.300s", r.Outcome, r.Err)
}

// of is what is known of a node.
func (r *run) of(name string) *prepared {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.prepared[name]
	if p == nil {
		p = &prepared{err: errors.New("not reached")}
		r.prepared[name] = p
	}
	return p
}

func (r *run) meetingOptions() meeting.Options {
	o := meeting.Options{Deployment: r.Deployment, Report: r.Report, Noop: r.Noop}
	if r.Facts != "" {
		o.File = filepath.Join(r.Facts, r.Key+".json")
	}
	for _, n := range r.nodes {
		if p := r.of(n.Name); p.part != nil && p.err == nil {
			o.Nodes = append(o.Nodes, p.part.Node)
		}
	}
	return o
}

// meet opens the meeting, in which all nodes are known.
func (r *run) meet(ctx context.Context) (err error) {
	if r.meeting, err = meeting.Open(ctx, r.meetingOptions()); err != nil {
		return err
	}
	for _, n := range r.nodes {
		p := r.of(n.Name)
		if p.err != nil {
			if err := r.meeting.Known(ctx, n.Name, n.Groups, ""); err != nil {
				return err
			}
			r.meeting.Gone(n.Name, fmt.Sprintf("%.300s", p.err))
			continue
		}
		if err := r.meeting.Known(ctx, p.part.Node, p.part.Groups, p.part.Boot); err != nil {
			return err
		}
	}
	return nil
}

// inExchange is the name by which a node goes among others; one that was refused has that of the inventory alone.
func (r *run) inExchange(name string) string {
	if p := r.of(name); p.part != nil && p.err == nil {
		return p.part.Node
	}
	return name
}

// drop lets go of nodes that failed before anything was touched.
func (r *run) drop() {
	for _, n := range r.nodes {
		if p := r.of(n.Name); p.err != nil {
			p.close()
		}
	}
}

// close removes the manifest from nodes where no run did, and ends all connections.
func (r *run) close() {
	if r.meeting != nil {
		if err := r.meeting.Close(); err != nil {
			r.Warn(err)
		}
	}
	var wg sync.WaitGroup
	for _, p := range r.prepared {
		wg.Go(p.close)
	}
	wg.Wait()
}

// kept is the Dialer of the preparation, which keeps connections.
type kept struct{ *run }

func (k kept) Dial(ctx context.Context, t transport.Target) (transport.Conn, error) {
	c, err := k.Options.Dialer.Dial(ctx, t)
	p := k.of(t.Name)
	p.conn, p.err = c, err
	if err != nil {
		return nil, err
	}
	return lent{c}, nil
}

// Close does nothing: the Dialer is the caller's.
func (k kept) Close() error { return nil }

// ready is the Dialer of the converging: it gives the connections that were kept.
type ready struct{ *run }

func (d ready) Dial(_ context.Context, t transport.Target) (transport.Conn, error) {
	p := d.of(t.Name)
	if p.err != nil {
		return nil, p.err
	}
	return owned{p.conn, p}, nil
}

// Close does nothing.
func (d ready) Close() error { return nil }

// owned is a connection with which its node's part ends.
type owned struct {
	transport.Conn
	of *prepared
}

// Close ends the node's part.
func (o owned) Close() error {
	o.of.close()
	return nil
}

// lent is a connection that is not closed by whoever has it.
type lent struct{ transport.Conn }

// Close does nothing.
func (lent) Close() error { return nil }

// Key names the folder of a manifest on the nodes by where it is from.
func Key(source string) string {
	sum := sha256.Sum256([]byte(source))
	return hex.EncodeToString(sum[:8])
}
