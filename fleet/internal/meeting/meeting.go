// Package meeting is the exchange of one run over a fleet: in the seat's memory, with an authority of its own. Each node reaches it by a socket that its own
// connection forwards, with a certificate that is made for the run, and may write its own facts alone. For nodes that cannot speak for themselves the
// seat says that nothing will come of them, so that nobody waits for them.
package meeting

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/nodeapply/apply/exchange"
	"github.com/nodeapply/apply/exchange/ledger"
	"github.com/nodeapply/apply/exchange/name"
	"github.com/nodeapply/apply/exchange/pki"
	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/exchange/server"
	"github.com/nodeapply/apply/exchange/store"
	"github.com/nodeapply/apply/fleet/joint"
	"github.com/nodeapply/apply/fleet/transport"
	"github.com/nodeapply/apply/scratch"
)

// Meeting is the exchange of one run. It is served on a socket in a folder that is the seat's alone.
type Meeting struct {
	folder     *scratch.Folder
	socket     string
	deployment string
	hub        *ledger.Hub
	authority  *pki.Authority
	cancel     context.CancelFunc
	wg         sync.WaitGroup
	seen       *follower
	facts      *facts
	noop       bool

	mu  sync.Mutex
	out map[string]record.Run // what the seat says of nodes that cannot speak for themselves
}

// Options of Open.
type Options struct {
	Deployment string        // "" is the default one
	Report     *joint.Report // times are told since its start
	// File is where facts are kept from one run to the next, so that a run with nothing to do changes nothing; "" keeps none. Those of the named nodes
	// count in this run.
	File  string
	Nodes []string
	Noop  bool // File is only read
}

// Open starts the exchange. It outlives ctx, so that nodes can still say how they ended. Close ends it.
func Open(ctx context.Context, o Options) (m *Meeting, err error) {
	if o.Deployment == "" {
		o.Deployment = exchange.DefaultDeployment
	}
	m = &Meeting{deployment: o.Deployment, noop: o.Noop, out: map[string]record.Run{}, facts: &facts{file: o.File, deployment: o.Deployment, nodes: o.Nodes}}
	if m.folder, err = scratch.Temp("apply-fleet-"); err != nil {
		return nil, err
	}
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	m.cancel = cancel
	defer func() {
		if err != nil {
			err = errors.Join(err, m.Close())
		}
	}()
	if m.authority, err = pki.OpenAuthority(ctx, m.folder.Dir, nil); err != nil {
		return nil, err
	}
	if m.hub, err = ledger.NewHub(m.facts, time.Now); err != nil {
		return nil, err
	}
	m.socket = filepath.Join(m.folder.Dir, "socket")
	ln, err := (&net.ListenConfig{}).Listen(ctx, "unix", m.socket)
	if err != nil {
		return nil, err
	}
	m.wg.Go(func() { server.On(life, ln, m.hub, m.authority, server.Options{}) }) // it ends by life alone
	m.seen = newFollower(m, o.Report)
	m.wg.Go(func() { m.seen.follow(life) })
	return m, nil
}

// Close ends the exchange and keeps its facts. Links are closed before.
func (m *Meeting) Close() error {
	m.cancel()
	m.wg.Wait()
	var err error
	if m.hub != nil {
		if !m.noop {
			err = m.facts.save(m.hub)
		}
		m.hub.Close()
	}
	return errors.Join(err, m.folder.Close())
}

// Known makes a node known with its groups, before the first begins: then a group is whole for whoever waits for it. Facts of another boot are stale.
func (m *Meeting) Known(ctx context.Context, node string, groups []string, boot string) error {
	if name.Node(node) != nil {
		return nil // no node of that name can be waited for
	}
	return m.put(ctx, name.Key{Kind: name.KindNode, Node: node}, &record.Node{Groups: groups, Boot: boot})
}

// Issue makes the credentials of a node: the files of their folder.
func (m *Meeting) Issue(node string) ([]pki.File, error) { return m.authority.Issue(node) }

func (m *Meeting) put(ctx context.Context, k name.Key, rec any) error {
	k.Deployment = m.deployment
	b, err := json.Marshal(rec)
	if err != nil {
		return err
	}
	_, err = m.hub.Put(ctx, store.Put{Key: k.String(), Value: b, Expect: store.Any})
	return err
}

// putPatience bounds a write to memory.
const putPatience = 5 * time.Second

// Gone says for a node that it will export nothing any more, unless it has said so itself.
func (m *Meeting) Gone(node, why string) {
	if name.Node(node) != nil || m.over(node) {
		return
	}
	rec := record.Run{ID: "none", Ended: true, Failed: strings.ToValidUTF8(why, "\uFFFD")}
	m.mu.Lock()
	m.out[node] = rec
	m.mu.Unlock()
	m.say(node, rec)
}

// over tells whether a node has said itself that its run has ended.
func (m *Meeting) over(node string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), putPatience)
	defer cancel()
	k := name.Key{Kind: name.KindRun, Deployment: m.deployment, Node: node}
	e, err := m.hub.Get(ctx, k.String())
	if err != nil {
		return false
	}
	rec, err := record.Decode(k, e.Value)
	return err == nil && rec.(*record.Run).Ended
}

// sayAgain says it once more to a run that has just begun: what ended before a run says nothing to it for a while.
func (m *Meeting) sayAgain() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for node, rec := range m.out {
		m.say(node, rec)
	}
}

func (m *Meeting) say(node string, rec record.Run) {
	ctx, cancel := context.WithTimeout(context.Background(), putPatience)
	defer cancel()
	m.put(ctx, name.Key{Kind: name.KindRun, Node: node}, &rec) // memory fails only when the meeting is over
}

// Waits are those that have ended, and those that had begun, in the order of their beginnings.
func (m *Meeting) Waits() []joint.Wait { return m.seen.waits() }

// errNoForward says that a connection cannot carry facts.
var errNoForward = errors.New("its connection cannot carry facts: set an exchange (--exchange https://HOST:7654 or etcd://HOST1,HOST2)")

// Link is a node's way to the meeting. Close ends it.
type Link struct {
	URL string // of the exchange, as the node sees it
	ln  net.Listener
	wg  sync.WaitGroup
}

// Link lets a node reach the meeting by a socket at a path there.
func (m *Meeting) Link(ctx context.Context, conn transport.Conn, socket string) (*Link, error) {
	f, ok := conn.(transport.Forwarder)
	if !ok {
		return nil, errNoForward
	}
	ln, err := f.Listen(ctx, socket)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoForward, err)
	}
	l := &Link{ln: ln, URL: "unix://" + socket}
	if a, ok := ln.Addr().(*net.TCPAddr); ok {
		l.URL = "https://" + a.String()
	}
	l.wg.Go(func() {
		for {
			from, err := ln.Accept()
			if err != nil {
				return
			}
			l.wg.Go(func() { m.join(from) })
		}
	})
	return l, nil
}

// Close stops listening, and ends what goes over the link.
func (l *Link) Close() {
	l.ln.Close()
	l.wg.Wait()
}

// join copies between a node's connection and the meeting until both have ended.
func (m *Meeting) join(from net.Conn) {
	defer from.Close()
	to, err := (&net.Dialer{Timeout: putPatience}).Dial("unix", m.socket)
	if err != nil {
		return
	}
	defer to.Close()
	ended := make(chan error, 2)
	pass := func(w, r net.Conn) {
		_, err := io.Copy(w, r)
		ended <- errors.Join(err, w.Close()) // the protocol inside ends as a whole
	}
	go pass(to, from)
	go pass(from, to)
	<-ended
	from.Close()
	to.Close()
	<-ended
}
