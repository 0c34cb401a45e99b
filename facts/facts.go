// Package facts knows what a node is: facts that are built in, external ones from files and executables, exported ones, and those that the
// caller gives.
//
// A [Set] gathers lazily: only the facts that are asked for are looked up, each with a deadline of its own, so that a hung mount or
// executable loses that fact and not the run. Of one name the given fact wins over the external one, that over the exported one, and that
// over the built-in one. Facts are data: they are bounded, and never evaluated.
//
// Values are nil, bool, int64, float64, json.Number (whole numbers that do not fit in int64), string, []any and map[string]any.
package facts

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nodeapply/apply/facts/internal/node"
	"github.com/nodeapply/apply/host"
)

// Folder is where external facts of every run are.
const Folder = "/etc/apply/facts.d"

// deadline is how long one built-in fact, one file or one executable may take.
const deadline = 10 * time.Second

// grace is how long after its deadline is waited for the reason.
const grace = 100 * time.Millisecond

// Provider is a source of facts. It may be used by several goroutines at once.
type Provider interface {
	// Lookup returns one top-level fact; ok is false if there is none of that name. An error says why it could not be had.
	Lookup(ctx context.Context, name string) (value any, ok bool, err error)
	// Names lists the facts that there are.
	Names() []string
}

// Options say what is known besides the built-in facts and those of [Folder].
type Options struct {
	// Environ is searched for given facts: FACTER_name=TEXT, and APPLY_FACT_name=JSON or text.
	Environ []string
	// Folders are further folders of external facts, absolute; a later one wins. One that is not there is told as a warning.
	Folders []string
	// Exported are the facts that this node exports; nil for none.
	Exported Provider
}

// Set is what is known of one node. It may be used by any number of goroutines; what was found once is kept.
type Set struct {
	view     host.View
	node     *node.Node
	folders  []string // of external facts
	exported Provider
	given    map[string]any
	refused  []string // warnings about what is given

	mu      sync.Mutex
	modules []string // folders of facts, after which those of the node count
	builtin map[string]*once[any]
	files   map[string]*once[folder]
}

var _ Provider = (*Set)(nil)

// New returns the facts of the node that v is of. Nothing is looked up yet.
func New(v host.View, o Options) *Set {
	s := &Set{
		view: v, node: node.New(v), folders: append([]string{Folder}, o.Folders...), exported: o.Exported,
		builtin: map[string]*once[any]{}, files: map[string]*once[folder]{},
	}
	s.given, s.refused = parseEnviron(o.Environ)
	return s
}

// AddModule adds the external facts that a module brings in its facts.d; dir is the module's folder. They come after those of the node, and
// of modules the later one wins. Facts that were looked up before stay as they were.
func (s *Set) AddModule(dir string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.modules = append(s.modules, path.Join(dir, "facts.d"))
}

// external lists the folders of external facts; a later one wins.
func (s *Set) external() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Concat(s.modules, s.folders)
}

// Lookup implements [Provider].
func (s *Set) Lookup(ctx context.Context, name string) (any, bool, error) {
	return s.lookup(ctx, name, s.exported)
}

// LookupUnexported looks up a fact as if this node exported none: what it tells others of itself does not change who it is.
func (s *Set) LookupUnexported(ctx context.Context, name string) (any, bool, error) {
	return s.lookup(ctx, name, nil)
}

// lookup looks the fact up in all; exported, which may be nil, are those that this node exports.
func (s *Set) lookup(ctx context.Context, name string, exported Provider) (any, bool, error) {
	given, ok := s.given[name]
	over, structured := given.(map[string]any)
	if ok && !structured {
		return given, true, nil
	}
	v, found, err := s.find(ctx, name, exported)
	if !ok || err != nil && !errors.As(err, new(*lostError)) {
		return v, found, err
	}
	return merge(v, over), true, nil // over what could be read: what is given is known whatever else is not
}

// Given returns the fact that the caller gives, which wins over all others of its name, and looks up nothing.
func (s *Set) Given(name string) (any, bool) {
	v, ok := s.given[name]
	return v, ok
}

// lostShown bounds how many files an error names: the warnings name them all.
const lostShown = 3

// find looks the fact up in all but what is given.
func (s *Set) find(ctx context.Context, name string, exported Provider) (any, bool, error) {
	var lost []string
	for _, dir := range slices.Backward(s.external()) {
		f, err := s.folder(ctx, dir)
		if err != nil {
			return nil, false, err
		}
		if v, ok := f.facts[name]; ok {
			return v, true, nil
		}
		lost = append(lost, f.warnings...)
	}
	if exported != nil {
		if v, ok, err := exported.Lookup(ctx, name); ok || err != nil {
			return v, ok, err
		}
	}
	v, err := s.builtinFact(ctx, name)
	if err != nil || v != nil {
		return v, v != nil, err
	}
	if len(lost) > 0 { // it may have been there
		return nil, false, &lostError{lost}
	}
	return nil, false, nil
}

// lostError says that nothing that could be read has a fact.
type lostError struct{ lost []string }

// Error names what could not be read.
func (e *lostError) Error() string {
	lost := e.lost
	if more := len(lost) - lostShown; more > 0 {
		lost = append(slices.Clip(lost[:lostShown]), fmt.Sprintf("and %d more", more))
	}
	return "unknown, unless it is in what could not be read: " + strings.Join(lost, "; ")
}

// folder reads the external facts of a folder, once.
func (s *Set) folder(ctx context.Context, dir string) (folder, error) {
	return at(s, s.files, dir).get(ctx, func() (folder, error) { return s.readFolder(ctx, dir), nil })
}

// builtinFact finds a built-in fact, once; nil is none.
func (s *Set) builtinFact(ctx context.Context, name string) (any, error) {
	return at(s, s.builtin, name).get(ctx, func() (any, error) {
		return within(ctx, deadline, func(ctx context.Context) (any, error) { return s.node.Find(ctx, name) })
	})
}

// Names implements [Provider]. Built-in facts are listed whether or not the node has them.
func (s *Set) Names() []string {
	all := map[string]bool{}
	add := func(names []string) {
		for _, n := range names {
			all[n] = true
		}
	}
	add(node.Names())
	add(slices.Collect(maps.Keys(s.given)))
	if s.exported != nil {
		add(s.exported.Names())
	}
	for _, dir := range s.external() {
		if f, err := s.folder(context.Background(), dir); err == nil {
			add(slices.Collect(maps.Keys(f.facts)))
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// Get returns the fact, or the part of one, that a path names: "os.family", "mounts.0.x", "mountpoints./var.size".
func (s *Set) Get(ctx context.Context, path string) (any, bool, error) {
	name, rest, deeper := strings.Cut(path, ".")
	v, ok, err := s.Lookup(ctx, name)
	if err != nil || !ok || !deeper {
		return v, ok, err
	}
	v, ok = dig(v, rest)
	return v, ok, nil
}

// Warnings says what could not be read so far of what is given and of external facts, one text each, in a fixed order.
func (s *Set) Warnings() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.Clone(s.refused)
	for _, dir := range slices.Sorted(maps.Keys(s.files)) {
		f, _ := s.files[dir].known()
		all = append(all, f.warnings...)
	}
	return all
}

// once holds what was found out by the first who asked.
type once[T any] struct {
	ask  sync.Once
	done chan struct{}
	v    T
	err  error
}

// at returns the place for a key of m, which s guards.
func at[T any](s *Set, m map[string]*once[T], key string) *once[T] {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m[key] == nil {
		m[key] = &once[T]{done: make(chan struct{})}
	}
	return m[key]
}

// get returns what f finds; others who ask wait for that, as long as their own ctx lasts.
func (o *once[T]) get(ctx context.Context, f func() (T, error)) (T, error) {
	first := false
	o.ask.Do(func() { first = true })
	if first {
		o.v, o.err = f()
		close(o.done)
	}
	select {
	case <-o.done:
		return o.v, o.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}

// known returns what was found, if it was.
func (o *once[T]) known() (v T, ok bool) {
	select {
	case <-o.done:
		return o.v, true
	default:
		return v, false
	}
}

// within runs f with a deadline. A call of f into the kernel that does not return (a dead mount) cannot be interrupted: it is left behind,
// holding nothing that anybody waits for.
func within[T any](ctx context.Context, d time.Duration, f func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, d, fmt.Errorf("timed out after %s", d))
	type result struct {
		v   T
		err error
	}
	ended := make(chan result, 1)
	go func() {
		defer cancel()
		v, err := f(ctx)
		ended <- result{v, err}
	}()
	select {
	case r := <-ended:
		return r.v, r.err
	case <-ctx.Done():
	}
	last := time.NewTimer(grace) // f may say what it was waiting for
	defer last.Stop()
	select {
	case r := <-ended:
		return r.v, r.err
	case <-last.C:
		var none T
		return none, context.Cause(ctx)
	}
}
