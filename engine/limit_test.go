package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// gate is a limit of one place; entering and leaving are written to the log of the world.
type gate struct {
	thing
	shut  bool   // there is never a place
	while func() // what happens during the wait
	other bool   // it does not concern this node
	mu    sync.Mutex
	inner context.Context
	lose  context.CancelCauseFunc
	turns int64
}

func (g *gate) Provides() []resources.Identity {
	return []resources.Identity{{Kind: "limit", Name: g.name}}
}
func (g *gate) Requires() []resources.Identity { return nil }

func (g *gate) Enter(ctx context.Context) (resources.Place, error) {
	if g.shut {
		<-ctx.Done()
		return nil, fmt.Errorf("limit.%s: n2 is inside: %w", g.name, context.Cause(ctx))
	}
	if g.other {
		return nil, nil
	}
	if g.while != nil {
		g.while()
	}
	g.w.did("enter %s", g.name)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.turns++
	g.inner, g.lose = context.WithCancelCause(context.WithoutCancel(ctx))
	return g, nil
}

func (g *gate) Number() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.turns
}

func (g *gate) Inside() context.Context {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.inner
}

func (g *gate) Leave(context.Context) error {
	g.w.did("leave %s", g.name)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lose(nil)
	if g.words["far"] {
		return errors.New("limit." + g.name + ": no route to host")
	}
	return nil
}

// worker is a thing whose Apply runs a command of that name through the host.
type worker struct{ thing }

func (x *worker) Apply(ctx context.Context, h host.Host, d resources.Diff) error {
	if _, err := h.Run(ctx, host.Cmd{Args: []string{x.name}}); err != nil {
		return err
	}
	return x.thing.Apply(ctx, h, d)
}

// shell logs the environment of commands. The command "long" ends with its context, "lose" at once, and a "meet" when another has begun.
type shell struct {
	node
	w    *world
	g    *gate // whose place is lost while "long" or "lose" runs
	meet *sync.WaitGroup
}

func (s shell) Run(ctx context.Context, c host.Cmd) (host.Output, error) {
	s.w.did("run %s %s", c.Args[0], strings.Join(c.Env, " "))
	switch c.Args[0] {
	case "long":
		s.g.lose(errors.New("place is lost"))
		<-ctx.Done()
		return host.Output{}, context.Cause(ctx)
	case "lose":
		s.g.lose(errors.New("place is lost"))
	case "meet1", "meet2":
		s.meet.Done()
		s.meet.Wait()
	}
	return host.Output{}, nil
}

// limitedBy makes limits of entries named L..., and workers of those that are inside: "La=x,y" puts x and y inside La.
func limitedBy(t *testing.T, w *world, decl, edges, inside string) (*catalog.Catalog, map[string]*gate) {
	t.Helper()
	entries, rels := declareLimits(t, w, decl, edges, inside)
	gates := map[string]*gate{}
	for _, e := range entries {
		if g, ok := e.Resource.(*gate); ok {
			gates[g.name] = g
		}
	}
	return newCatalog(t, entries, rels), gates
}

func declareLimits(t *testing.T, w *world, decl, edges, inside string) ([]*catalog.Entry, []catalog.Relation) {
	t.Helper()
	entries, rels := declare(t, w, decl), relate(edges)
	for _, e := range entries {
		th, ok := e.Resource.(*thing)
		if !ok {
			continue
		}
		if th.name[0] == 'L' {
			th.words["ok"] = true
			e.Resource, e.Timeout = &gate{thing: *th, shut: th.words["shut"], other: th.words["other"]}, time.Minute
		} else {
			e.Resource = &worker{*th}
		}
	}
	for _, s := range strings.Fields(inside) {
		l, list, _ := strings.Cut(s, "=")
		for name := range strings.SplitSeq(list, ",") {
			rels = append(rels, catalog.Relation{From: resources.Address{Type: "t", Title: l}, To: resources.Address{Type: "t", Title: name}, Kind: catalog.Inside})
		}
	}
	return entries, rels
}

func TestLimits(t *testing.T) {
	for _, tc := range []struct{ name, decl, edges, inside, want, log string }{
		{"one is changed inside", "La a", "", "La=a", "La=unchanged a=changed",
			"enter La,run a APPLY_FENCE_LA=1 APPLY_FENCE=1,apply a,leave La"},
		{"nothing to do: nobody enters", "La a:there", "", "La=a", "La=unchanged a=unchanged", ""},
		{"a plan would not either", "La a:noop", "", "La=a", "La=unchanged a=pending", ""},
		{"from the first that changes to the last", "La a:there b x c:there d", "a>b b>x x>c c>d", "La=a,b,c",
			"La=unchanged a=unchanged b=changed x=changed c=unchanged d=changed",
			"enter La,run b APPLY_FENCE_LA=1 APPLY_FENCE=1,apply b,run x ,apply x,leave La,run d ,apply d"},
		{"those without order enter each by itself", "La a b", "", "La=a,b", "La=unchanged a=changed b=changed",
			"enter La,run a APPLY_FENCE_LA=1 APPLY_FENCE=1,apply a,leave La,enter La,run b APPLY_FENCE_LA=2 APPLY_FENCE=2,apply b,leave La"},
		{"several by their names", "Lb La a", "", "Lb=a La=a", "Lb=unchanged La=unchanged a=changed",
			"enter La,enter Lb,run a APPLY_FENCE_LA=1 APPLY_FENCE_LB=1 APPLY_FENCE=1,apply a,leave La,leave Lb"},
		{"the fence is that of the last", "La Lb x a", "", "La=x,a Lb=a", "La=unchanged Lb=unchanged x=changed a=changed",
			"enter La,run x APPLY_FENCE_LA=1 APPLY_FENCE=1,apply x,leave La," +
				"enter La,enter Lb,run a APPLY_FENCE_LA=2 APPLY_FENCE_LB=1 APPLY_FENCE=1,apply a,leave La,leave Lb"},
		{"left when the rest is skipped", "La a:fails b", "a>b", "La=a,b", "La=unchanged a=failed b=skipped(t.a)",
			"enter La,run a APPLY_FENCE_LA=1 APPLY_FENCE=1,apply a,leave La"},
		{"a refresh is inside", "La a s:there", "a~s", "La=s", "La=unchanged a=changed s=refreshed", "run a ,apply a,enter La,refresh s,leave La"},
		{"a refresh that does nothing is not", "La a s:there,stopped", "a~s", "La=s", "La=unchanged a=changed s=unchanged", "run a ,apply a"},
		{"no place", "La:shut a b", "a>b", "La=a", "La=unchanged a=failed b=skipped(t.a)", ""},
		{"another group's", "La:other a", "", "La=a", "La=unchanged a=changed", "run a ,apply a"},
		{"it cannot be given back, by which nothing fails", "La:far a", "", "La=a", "La=unchanged a=changed",
			"enter La,run a APPLY_FENCE_LA=1 APPLY_FENCE=1,apply a,leave La"},
		{"the place is lost", "La long", "", "La=long", "La=unchanged long=failed",
			"enter La,run long APPLY_FENCE_LA=1 APPLY_FENCE=1,leave La"},
		{"who comes next finds it lost", "La lose b", "lose>b", "La=lose,b", "La=unchanged lose=changed b=failed",
			"enter La,run lose APPLY_FENCE_LA=1 APPLY_FENCE=1,apply lose,leave La"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, start := &world{}, time.Now()
				c, gates := limitedBy(t, w, tc.decl, tc.edges, tc.inside)
				rep, err := Converge(t.Context(), shell{w: w, g: gates["La"]}, c, Options{})
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tc.want, outcomes(rep)); diff != "" {
					t.Error(diff)
				}
				if diff := cmp.Diff(tc.log, strings.Join(w.log, ",")); diff != "" {
					t.Error(diff)
				}
				if took := time.Since(start); tc.name == "no place" && took != time.Minute {
					t.Errorf("waited %v", took)
				}
				if told := fmt.Sprint(rep.Warnings); (told == "[limit.La: no route to host]") != gates["La"].words["far"] {
					t.Errorf("told %s", told)
				}
				for _, res := range rep.Results {
					if res.Outcome == report.Failed && tc.name == "no place" && res.Error.Summary != "limit.La: n2 is inside: timed out after 1m0s" {
						t.Errorf("got %q", res.Error.Summary)
					}
					if res.Outcome == report.Failed && tc.name == "the place is lost" && res.Error.Summary != "place is lost" {
						t.Errorf("got %q", res.Error.Summary)
					}
				}
			})
		})
	}
}

func TestThoseInsideAtOnceShareThePlace(t *testing.T) {
	w, meet := &world{}, &sync.WaitGroup{}
	meet.Add(2)
	c, gates := limitedBy(t, w, "La meet1 meet2", "", "La=meet1,meet2")
	rep, err := Converge(t.Context(), shell{w: w, g: gates["La"], meet: meet}, c, Options{Parallel: 2})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("La=unchanged meet1=changed meet2=changed", outcomes(rep)); diff != "" {
		t.Error(diff)
	}
	if w.count("enter La") != 1 || w.count("leave La") != 1 || w.log[len(w.log)-1] != "leave La" {
		t.Errorf("got %q", w.log)
	}
}

// TestAnInterruptEndsTheWaitForAPlace: what has not begun does not begin any more.
func TestAnInterruptEndsTheWaitForAPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, stop := &world{}, make(chan struct{})
		c, _ := limitedBy(t, w, "La:shut a", "", "La=a")
		time.AfterFunc(20*time.Second, func() { close(stop) })
		start := time.Now()
		rep, err := Converge(t.Context(), shell{w: w}, c, Options{Stop: stop})
		if err != nil {
			t.Fatal(err)
		}
		if got := outcomes(rep); got != "La=unchanged a=skipped" || time.Since(start) > 21*time.Second {
			t.Errorf("got %s after %v", got, time.Since(start))
		}
	})
}

// TestWhatHappensDuringTheWaitForAPlace is seen when it is over.
func TestWhatHappensDuringTheWaitForAPlace(t *testing.T) {
	for _, tc := range []struct{ name, decl, edges, inside, while, want, log string }{
		{"it has come about", "La a", "", "La=a", "done", "La=unchanged a=unchanged", "enter La,leave La"},
		{"an interrupt", "La a", "", "La=a", "interrupt", "La=unchanged a=skipped", "enter La,leave La"},
		{"an interrupt before a refresh", "La a s:there", "a~s", "La=s", "interrupt", "La=unchanged a=changed s=skipped", "run a ,apply a,enter La,leave La"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w, stop := &world{}, make(chan struct{})
			c, gates := limitedBy(t, w, tc.decl, tc.edges, tc.inside)
			gates["La"].while = map[string]func(){"done": func() { w.set("a", true) }, "interrupt": func() { close(stop) }}[tc.while]
			rep, err := Converge(t.Context(), shell{w: w}, c, Options{Stop: stop, Recorder: &keeper{}})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{tc.want, tc.log}, []string{outcomes(rep), strings.Join(w.log, ",")}); diff != "" {
				t.Error(diff)
			}
		})
	}
}
