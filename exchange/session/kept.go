package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/nodeapply/apply/exchange/durable"
	"github.com/nodeapply/apply/exchange/name"
	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/facts"
)

// kept is the file in which an exported fact is kept: its value as JSON.
func kept(state, fact string) string { return filepath.Join(state, "facts", fact+".json") }

func keep(state, fact string, value json.RawMessage) error {
	if err := name.Fact(fact); err != nil {
		return err
	}
	file := kept(state, fact)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("fact.%s: %w", fact, err)
	}
	if err := durable.WriteFile(file, value, 0o600); err != nil {
		return fmt.Errorf("fact.%s: %w", fact, err)
	}
	return nil
}

func drop(state, fact string) error {
	if err := name.Fact(fact); err != nil {
		return err
	}
	err := os.Remove(kept(state, fact))
	if err == nil {
		err = durable.SyncDir(filepath.Join(state, "facts"))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("fact.%s: %w", fact, err)
	}
	return nil
}

// Kept returns the value of a fact that this node has exported, as its state folder keeps it; nil when there is none.
func (s *Session) Kept(fact string) json.RawMessage {
	value, err := durable.ReadFile(kept(s.o.StateDir, fact))
	if err != nil || record.CheckValue(value) != nil {
		return nil
	}
	return value
}

// Exported are the facts that this node has exported, by this session or earlier ones of its state folder.
func (s *Session) Exported() Exported { return Exported{s.o.StateDir} }

// Exported are the facts that this node has exported, as a state folder keeps them.
type Exported struct{ StateDir string }

var _ facts.Provider = Exported{}

// Lookup implements [facts.Provider].
func (e Exported) Lookup(_ context.Context, fact string) (any, bool, error) {
	if name.Fact(fact) != nil {
		return nil, false, nil
	}
	b, err := durable.ReadFile(kept(e.StateDir, fact))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, false, nil
	case err != nil:
		return nil, false, err
	}
	if err := record.CheckValue(b); err != nil {
		return nil, false, fmt.Errorf("%s: %w", kept(e.StateDir, fact), err)
	}
	var value any
	err = json.Unmarshal(b, &value)
	return value, err == nil, err
}

// Names implements [facts.Provider].
func (e Exported) Names() []string {
	entries, _ := os.ReadDir(filepath.Join(e.StateDir, "facts")) // a folder that is not there has no facts
	var names []string
	for _, x := range entries {
		if n, ok := strings.CutSuffix(x.Name(), ".json"); ok && name.Fact(n) == nil {
			names = append(names, n)
		}
	}
	return names
}
