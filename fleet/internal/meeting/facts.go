package meeting

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/nodeapply/apply/exchange/durable"
	"github.com/nodeapply/apply/exchange/ledger"
	"github.com/nodeapply/apply/exchange/name"
	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/exchange/store"
)

// facts are what is kept of a meeting for the next one. It is the log of the store, which writes nothing while the run goes on.
type facts struct {
	file       string
	deployment string
	nodes      []string // whose facts count this time

	others []store.Entry // of nodes that are not there, and of other deployments: kept for another time
}

var _ ledger.Log = (*facts)(nil)

// Load reads the facts of the nodes that take part. A file that cannot be read is as good as none: facts are exported again.
func (f *facts) Load(time.Time) (*ledger.Ledger, error) {
	var entries, mine []store.Entry
	text, err := os.ReadFile(f.file)
	if f.file != "" && !errors.Is(err, fs.ErrNotExist) && err != nil {
		return nil, err
	}
	if json.Unmarshal(text, &entries) != nil {
		entries = nil
	}
	f.others = nil
	revision := int64(1)
	for _, e := range entries {
		k, err := name.Parse(e.Key)
		if err != nil || k.Kind != name.KindFact {
			continue
		}
		revision = max(revision, e.Revision)
		if k.Deployment == f.deployment && slices.Contains(f.nodes, k.Node) {
			mine = append(mine, e)
		} else {
			f.others = append(f.others, e)
		}
	}
	return ledger.New(revision, mine, nil), nil
}

// Commit writes nothing.
func (f *facts) Commit(*ledger.Tx) error { return nil }

// save keeps the facts that stand, but for those that go by themselves.
func (f *facts) save(s store.Store) error {
	if f.file == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), putPatience)
	defer cancel()
	l, err := s.List(ctx, name.Prefix(f.deployment))
	if err != nil {
		return fmt.Errorf("facts of the fleet: %w", err)
	}
	entries := slices.Clone(f.others)
	for _, e := range l.Entries {
		k, err := name.Parse(e.Key)
		if err != nil || k.Kind != name.KindFact || e.Lease != 0 {
			continue
		}
		if rec, err := record.Decode(k, e.Value); err == nil && rec.(*record.Fact).Status == record.OK {
			entries = append(entries, e)
		}
	}
	text, err := json.Marshal(entries)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(f.file), 0o700)
	}
	if err == nil {
		err = durable.WriteFile(f.file, text, 0o600)
	}
	if err != nil {
		return fmt.Errorf("facts of the fleet: %w", err)
	}
	return nil
}
