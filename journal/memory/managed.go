package memory

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/resources"
)

// managed is what the last manifest from one source declared. Like all of the state folder it is history: without it nothing is told of orphans and drift.
type managed struct {
	source string
	sum    string // of all declarations
	whole  bool   // every resource was left as declared

	file []byte
	body []byte // the resources, one a line
}

// resource is one of them.
type resource struct {
	Address resources.Address `json:"address"`
	Sum     string            `json:"sum,omitempty"`     // of its declaration; empty: it was not left as declared
	Names   []string          `json:"names,omitempty"`   // what it has brought to the node
	Parts   []string          `json:"parts,omitempty"`   // files that it has a part of, as far as they may go with a folder
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

// managedFolder has a file for each source.
const managedFolder = "managed"

func managedName(source string) string {
	sum := sha256.Sum256([]byte(source))
	return filepath.Join(managedFolder, hex.EncodeToString(sum[:16]))
}

// readManaged reads what the last manifest from a source declared; nil if nothing is known. Its resources are read when they are asked for.
func readManaged(s *journal.State, source string) (*managed, error) {
	m, err := loadManaged(s, managedName(source))
	if m == nil || m.source != source {
		return nil, err
	}
	return m, nil
}

// loadManaged reads one by the name of its file, nil if there is none in this format.
func loadManaged(s *journal.State, name string) (*managed, error) {
	b, err := s.Load(name)
	if err != nil || b == nil {
		return nil, err
	}
	line, body, _ := bytes.Cut(b, []byte("\n"))
	var head managedHead
	if err := json.Unmarshal(line, &head); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if head.Version != managedVersion {
		return nil, nil
	}
	return &managed{source: head.Source, sum: head.Sum, whole: head.Whole, file: b, body: body}, nil
}

// readOthers reads what the last manifests from other sources declared, as far as it can be read.
func readOthers(s *journal.State, source string) (out []*managed) {
	entries, err := os.ReadDir(filepath.Join(s.Dir(), managedFolder))
	if err != nil {
		return nil
	}
	for _, e := range entries {
		if m, err := loadManaged(s, filepath.Join(managedFolder, e.Name())); err == nil && m != nil && m.source != source {
			out = append(out, m)
		}
	}
	return out
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
