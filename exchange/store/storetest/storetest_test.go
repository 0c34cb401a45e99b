package storetest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/nodeapply/apply/exchange/etcd"
	"github.com/nodeapply/apply/exchange/exchangetest"
	"github.com/nodeapply/apply/exchange/file"
	"github.com/nodeapply/apply/exchange/internal/ledgertest"
	"github.com/nodeapply/apply/exchange/store"
	"github.com/nodeapply/apply/exchange/store/storetest"
)

type opener = func(t *testing.T) store.Store

func openMemory(t *testing.T) store.Store { return ledgertest.Hub(t) }

func openFile(t *testing.T) store.Store {
	s, err := file.Open(t.TempDir(), time.Now, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func openEmbedded(t *testing.T) store.Store {
	return exchangetest.StartServer(t).Client(t, storetest.Node)
}

// openEtcd gives stores in one cluster; tests on it do not run in parallel.
func openEtcd(t *testing.T, members int) opener {
	e := exchangetest.StartEtcd(t, members)
	return func(t *testing.T) store.Store {
		s, err := etcd.New(t.Context(), etcd.Options{Endpoints: e.Endpoints})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
}

func TestConformance(t *testing.T) {
	for name, opens := range map[string]func(*testing.T) opener{
		"memory":        func(*testing.T) opener { return openMemory },
		"file":          func(*testing.T) opener { return openFile },
		"embedded":      func(*testing.T) opener { return openEmbedded },
		"etcd of one":   func(t *testing.T) opener { return openEtcd(t, 1) },
		"etcd of three": func(t *testing.T) opener { return openEtcd(t, 3) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, opens(t))
		})
	}
}

func TestHistoriesAgreeWithEtcd(t *testing.T) {
	oracle := openEtcd(t, 1)
	for _, d := range []struct {
		name  string
		open  opener
		seeds uint64
	}{{"memory", openMemory, 20}, {"file", openFile, 6}, {"embedded", openEmbedded, 6}} {
		for seed := range d.seeds {
			t.Run(fmt.Sprint(d.name, " seed ", seed), func(t *testing.T) {
				storetest.Compare(t, seed, 150, oracle(t), d.open(t))
			})
		}
	}
}
