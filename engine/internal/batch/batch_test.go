package batch

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

func at(wait func()) { wait() }

// Three are expected: the transaction waits for the two that come and for the end of the third, and each learns how it fared itself.
func TestJoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Batches[string, string]
		for _, key := range []string{"a", "b", "c"} {
			b.Expect("package", key)
		}
		var runs [][]string
		run := func(all []string) []error {
			runs = append(runs, slices.Sorted(slices.Values(all)))
			errs := make([]error, len(all))
			for i, m := range all {
				errs[i] = errors.New("about " + m)
			}
			return errs
		}
		got := map[string]string{}
		var mu sync.Mutex
		var all sync.WaitGroup
		for _, key := range []string{"a", "b"} {
			all.Go(func() {
				err := b.Join("package", key, key, at, run)
				mu.Lock()
				defer mu.Unlock()
				got[key] = fmt.Sprint(err)
			})
		}
		synctest.Wait()
		if runs != nil {
			t.Fatalf("a transaction did not wait for who was expected: %v", runs)
		}
		b.Ended("service", "c") // another kind
		synctest.Wait()
		if runs != nil {
			t.Fatalf("another kind's end was taken for it: %v", runs)
		}
		b.Ended("package", "c")
		all.Wait()
		if diff := cmp.Diff([][]string{{"a", "b"}}, runs); diff != "" {
			t.Errorf("transactions: -want +got\n%s", diff)
		}
		if diff := cmp.Diff(map[string]string{"a": "about a", "b": "about b"}, got); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	})
}

// Who comes while a transaction runs is in the next.
func TestNextTransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Batches[string, string]
		release := make(chan bool)
		var runs [][]string
		run := func(all []string) []error {
			runs = append(runs, all)
			<-release
			return make([]error, len(all))
		}
		var all sync.WaitGroup
		for _, key := range []string{"a", "b"} {
			all.Go(func() {
				if err := b.Join("package", key, key, at, run); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		if len(runs) != 1 {
			t.Fatalf("want one transaction under way, got %v", runs)
		}
		release <- true
		release <- true
		all.Wait()
		if diff := cmp.Diff([][]string{{"a"}, {"b"}}, runs); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	})
}
