package session

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nodeapply/apply/exchange"
)

// part is a run that has joined, or tries to.
type part struct {
	joined    chan struct{}
	run       *exchange.Run
	err       error
	cancel    context.CancelFunc
	wg        sync.WaitGroup
	goingDown func(context.Context) bool

	notYet chan struct{} // closed when it is known why it has not joined

	mu         sync.Mutex
	doing      string
	notComing  []string          // facts, not told yet
	blocksOver map[string]string // addresses to why, not told yet
	away       error             // why it has not joined
}

func (p *part) isAway(why error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.away == nil {
		close(p.notYet)
	}
	p.away = why
}

// patient waits for a run that is just joining: a short one ends before, and others wait for what it says at its end. Where the exchange is
// away, or says nothing, that is not waited for.
func (p *part) patient() {
	t := time.NewTimer(lookTimeout)
	defer t.Stop()
	select {
	case <-p.joined:
	case <-p.notYet:
	case <-t.C:
	}
}

// why is why it has not joined, nil where that is not known.
func (p *part) why() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.away
}

// missed is why a run that was waited for has not joined.
func (p *part) missed(url string, cause error) error {
	if away := p.why(); away != nil {
		return fmt.Errorf("%w: %w", away, cause)
	}
	return fmt.Errorf("%s: not reached: %w", strings.TrimSpace("exchange "+url), cause)
}

// tell says now and then what the run is at, and what of its plan will not come.
func (p *part) tell(ctx context.Context) {
	tick := time.NewTicker(doingEvery)
	defer tick.Stop()
	said := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		p.mu.Lock()
		doing, gone, over := p.doing, p.notComing, p.blocksOver
		p.notComing, p.blocksOver = nil, nil
		p.mu.Unlock()
		if len(gone)+len(over) > 0 && (p.goingDown == nil || !p.goingDown(ctx)) {
			p.run.NotComing(gone)
			p.run.BlocksOver(over)
		}
		if doing != said {
			p.run.Doing(doing)
			said = doing
		}
	}
}
