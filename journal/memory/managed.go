package memory

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"

	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/resources"
)

// managed is what the last manifest from one source declared. Like all of the state folder it is history: without it nothing is told of orphans and drift.
type managed struct {
	sum   string // of all declarations
	whole bool   // every resource was left as declared

	file []byte
	body []byte // the resources, one a line
}

// resource is one of them.
type resource struct {
	Address resources.Address `json:"address"`
	Sum     string            `json:"sum,omitempty"`     // of its declaration; empty: it was not left as declared
	Names   []string          `json:"names,omitempty"`   // what it has brought to the node
	Secret  []string          `json:"secret,omitempty"`  // attributes of which it has, or may have, a sensitive value
	Removal json.RawMessage   `json:"removal,omitempty"` // how one of them is taken away, for its writer
}

type managedHead struct {
	Version int    `json:"version"`
	Source  string `json:"source"`
	Sum     string `json:"sum"`
	Whole   bool   `json:"whole,omitempty"`
}

// managedVersion is that of the format. What is of another one is as if it were not there.
const managedVersion = 1

func managedName(source string) string {
	sum := sha256.Sum256([]byte(source))
	return filepath.Join("managed", hex.EncodeToString(sum[:16]))
}

// readManaged reads what the last manifest from a source declared; nil if nothing is known. Its resources are read when they are asked for.
func readManaged(s *journal.State, source string) (*managed, error) {
	b, err := s.Load(managedName(source))
	if err != nil || b == nil {
		return nil, err
	}
	line, body, _ := bytes.Cut(b, []byte("\n"))
	var head managedHead
	if err := json.Unmarshal(line, &head); err != nil {
		return nil, fmt.Errorf("%s: %w", managedName(source), err)
	}
	if head.Version != managedVersion || head.Source != source {
		return nil, nil
	}
	return &managed{sum: head.Sum, whole: head.Whole, file: b, body: body}, nil
}

// resources lists the resources in order of declaration.
func (m *managed) resources() ([]resource, error) {
	var out []resource
	for line := range bytes.Lines(m.body) {
		var r resource
		if err := json.Unmarshal(line, &r); err != nil {
			return nil, fmt.Errorf("managed: %w", err)
		}
		out = append(out, r)
	}
	return out, nil
}

// saveManaged keeps what a manifest from a source declares. It writes only what differs from before, which may be nil. The lock must be held.
func saveManaged(s *journal.State, source, sum string, rs []resource, before *managed) error {
	head := managedHead{Version: managedVersion, Source: source, Sum: sum, Whole: true}
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	for _, r := range rs {
		head.Whole = head.Whole && r.Sum != ""
		if err := enc.Encode(r); err != nil {
			return fmt.Errorf("managed: %w", err)
		}
	}
	line, err := json.Marshal(head)
	if err != nil {
		return fmt.Errorf("managed: %w", err)
	}
	file := append(append(line, '\n'), body.Bytes()...)
	if before != nil && bytes.Equal(file, before.file) {
		return nil
	}
	return s.Store(managedName(source), file)
}
