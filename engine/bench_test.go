package engine

import (
	"context"
	"fmt"
	"testing"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources"
)

// still is a resource that is as declared.
type still struct{}

func (still) Check(context.Context, host.View) (resources.Diff, error) { return resources.Diff{}, nil }
func (still) Apply(context.Context, host.Host, resources.Diff) error   { return nil }

// BenchmarkNothingToDo is what a converge costs beside the checks of its resources.
func BenchmarkNothingToDo(b *testing.B) {
	for _, n := range []int{1000, 10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var entries []*catalog.Entry
			for i := range n {
				entries = append(entries, &catalog.Entry{Addr: resources.Address{Type: "file", Title: fmt.Sprint(i)}, Resource: still{}})
			}
			c, problems := catalog.New(entries, nil, nil)
			if len(problems) > 0 {
				b.Fatal(problems)
			}
			h := hosttest.New(b, "")
			b.ReportAllocs()
			for b.Loop() {
				if rep, err := Converge(b.Context(), h, c, Options{Parallel: 2}); err != nil || len(rep.Results) != n {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/resource")
		})
	}
}
