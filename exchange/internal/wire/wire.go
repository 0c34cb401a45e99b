// Package wire is what the embedded exchange's server and client say to each other over HTTPS.
//
// A call is a POST of a JSON [Request] to Path+NAME, answered by a JSON [Reply], or, for list and watch, by a stream of
// binary frames (frames.go). An error is a JSON [Failure] with the HTTP status that [Status] gives.
package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/exchange/store"
)

// Path is where the store's calls live; RenewPath answers with a new certificate for the caller's own key.
const (
	Path      = "/store/"
	RenewPath = "/renew"
)

// Content types; a client takes nothing else for an answer.
const (
	JSON   = "application/json"
	Frames = "application/x-apply-frames"
)

// Heartbeat is how often a watch says that it is alive; a client gives one up after three that it missed.
const Heartbeat = 5 * time.Second

// MaxBody bounds a request in bytes: the largest record, in base64, and its key.
const MaxBody = record.MaxRun*4/3 + 8<<10

// Request is the body of every call; each uses what it needs.
type Request struct {
	Key    string        `json:"key,omitempty"` // or the prefix
	Value  []byte        `json:"value,omitempty"`
	Expect int64         `json:"expect,omitempty"`
	After  int64         `json:"after,omitempty"`
	Lease  store.LeaseID `json:"lease,omitempty"`
	TTL    time.Duration `json:"ttl,omitempty"`
}

// Reply is the body of every answer that is not a stream.
type Reply struct {
	Revision    int64         `json:"revision,omitempty"`
	Lease       store.LeaseID `json:"lease,omitempty"`
	Entry       []byte        `json:"entry,omitempty"`       // one frame's payload
	Certificate string        `json:"certificate,omitempty"` // PEM
}

// Failure is the body of an error.
type Failure struct {
	Code  string `json:"code"`
	Error string `json:"error"`
}

type kind struct {
	code   string
	status int
	err    error
}

func kinds() []kind {
	return []kind{
		{"not_found", http.StatusNotFound, store.ErrNotFound},
		{"conflict", http.StatusConflict, store.ErrConflict},
		{"no_lease", http.StatusGone, store.ErrNoLease},
		{"compacted", http.StatusGone, store.ErrCompacted},
		{"denied", http.StatusForbidden, store.ErrDenied},
		{"refused", http.StatusBadRequest, store.ErrRefused},
		{"unavailable", http.StatusServiceUnavailable, store.ErrUnavailable},
	}
}

// Status gives an error as it travels: anything that is not one of the store's own is "unavailable".
func Status(err error) (int, Failure) {
	for _, k := range kinds() {
		if errors.Is(err, k.err) {
			return k.status, Failure{Code: k.code, Error: err.Error()}
		}
	}
	return http.StatusServiceUnavailable, Failure{Code: "unavailable", Error: err.Error()}
}

// Err gives the error back on the other side: the text as it was, and errors.Is as there.
func (f Failure) Err() error {
	for _, k := range kinds() {
		if k.code == f.Code {
			return &remote{text: f.Error, is: k.err}
		}
	}
	return fmt.Errorf("%w: unknown answer %q", store.ErrUnavailable, f.Code)
}

type remote struct {
	text string
	is   error
}

func (r *remote) Error() string { return r.text }
func (r *remote) Unwrap() error { return r.is }

// Write answers with a JSON body.
func Write(w http.ResponseWriter, status int, body any) {
	b, err := json.Marshal(body)
	if err != nil {
		status, b = http.StatusInternalServerError, []byte(`{"code":"unavailable","error":"answer cannot be written"}`)
	}
	w.Header().Set("Content-Type", JSON)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(append(b, '\n'))
}

// Handler answers a request. An error is the answer, so none is returned once the answer has begun.
type Handler func(w http.ResponseWriter, r *http.Request) error

// ServeHTTP implements [http.Handler].
func (h Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := h(w, r); err != nil {
		fail(w, err)
	}
}

// fail answers with an error.
func fail(w http.ResponseWriter, err error) {
	status, f := Status(err)
	Write(w, status, f)
}
