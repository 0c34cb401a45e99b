// Package kept asks types for the states of resources that they keep themselves, in the place of files.
package kept

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
)

// timeout is for reading one state.
const timeout = 30 * time.Second

// Types are those that are asked.
type Types []resources.Type

func (t Types) index(a resources.Address) int {
	return slices.IndexFunc(t, func(typ resources.Type) bool { return typ.Name == a.Type })
}

// Restorer makes a resource of an address's type, which has to be one that can restore.
func (t Types) Restorer(a resources.Address) (resources.Restorer, error) {
	i := t.index(a)
	if i < 0 {
		return nil, fmt.Errorf("unknown type %s", a.Type)
	}
	r, ok := t[i].New(a.Title).(resources.Restorer)
	if !ok {
		return nil, fmt.Errorf("a %s cannot be restored", a.Type)
	}
	return r, nil
}

// Timeout is how long a type gives an attempt of its own, 0 if it says nothing.
func (t Types) Timeout(a resources.Address) time.Duration {
	i := t.index(a)
	if i < 0 {
		return 0
	}
	return t[i].Timeout
}

// Now reads as it is now what a type kept of a resource before.
func (t Types) Now(ctx context.Context, v host.View, a resources.Address, before json.RawMessage) (json.RawMessage, error) {
	r, err := t.Restorer(a)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return r.Now(ctx, v, before)
}

// Takes names the files that go when what a type kept of a resource before is restored, and of which no record tells.
func (t Types) Takes(ctx context.Context, v host.View, a resources.Address, before json.RawMessage) ([]string, error) {
	r, err := t.Restorer(a)
	if err != nil {
		return nil, nil // nothing goes, which whoever restores it is told
	}
	taker, ok := r.(resources.Taker)
	if !ok {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	names, err := taker.Takes(ctx, v, before)
	for i := range names {
		names[i] = path.Clean(names[i])
	}
	return names, err
}
