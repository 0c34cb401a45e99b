package tree_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/nodeapply/apply/fleet/tree"
	"github.com/nodeapply/apply/fleet/tree/authority"
	"github.com/nodeapply/apply/fleet/tree/content"
)

// BenchmarkHop measures the processor time that both nodes of one hop need for 64 MiB.
func BenchmarkHop(b *testing.B) {
	data := varied(64 << 20)
	spec, err := content.New(bytes.NewReader(data), int64(len(data)), nil)
	if err != nil {
		b.Fatal(err)
	}
	a, err := authority.New()
	if err != nil {
		b.Fatal(err)
	}
	seat := func(_ context.Context, _ string, offset int64) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(data[offset:])), nil
	}
	fetch := func(store *tree.Store, name string, sources ...tree.Source) {
		id, err := a.Identity(name)
		if err != nil {
			b.Fatal(err)
		}
		file, err := os.Create(filepath.Join(b.TempDir(), "spool"))
		if err != nil {
			b.Fatal(err)
		}
		if notes, err := store.Fetch(b.Context(), tree.Order{Spec: spec, Sources: sources, Patience: time.Minute}, id, file, seat); err != nil || len(notes) > 0 {
			b.Fatal(err, notes)
		}
	}
	id, err := a.Identity("parent")
	if err != nil {
		b.Fatal(err)
	}
	parent := tree.NewStore()
	srv, err := tree.Listen(b.Context(), "127.0.0.1", id, parent)
	if err != nil {
		b.Fatal(err)
	}
	defer srv.Close()
	fetch(parent, "first")
	b.SetBytes(int64(len(data)))
	before := used(b)
	for b.Loop() {
		fetch(tree.NewStore(), "child", tree.Source{Name: "parent", Server: "parent", Address: srv.Address()})
	}
	b.ReportMetric((used(b)-before).Seconds()/float64(b.N), "cpu-s/op")
}

// used is the processor time of this process.
func used(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
