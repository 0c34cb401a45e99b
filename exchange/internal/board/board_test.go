package board

import (
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/exchange/internal/ledgertest"
	"github.com/nodeapply/apply/exchange/name"
	"github.com/nodeapply/apply/exchange/store"
	"github.com/nodeapply/apply/exchange/view"
)

func TestLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := ledgertest.Hub(t)
		b := New(hub, "d")
		put := func(deployment, param, value string) {
			t.Helper()
			k := name.Key{Kind: name.KindParam, Deployment: deployment, Name: param}
			if _, err := hub.Put(t.Context(), store.Put{Key: k.String(), Value: []byte(`{"value":` + value + `}`), Expect: store.Any}); err != nil {
				t.Fatal(err)
			}
		}
		var seen []string
		look := func() <-chan struct{} {
			t.Helper()
			changed, away, err := b.Look(func(v *view.View) {
				value, _ := v.Param("p")
				seen = append(seen, string(value))
			})
			if away != nil || err != nil {
				t.Fatal(away, err)
			}
			return changed
		}
		put("d", "p", "1")
		<-look() // the first finds nothing yet, and begins the watch
		changed := look()
		put("other", "p", "9")
		synctest.Wait()
		select {
		case <-changed:
			t.Error("another deployment's change is told")
		default:
		}
		put("d", "p", "2")
		<-changed
		look()
		if diff := cmp.Diff([]string{"1", "2"}, seen); diff != "" {
			t.Error(diff)
		}
		b.Stop()
	})
}

func TestStopBeforeTheFirstLook(t *testing.T) {
	hub := ledgertest.Hub(t)
	b := New(hub, "d")
	b.Stop()
	if _, _, err := b.Look(func(*view.View) { t.Error("there is something to see") }); err != nil {
		t.Error(err)
	}
}
