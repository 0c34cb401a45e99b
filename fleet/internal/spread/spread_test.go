package spread_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/fleet/internal/spread"
)

// from is the name of the one that gives it in a turn.
func from(turn *spread.Turn) string {
	if turn.From == nil {
		return "seat"
	}
	return turn.From.Name
}

func source(i int) spread.Source {
	return spread.Source{Name: fmt.Sprint("n", i), Address: fmt.Sprintf("10.0.0.%d:1", i)}
}

// TestHolders: of many nodes of a segment two get it from the seat, however many there are, and no node gives it to more than two at a time.
func TestHolders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &spread.Holders{Patience: time.Hour}
		var mu sync.Mutex
		taking, most, count := map[string]int{}, map[string]int{}, map[string]int{}
		var nodes sync.WaitGroup
		start := time.Now()
		for i := range 128 {
			nodes.Go(func() {
				turn, err := h.Ask(t.Context(), fmt.Sprint("segment", i%2))
				must(t, err)
				who := fmt.Sprint(from(turn), " of ", i%2)
				mu.Lock()
				taking[who]++
				count[who]++
				most[who] = max(most[who], taking[who])
				mu.Unlock()
				time.Sleep(time.Second) // on its way
				mu.Lock()
				taking[who]--
				mu.Unlock()
				turn.Done(source(i)).Leave(t.Context())
			})
		}
		nodes.Wait()
		for who, n := range most {
			if n > 2 {
				t.Errorf("%s gives it to %d at a time", who, n)
			}
		}
		if diff := cmp.Diff([]int{2, 2}, []int{count["seat of 0"], count["seat of 1"]}); diff != "" {
			t.Errorf("from the seat: %s", diff)
		}
		// 2, 6, 18, 54, 64
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("want 5 s, took %v", took)
		}
	})
}

func TestHoldersTrouble(t *testing.T) {
	ask := func(t *testing.T, h *spread.Holders) chan *spread.Turn {
		c := make(chan *spread.Turn, 1)
		go func() {
			if turn, err := h.Ask(t.Context(), ""); err == nil {
				c <- turn
			}
		}()
		synctest.Wait()
		return c
	}
	now := func(t *testing.T, c chan *spread.Turn) *spread.Turn {
		t.Helper()
		synctest.Wait()
		select {
		case turn := <-c:
			return turn
		default:
			t.Fatal("it is not its turn")
			return nil
		}
	}
	for _, tt := range []struct {
		name string
		do   func(t *testing.T, h *spread.Holders, first, second *spread.Turn, third chan *spread.Turn)
	}{
		{"a node that serves nobody widens the seat's way", func(t *testing.T, h *spread.Holders, first, _ *spread.Turn, third chan *spread.Turn) {
			if first.Done(spread.Source{Name: "n1"}) != nil {
				t.Error("who has no address gives it to nobody")
			}
			fourth, fifth, sixth := ask(t, h), ask(t, h), ask(t, h)
			for _, c := range []chan *spread.Turn{third, fourth, fifth} { // with the second: four
				if got := from(now(t, c)); got != "seat" {
					t.Errorf("want the seat, got %s", got)
				}
			}
			select {
			case <-sixth:
				t.Error("five get it from the seat")
			default:
			}
		}},
		{"a node that is lost on the way frees its place", func(t *testing.T, _ *spread.Holders, first, _ *spread.Turn, third chan *spread.Turn) {
			first.Failed(false)
			if got := from(now(t, third)); got != "seat" {
				t.Errorf("want the seat, got %s", got)
			}
		}},
		{"a slow way from the seat holds up nobody for long", func(t *testing.T, h *spread.Holders, first, _ *spread.Turn, third chan *spread.Turn) {
			time.Sleep(h.Patience)
			now(t, third)
			first.Failed(false)
		}},
		{"a holder that is lost gives it to nobody more", func(t *testing.T, h *spread.Holders, first, second *spread.Turn, third chan *spread.Turn) {
			second.Failed(false)
			now(t, third).Failed(false)
			n1 := first.Done(source(1))
			n1.Gone()
			n1.Leave(t.Context())
			if got := from(now(t, ask(t, h))); got != "seat" {
				t.Errorf("want the seat, got %s", got)
			}
		}},
		{"a holder that is to blame twice is left", func(t *testing.T, h *spread.Holders, first, second *spread.Turn, third chan *spread.Turn) {
			n1 := first.Done(source(1))
			a := now(t, third)
			b := now(t, ask(t, h))
			if got := from(a) + from(b); got != "n1n1" {
				t.Errorf("want n1 for both, got %s", got)
			}
			a.Failed(true)
			b.Failed(true)
			second.Failed(false)
			if got := from(now(t, ask(t, h))); got != "seat" {
				t.Errorf("want the seat, got %s", got)
			}
			n1.Leave(t.Context())
		}},
		{"who got it from no neighbour widens the seat's way too", func(t *testing.T, h *spread.Holders, first, second *spread.Turn, third chan *spread.Turn) {
			first.Done(source(1))
			askSeat := func() chan *spread.Turn {
				c := make(chan *spread.Turn, 1)
				go func() {
					if turn, err := h.AskSeat(t.Context(), ""); err == nil {
						c <- turn
					}
				}()
				synctest.Wait()
				return c
			}
			now(t, third).Failed(true)
			again, more, most := askSeat(), askSeat(), askSeat()
			turn := now(t, again) // beside the second
			if got := from(turn); got != "seat" {
				t.Errorf("want the seat, got %s", got)
			}
			select {
			case <-more:
				t.Error("three get it from the seat")
			default:
			}
			turn.Done(source(3))
			now(t, more).Failed(false)
			now(t, most).Failed(false)
			second.Failed(false)
		}},
		{"a holder stays while it is needed", func(t *testing.T, h *spread.Holders, first, second *spread.Turn, third chan *spread.Turn) {
			n1 := first.Done(source(1))
			left := make(chan bool)
			go func() { n1.Leave(t.Context()); close(left) }()
			synctest.Wait()
			select {
			case <-left:
				t.Error("it leaves while another one gets it from there")
			default:
			}
			now(t, third).Failed(false)
			<-left
			second.Failed(false)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := &spread.Holders{Patience: time.Minute}
				first, second := now(t, ask(t, h)), now(t, ask(t, h))
				third := ask(t, h)
				select {
				case <-third:
					t.Fatal("three get it from the seat")
				default:
				}
				tt.do(t, h, first, second, third)
			})
		})
	}
}

// TestHoldersInterrupted: whoever does not wait any more takes no place.
func TestHoldersInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &spread.Holders{Patience: time.Hour}
		first, err := h.Ask(t.Context(), "")
		must(t, err)
		second, err := h.Ask(t.Context(), "")
		must(t, err)
		cause := errors.New("enough")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, cause)
		defer cancel()
		if _, err := h.Ask(ctx, ""); !errors.Is(err, cause) {
			t.Errorf("want the cause, got %v", err)
		}
		first.Failed(false)
		third, err := h.Ask(t.Context(), "")
		must(t, err)
		third.Failed(false)
		second.Failed(false)
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
