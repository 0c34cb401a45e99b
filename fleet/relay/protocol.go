package relay

import (
	"github.com/nodeapply/apply/fleet/place"
	"github.com/nodeapply/apply/fleet/tree"
)

// hello is the line by which a relay says that it is there.
const hello = "apply-relay 1"

// RunArgs are those of the call "run": what is to be run. Their JSON, as that of all that follows, is part of the protocol.
type RunArgs struct {
	Line    string `json:"line"`
	Script  bool   `json:"script"`   // a simple command of sh, not of the user's shell
	GraceMS int64  `json:"grace_ms"` // between SIGTERM and SIGKILL when the call is cancelled
}

// Joined is the answer to the call "join", whose arguments are an authority.Identity.
type Joined struct {
	Address string `json:"address"` // HOST:PORT at which other nodes get contents from it; "" where it cannot serve them
}

// PutArgs are those of the call "put": what a node is to get, and where to install it.
type PutArgs struct {
	Order tree.Order   `json:"order"`
	Own   []place.Span `json:"own"` // contents that are written to files of their own
	To    string       `json:"to"`
	Tops  int          `json:"tops"`
}

// ContentArgs are those of the call "content", by which a node asks the seat for one.
type ContentArgs struct {
	ID     string `json:"id"`
	Offset int64  `json:"offset"`
}

// Shared is the answer to the call "share": where other nodes get this program, as http://ADDRESS/KEY.
type Shared struct {
	Address string `json:"address"` // HOST:PORT, "" where it cannot serve them
	Key     string `json:"key"`
}

// programFD is the variable that names the descriptor of the compressed program, where it was just brought.
const programFD = "APPLY_RELAY_PROGRAM"
