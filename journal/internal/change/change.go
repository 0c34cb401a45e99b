// Package change is what a run records of the files that it changes: what was at each name before, and how it was left.
package change

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/journal/internal/image"
	"github.com/nodeapply/apply/journal/internal/record"
	"github.com/nodeapply/apply/resources"
)

// Files are those that a run changes. It may be used by several goroutines.
type Files struct {
	images *image.Keeper

	mu      sync.Mutex
	touched map[resources.Address]names // by those that have not ended
	beside  map[resources.Address]bool  // of these, who has changed what is no file
	kept    map[string]depth
}

// names are those of files that a resource changes, each with what was there before it did, or unknown.
type names map[string]*image.Image

// unknown is what nobody has kept for the resource itself.
var unknown = &image.Image{}

// In are the files that a run changes which keeps images.
func In(images *image.Keeper) *Files {
	return &Files{images: images, touched: map[resources.Address]names{}, beside: map[resources.Address]bool{}, kept: map[string]depth{}}
}

// depth is how much of what was at a name is kept. Content that is written after a change of the mode alone is the original still.
type depth uint8

const (
	metadata depth = iota + 1
	everything
)

// Announce records a change of files that a makes, with what is there now; it is on disk when Announce returns.
func (f *Files) Announce(ctx context.Context, l *record.Log, a resources.Address, v host.View, op host.Op) (err error) {
	names, cut := []string{op.Name}, map[string]string(nil)
	if op.Kind == host.OpRemove && op.All {
		if names, cut, err = tree(v, op.Name); err != nil {
			return err
		}
		slices.Reverse(names) // as they are removed, what is in a folder before the folder: an undo goes the other way
	}
	for {
		n := min(len(names), batch)
		records, err := f.records(ctx, a, v, op, names[:n])
		if err != nil {
			return err
		}
		for i, name := range names[:n] {
			if pre := records[i].Op.Pre; pre != nil {
				pre.Missing = cmp.Or(pre.Missing, cut[name])
			}
		}
		f.was(a, op, records)
		if names = names[n:]; len(names) == 0 {
			return l.Append(ctx, records...)
		}
		if err := l.Later(records...); err != nil {
			return err
		}
	}
}

// batch is how many names of a folder are recorded at a time: only their records are in memory.
const batch = 256

// records makes the records of a change of the files of these names.
func (f *Files) records(ctx context.Context, a resources.Address, v host.View, op host.Op, names []string) ([]record.Record, error) {
	want := everything
	if op.Kind == host.OpMeta {
		want = metadata
	}
	records := make([]record.Record, len(names))
	var g errgroup.Group
	for i, name := range names {
		rec := &record.Op{Addr: record.AddressOf(a), Kind: string(op.Kind), Name: []byte(name)}
		records[i] = record.Record{Op: rec}
		first := f.touch(a, name, f.place(ctx, v, op, name), want)
		take := func() (err error) {
			if rec.Pre, err = f.images.Take(ctx, v, name, want == everything); err != nil {
				err = fmt.Errorf("pre-image of %s: %w; old content kept", name, err)
			}
			return err
		}
		switch {
		case !first:
		case op.Absent:
			rec.Pre = image.Nothing()
		default:
			leave := f.images.Place(ctx)
			if len(names) == 1 {
				err := take()
				leave()
				return records, err
			}
			g.Go(func() error {
				defer leave()
				return take()
			})
		}
	}
	return records, g.Wait()
}

// place tells what is at a name from what was there before something was mounted on it in this run.
func (f *Files) place(ctx context.Context, v host.View, op host.Op, name string) string {
	f.mu.Lock()
	kept := f.kept[name] > 0
	f.mu.Unlock()
	if op.Kind != host.OpMeta || !kept {
		return name
	}
	mounts, err := v.Mounts(ctx)
	if err == nil && slices.ContainsFunc(mounts, func(m host.Mount) bool { return m.Point == name }) {
		return name + "\x00mounted"
	}
	return name
}

// touch notes that a changes what is at a name; first: no more of it than want is kept as yet.
func (f *Files) touch(a resources.Address, name, place string, want depth) (first bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	first = f.kept[place] < want
	f.kept[place] = max(f.kept[place], want)
	if f.touched[a] == nil {
		f.touched[a] = names{}
	}
	if _, again := f.touched[a][name]; !again {
		f.touched[a][name] = nil
	}
	return first
}

// was notes what was at the names before the first change by a. Of a folder with all that is in it that is too much to remember.
func (f *Files) was(a resources.Address, op host.Op, records []record.Record) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range records {
		name, pre := string(r.Op.Name), unknown
		if r.Op.Pre != nil && !op.All {
			pre = r.Op.Pre
		}
		f.touched[a][name] = cmp.Or(f.touched[a][name], pre)
	}
}

// Beside notes that a changes what is no file.
func (f *Files) Beside(a resources.Address) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.beside[a] = true
}

// Open says whether any of those that have announced changes have not ended.
func (f *Files) Open() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.touched) > 0
}

// traces is how many files one record tells of at most, so that it stays within lines.Max.
const traces = 1024

// Untouched says whether all that a has announced is as it was before.
func (f *Files) Untouched(a resources.Address, v host.View) bool {
	f.mu.Lock()
	all, beside := f.touched[a], f.beside[a]
	f.mu.Unlock()
	for name, was := range all {
		if beside || was != nil && !was.Untouched(v, name) { // nil: what was there could not be kept, so nothing was changed
			return false
		}
	}
	return !beside
}

// Ended records how the files that a changed were left, if there are any: only an undo looks at that, and nobody waits for the disk.
func (f *Files) Ended(log func() (*record.Log, error), a resources.Address, v host.View) error {
	f.mu.Lock()
	all := f.touched[a]
	delete(f.touched, a)
	delete(f.beside, a)
	f.mu.Unlock()
	if len(all) == 0 {
		return nil
	}
	l, err := log()
	if err != nil {
		return err
	}
	v = image.NewApart(v, func(name string) bool { _, ours := all[name]; return ours })
	for some := range slices.Chunk(slices.Sorted(maps.Keys(all)), traces) {
		rec := record.Ended{Addr: record.AddressOf(a)}
		for _, name := range some {
			t, err := image.TraceOf(v, name)
			if err != nil {
				return err
			}
			rec.Files = append(rec.Files, t)
		}
		if err := l.Later(record.Record{Ended: &rec}); err != nil {
			return err
		}
	}
	return nil
}
