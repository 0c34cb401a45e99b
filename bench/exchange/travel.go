package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nodeapply/apply/exchange"
	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/exchange/store"
	"github.com/nodeapply/apply/exchange/verdict"
)

// allTimeout bounds the time in which all nodes see all.
const allTimeout = 15 * time.Minute

func join(ctx context.Context, s store.Store, deployment, node string, p exchange.Plan) (*exchange.Run, error) {
	x, err := exchange.New(s, exchange.Options{Deployment: deployment})
	if err != nil {
		return nil, err
	}
	return x.Join(ctx, exchange.Identity{Node: node, Groups: []string{"all"}, Boot: "b", Machine: node, Run: "r"}, p)
}

// released measures, one after the other, how long it takes from the write of a fact to the end of a wait for it on another node.
func released(ctx context.Context, s *service, waits int) (p50, p99 time.Duration, err error) {
	writer, err := s.open(ctx, "a")
	if err != nil {
		return 0, 0, err
	}
	defer writer.Close()
	waiter, err := s.open(ctx, "b")
	if err != nil {
		return 0, 0, err
	}
	defer waiter.Close()
	run, err := join(ctx, waiter, "pairs", "b", exchange.Plan{})
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, run.End(context.WithoutCancel(ctx), "")) }()
	took := make([]time.Duration, waits)
	revision := int64(0)
	for i := range took {
		if took[i], err = releasedOnce(ctx, writer, run, i, &revision); err != nil {
			return 0, 0, err
		}
	}
	slices.Sort(took)
	return took[waits/2], took[waits*99/100], nil
}

func releasedOnce(ctx context.Context, writer store.Store, run *exchange.Run, i int, revision *int64) (time.Duration, error) {
	waiting, done := make(chan bool, 1), make(chan error, 1)
	go func() {
		w := record.Wait{Name: fmt.Sprint("w", i), Fact: "n", Nodes: []string{"a"}, Equals: json.RawMessage(strconv.Itoa(i))}
		_, err := run.Wait(ctx, w, func(verdict.Verdict) {
			select {
			case waiting <- true:
			default:
			}
		})
		done <- err
	}()
	select {
	case <-waiting:
	case err := <-done:
		return 0, fmt.Errorf("wait %d ended before its fact was written: %w", i, err)
	}
	began := time.Now()
	var err error
	*revision, err = writer.Put(ctx, store.Put{Key: "facts/pairs/a/n", Value: fmt.Appendf(nil, `{"status":"ok","value":%d}`, i), Expect: *revision})
	if err != nil {
		return 0, err
	}
	err = <-done
	return time.Since(began), err
}

// allForAll lets nodes join, export ten facts each, and wait for the last fact of all.
func allForAll(ctx context.Context, s *service, nodes int) (time.Duration, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, allTimeout, fmt.Errorf("%d nodes: not done in %v", nodes, allTimeout))
	defer cancel()
	stores := make([]store.Store, nodes)
	for i := range stores {
		var err error
		if stores[i], err = s.open(ctx, nodeName(i)); err != nil {
			return 0, err
		}
		defer stores[i].Close()
	}
	began := time.Now()
	g, ctx := errgroup.WithContext(ctx)
	for i := range stores {
		g.Go(func() error { return converge(ctx, stores[i], nodeName(i), nodes) })
	}
	err := g.Wait()
	return time.Since(began), err
}

func nodeName(i int) string { return fmt.Sprintf("n%04d", i) }

// converge is one node's run.
func converge(ctx context.Context, s store.Store, node string, all int) error {
	const facts = 10
	last := fmt.Sprint("f", facts-1)
	w := record.Wait{Name: "all", Fact: last, Group: "all", Min: all}
	p := exchange.Plan{Waits: []record.Wait{w}}
	for i := range facts {
		p.Exports = append(p.Exports, record.Export{Fact: fmt.Sprint("f", i)})
	}
	run, err := join(ctx, s, "all", node, p)
	if err != nil {
		return err
	}
	for i := range facts {
		if err := run.Publish(ctx, fmt.Sprint("f", i), json.RawMessage(`"10.0.0.1"`), 0); err != nil {
			return err
		}
	}
	v, err := run.Wait(ctx, w, nil)
	if err != nil {
		return err
	}
	if v.Count != all || len(v.Nodes[node]) != facts {
		return fmt.Errorf("%s sees %d nodes, and %d facts of its own", node, v.Count, len(v.Nodes[node]))
	}
	return run.End(ctx, "")
}
