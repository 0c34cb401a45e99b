// Package face is the exchange's HTTP side for orchestrators and people: facts as JSON, long polls, server-sent events,
// parameters, and a page that shows it all live. Every request needs a bearer token.
package face

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/nodeapply/apply/exchange"
	"github.com/nodeapply/apply/exchange/internal/wire"
	"github.com/nodeapply/apply/exchange/ledger"
	"github.com/nodeapply/apply/exchange/name"
	"github.com/nodeapply/apply/exchange/pki"
	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/exchange/store"
	"github.com/nodeapply/apply/exchange/verdict"
	"github.com/nodeapply/apply/exchange/view"
)

// maxWait bounds how long a request for a fact may wait for it; eventPause is the least time between two writes of a stream
// of events, so that a fleet in motion is told in sums.
const (
	maxWait    = 10 * time.Minute
	eventPause = 250 * time.Millisecond
)

// Deadlines: to send a parameter, and to take what is sent.
const (
	readTimeout  = 20 * time.Second
	writeTimeout = 30 * time.Second
)

var errQuiet = errors.New("nothing happened")

// Face answers from one store.
type Face struct {
	hub       *ledger.Hub
	authority *pki.Authority
	clock     func() time.Time
}

// New makes the face of a store, whose tokens are an authority's.
func New(hub *ledger.Hub, authority *pki.Authority, clock func() time.Time) *Face {
	return &Face{hub, authority, clock}
}

// Handler answers every request that comes with a token, and others with the page's form for one or not at all.
func (s *Face) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /v1/nodes", in(s.getNodes))
	mux.Handle("GET /v1/nodes/{node}/facts/{fact}", in(s.getFact))
	mux.Handle("GET /v1/events", in(s.getEvents))
	mux.Handle("PUT /v1/params/{param}", in(s.putParam))
	mux.HandleFunc("GET /{$}", s.getPage)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.hasToken(r); err != nil && !isPage(r) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="apply exchange"`)
			wire.Write(w, http.StatusUnauthorized, wire.Failure{Code: "denied", Error: err.Error()})
			return
		}
		if h, pattern := mux.Handler(r); pattern == "" {
			unanswered(w, r, h)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// unanswered says as JSON, as of every other error, what the mux would say as text of a path or a method that is none.
func unanswered(w http.ResponseWriter, r *http.Request, says http.Handler) {
	said := wordless{header: w.Header()}
	says.ServeHTTP(&said, r)
	f := wire.Failure{Code: "not_found", Error: "there is nothing at " + r.URL.Path}
	if said.status == http.StatusMethodNotAllowed {
		f = wire.Failure{Code: "refused", Error: fmt.Sprintf("%s: want %s", r.Method, w.Header().Get("Allow"))}
	}
	wire.Write(w, said.status, f)
}

// wordless keeps what a handler says, without its text.
type wordless struct {
	header http.Header
	status int
}

func (s *wordless) Header() http.Header         { return s.header }
func (s *wordless) Write(b []byte) (int, error) { return len(b), nil }
func (s *wordless) WriteHeader(status int)      { s.status = status }

func (s *Face) hasToken(r *http.Request) error {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		token = ""
	}
	return s.authority.CheckToken(strings.TrimSpace(token))
}

// in has a request answered that is about a deployment: ?deployment=NAME.
func in(answer func(w http.ResponseWriter, r *http.Request, deployment string) error) wire.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		d := cmp.Or(r.URL.Query().Get("deployment"), exchange.DefaultDeployment)
		if err := name.Deployment(d); err != nil {
			return refused(err)
		}
		return answer(w, r, d)
	}
}

// refused is the error of what is asked for wrongly.
func refused(err error) error {
	return fmt.Errorf("%w: %w", store.ErrRefused, err)
}

// view is what stands in a deployment under a prefix: all of it, or what one node has written.
func (s *Face) view(ctx context.Context, deployment, prefix string) (*view.View, error) {
	l, err := s.hub.List(ctx, prefix)
	if err != nil {
		return nil, err
	}
	return view.Of(deployment, l), nil
}

func (s *Face) getNodes(w http.ResponseWriter, r *http.Request, d string) error {
	v, err := s.view(r.Context(), d, name.Prefix(d))
	if err != nil {
		return err
	}
	wire.Write(w, http.StatusOK, struct {
		Deployment string            `json:"deployment"`
		Revision   int64             `json:"revision"`
		Nodes      []verdict.Summary `json:"nodes"`
	}{d, v.Revision, verdict.Summaries(v)})
	return nil
}

// getFact answers 200 with the value as JSON, or 202 and what is known while it is not there; ?wait=60s waits for it.
func (s *Face) getFact(w http.ResponseWriter, r *http.Request, d string) error {
	node, fact := r.PathValue("node"), r.PathValue("fact")
	err := errors.Join(name.Node(node), name.Fact(fact))
	wait := time.Duration(0)
	if q := r.URL.Query().Get("wait"); q != "" && err == nil {
		if wait, err = time.ParseDuration(q); err != nil || wait < 0 || wait > maxWait {
			err = fmt.Errorf("wait=%s: want a duration from 0s to %s, such as 60s", q, maxWait)
		}
	}
	if err != nil {
		return refused(err)
	}
	ctx, cancel := context.WithTimeoutCause(r.Context(), wait, errQuiet)
	defer cancel()
	for {
		v, err := s.view(r.Context(), d, name.NodePrefix(d, node))
		if err != nil {
			return err
		}
		f, there := v.Fact(node, fact)
		if there && f.Stale == "" && f.Status == record.OK {
			w.Header().Set("Apply-Revision", strconv.FormatInt(f.Revision, 10))
			wire.Write(w, http.StatusOK, f.Value)
			return nil
		}
		// A change of the node itself (a boot) may matter as much as one of the fact.
		_, _, err = s.hub.Next(ctx, name.NodePrefix(d, node), v.Revision)
		if errors.Is(err, errQuiet) {
			wire.Write(w, http.StatusAccepted, verdict.SummaryOf(f, there))
			return nil
		}
		if err != nil && !errors.Is(err, store.ErrCompacted) {
			return err
		}
	}
}

func (s *Face) putParam(w http.ResponseWriter, r *http.Request, d string) error {
	if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(readTimeout)); err != nil {
		return err
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, record.MaxValue))
	if _, over := errors.AsType[*http.MaxBytesError](err); over {
		err = fmt.Errorf("over the limit of %d bytes", record.MaxValue)
	}
	if err == nil {
		err = record.CheckValue(b)
	}
	if err != nil {
		return fmt.Errorf("value: %w", refused(err))
	}
	k := name.Key{Kind: name.KindParam, Deployment: d, Name: r.PathValue("param")}
	if err := name.Param(k.Name); err != nil {
		return refused(err)
	}
	value, err := record.JSON(record.Param{Value: b})
	if err != nil {
		return err
	}
	rev, err := s.hub.Put(r.Context(), store.Put{Key: k.String(), Value: value, Expect: store.Any})
	if err != nil {
		return err
	}
	wire.Write(w, http.StatusOK, wire.Reply{Revision: rev})
	return nil
}

// getEvents streams server-sent events: one of each node that is there, "synced", and then one of each node that has changed,
// whole, or has "gone", with the revision as its id. A client that comes back gets all of it again: what has gone meanwhile, or an exchange that was put back
// to an earlier state, cannot be told by revisions.
func (s *Face) getEvents(w http.ResponseWriter, r *http.Request, d string) error {
	v, err := s.view(r.Context(), d, name.Prefix(d))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	out := &events{w: w, c: http.NewResponseController(w)}
	for _, n := range verdict.Summaries(v) {
		out.event("node", v.Revision, n)
	}
	out.event("cycles", v.Revision, verdict.CycleTexts(v))
	out.event("synced", v.Revision, map[string]int64{"revision": v.Revision})
	pause := time.NewTicker(eventPause)
	defer pause.Stop()
	for out.flush() == nil {
		select {
		case <-pause.C:
		case <-r.Context().Done():
			return nil
		}
		ctx, cancel := context.WithTimeoutCause(r.Context(), wire.Heartbeat, errQuiet)
		evs, rev, err := s.hub.Next(ctx, name.Prefix(d), v.Revision)
		cancel()
		switch {
		case s.hasToken(r) != nil:
			return nil
		case errors.Is(err, errQuiet):
			out.comment("alive")
		case err != nil:
			return nil // gone, or too far behind: the client comes back
		}
		v.Update(store.Update{Changes: evs})
		v.Revision, v.Now = rev, s.clock()
		changed, gone := verdict.Changed(v, evs)
		for _, n := range changed {
			out.event("node", rev, n)
		}
		for _, n := range gone {
			out.event("gone", rev, map[string]string{"name": n})
		}
		if len(evs) > 0 {
			out.event("cycles", rev, verdict.CycleTexts(v))
		}
	}
	return nil
}

// events writes server-sent events; the first error is the last that is written.
type events struct {
	w   http.ResponseWriter
	c   *http.ResponseController
	buf []byte
}

func (e *events) event(kind string, id int64, data any) {
	b, err := json.Marshal(data)
	if err != nil {
		b = []byte("null")
	}
	e.buf = fmt.Appendf(e.buf, "event: %s\nid: %d\ndata: %s\n\n", kind, id, b)
}

func (e *events) comment(text string) { e.buf = fmt.Appendf(e.buf, ": %s\n\n", text) }

func (e *events) flush() error {
	if err := e.c.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	if _, err := e.w.Write(e.buf); err != nil {
		return err
	}
	e.buf = e.buf[:0]
	return e.c.Flush()
}
