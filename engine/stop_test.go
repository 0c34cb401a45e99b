package engine

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
)

// patient is a thing that does nothing but wait, for ever.
type patient struct {
	thing
	begun chan struct{}
}

func (p *patient) Waits() {}

func (p *patient) Apply(ctx context.Context, _ host.Host, _ resources.Diff) error {
	close(p.begun)
	<-ctx.Done()
	return context.Cause(ctx)
}

func TestAnInterruptEndsAWait(t *testing.T) {
	stop, begun := make(chan struct{}), make(chan struct{})
	go func() {
		<-begun
		close(stop)
	}()
	c := parse(t, &world{}, "a b", "a>b")
	e := c.Entries()[0]
	e.Resource = &patient{thing: *e.Resource.(*thing), begun: begun}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // where nothing else ends it
	defer cancel()
	rep, err := Converge(ctx, node{}, c, Options{Stop: stop})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("a=skipped b=skipped", outcomes(rep)); diff != "" {
		t.Error(diff)
	}
}
