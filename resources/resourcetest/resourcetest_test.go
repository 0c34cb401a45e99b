package resourcetest_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/resourcetest"
)

// liar does nothing, and says after it that it is as declared.
type liar struct{ applied bool }

func (l *liar) Check(context.Context, host.View) (resources.Diff, error) {
	if l.applied {
		return resources.Diff{}, nil
	}
	return resources.Diff{Changes: []resources.Change{{Attr: "content", From: "a", To: "b"}}}, nil
}

func (l *liar) Apply(context.Context, host.Host, resources.Diff) error {
	l.applied = true
	return nil
}

// failing is a test that keeps what it failed of.
type failing struct {
	testing.TB
	why string
}

func (f *failing) Fatalf(format string, args ...any) {
	f.why = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// Who does not look at the node is found out.
func TestLiar(t *testing.T) {
	f := &failing{TB: t}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		resourcetest.Converges(f, hosttest.New(t, ""), &liar{})
	}()
	<-ended
	if !strings.Contains(f.why, "only the resource that was applied") {
		t.Errorf("got %q", f.why)
	}
}
