package seat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/nodeapply/apply/fleet"
	"github.com/nodeapply/apply/fleet/files"
	"github.com/nodeapply/apply/fleet/relay"
	"github.com/nodeapply/apply/fleet/transport"
	"github.com/nodeapply/apply/fleet/tree"
	"github.com/nodeapply/apply/fleet/tree/authority"
	"github.com/nodeapply/apply/fleet/tree/content"
	"github.com/nodeapply/apply/fleet/wire"
)

// Put brings one bundle to many nodes, through each other. It may be used by several goroutines.
type Put struct {
	// Note is told what did not go as it should and was made up for: the node by which another was to get the bundle altered it, say.
	Note func(node, text string)

	program   *Program
	bundle    *files.Bundle
	archive   *files.Archive
	spec      *content.Spec
	authority *authority.Authority
	tree      *tree.Tree
	asked     atomic.Int64
}

// Asked is how many times a node has asked the seat for the bundle, whole or from where another node had left it.
func (p *Put) Asked() int { return int(p.asked.Load()) }

// NewPut prepares to bring a bundle.
func NewPut(p *Program, b *files.Bundle) (*Put, error) {
	archive, err := b.Archive()
	if err != nil {
		return nil, err
	}
	spec, err := content.New(archive, archive.Size(), archive.Holes())
	if err != nil {
		return nil, err
	}
	run, err := authority.New()
	if err != nil {
		return nil, err
	}
	return &Put{Note: func(string, string) {}, program: p, bundle: b, archive: archive, spec: spec, authority: run, tree: tree.NewTree()}, nil
}

// To brings the bundle to dst on a connected node, as cp -r would. It returns when no other node depends on this one any more. Where no relay can run the
// node's own tools install the bundle.
func (p *Put) To(ctx context.Context, conn transport.Conn, at At, dst string) error {
	at.Note = func(text string) { p.Note(at.Node, text) }
	c, err := Start(ctx, conn, p.program, at, p.Handlers())
	if errors.Is(err, ErrNoRelay) {
		p.Note(at.Node, err.Error()+"; its own tools are used")
		return p.bundle.Put(ctx, conn, dst)
	}
	if err != nil {
		return err
	}
	defer c.Close()
	if err := p.Through(ctx, c, at, dst); err != nil {
		return err
	}
	c.lend(ctx)
	return nil
}

// Handlers are what a relay by which the bundle is brought may call.
func (p *Put) Handlers() map[string]wire.Handler {
	return map[string]wire.Handler{"content": p.content}
}

// Through brings the bundle to dst by a relay that was started with the Handlers. It returns when no other node gets it from this one.
func (p *Put) Through(ctx context.Context, c *Client, at At, dst string) error {
	server := p.tree.Server()
	told, err := c.join(ctx, p.authority, server)
	if err != nil {
		return failed(ctx, err)
	}
	m, sources, patience := p.tree.Join(at.Segment, tree.Source{Name: at.Node, Server: server, Address: told.Address})
	g := &got{note: func(n tree.Note) {
		p.Note(at.Node, fmt.Sprintf("from %s: %s; another source is used", n.Source, n.Problem))
	}, got: m.Got}
	order := tree.Order{Spec: p.spec, Sources: sources, Patience: patience}
	_, err = c.Call(ctx, "put", relay.PutArgs{Order: order, Own: p.archive.Own(), To: dst, Tops: p.bundle.Tops()}, wire.Streams{Stdout: g}, 0)
	g.done()
	if err != nil {
		m.Drop()
	} else {
		m.Leave(ctx)
	}
	return failed(ctx, err)
}

// join gives a relay its identity.
func (c *Client) join(ctx context.Context, a *authority.Authority, server string) (told relay.Joined, err error) {
	id, err := a.Identity(server)
	if err != nil {
		return told, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startPatience, &transport.TimeoutError{After: startPatience, What: "start of the relay"})
	defer cancel()
	if err = c.Ask(ctx, "join", id, &told, maxAnswer); err != nil {
		return told, err
	}
	if !reachable(told.Address) {
		told.Address = ""
	}
	return told, nil
}

// failed tells what failed on a node from a node that was lost, and from the end of the context.
func failed(ctx context.Context, err error) error {
	switch {
	case err == nil || ctx.Err() != nil:
		return err
	case errors.Is(err, wire.ErrLost):
		return transport.ErrLost
	}
	return &fleet.JobError{Err: err}
}

// content serves the bundle to a node.
func (p *Put) content(_ context.Context, c *wire.Call) (wire.End, error) {
	var a relay.ContentArgs
	if err := c.Args(&a); err != nil {
		return wire.End{}, err
	}
	if a.ID != p.spec.ID || a.Offset < 0 || a.Offset > p.archive.Size() {
		return wire.End{}, errors.New("there is no such content")
	}
	p.asked.Add(1)
	return wire.End{}, p.spec.Send(c.Stdout, p.archive, a.Offset, p.archive.Size(), make([]byte, copySize))
}

// copySize is how much of a file is read at a time.
const copySize = 256 << 10

// got reads what a node tells while it gets a bundle: notes, then an empty one when the bundle is there.
type got struct {
	note func(tree.Note)
	got  func()

	line bytes.Buffer
	told int
	here bool
}

// Bounds of what a node may tell.
const (
	maxNoteLine = 8 << 10
	maxNotes    = 64
)

// Write takes what the node tells.
func (g *got) Write(p []byte) (int, error) {
	for _, b := range p {
		if b != '\n' {
			if g.line.WriteByte(b); g.line.Len() > maxNoteLine {
				return 0, errors.New("the node tells lines over the limit")
			}
			continue
		}
		var n tree.Note
		err := json.Unmarshal(g.line.Bytes(), &n)
		g.line.Reset()
		if g.told++; err != nil || g.told > maxNotes {
			return 0, errors.New("the node tells what is no note, or too many")
		}
		if n == (tree.Note{}) {
			g.done()
			continue
		}
		g.note(n)
	}
	return len(p), nil
}

// done says, once, that the node needs its parent no more.
func (g *got) done() {
	if !g.here {
		g.here = true
		g.got()
	}
}
