// Package memory compares what a manifest declares with what the last one from the same source did: what has drifted, and what has become an orphan.
// A run reads the Memory before it begins, asks it meanwhile, and saves it in the end; managed.go is the form of the file.
package memory

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/catalog/declared"
	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// Manifest is what a Memory is of.
type Manifest struct {
	Source   string // the same for all revisions; also of the reports that the state folder keeps of its runs
	Catalog  *catalog.Catalog
	Types    []resources.Type // those of the run, see resources/all.Linked
	Reader   declared.Reader
	Fleeting func(path string) bool // whether a file is there for this run alone; nil: none is
	Warn     func(text string)      // told what of the state folder cannot be read; may be nil
}

// Memory is what is known of earlier runs from a manifest's source.
type Memory struct {
	m      Manifest
	reader declared.Reader
	sums   []declared.Sum // by entry
	sum    declared.Sum   // of all
	before *managed
	last   func() time.Time  // start of the last run from this source
	others func() []*managed // of other sources

	once  sync.Once
	known map[resources.Address]string   // sums of what was left as declared
	had   map[resources.Address][]string // names of what was brought
	parts map[resources.Address][]string // files that they had a part of
	hid   map[thing][]string             // attributes with sensitive values
	now   map[resources.Address]int      // entries
}

// Read reads what is known of the manifest's source; state may be nil.
func Read(state *journal.State, m Manifest) *Memory {
	if m.Fleeting == nil {
		m.Fleeting = func(string) bool { return false }
	}
	if m.Warn == nil {
		m.Warn = func(string) {}
	}
	mem := &Memory{m: m, reader: m.Reader}
	mem.sums, mem.sum = mem.reader.Sums(m.Catalog.Entries())
	if state == nil {
		return mem
	}
	var err error
	if mem.before, err = readManaged(state, m.Source); err != nil {
		mem.m.Warn(err.Error() + "; nothing is known of orphans and drift")
	}
	mem.last = sync.OnceValue(func() time.Time { return lastRun(state, m.Source) })
	mem.others = func() []*managed { return readOthers(state, m.Source) }
	return mem
}

// Manifest is how the journal knows the manifest.
func (mem *Memory) Manifest() journal.Manifest {
	return journal.Manifest{Source: mem.m.Source, Sum: func(a resources.Address) string {
		for _, v := range mem.m.Catalog.Find(a) {
			return mem.sums[v].String()
		}
		return ""
	}}
}

// lastRun is when the last run from a source began; the zero time if that is not known.
func lastRun(state *journal.State, source string) time.Time {
	ids, err := state.Reports()
	if err != nil {
		return time.Time{}
	}
	for _, id := range ids {
		if r, err := state.Head(id); err == nil && r.Source == source {
			return r.Started
		}
	}
	return time.Time{}
}

// same says that the manifest declares what the last one did.
func (mem *Memory) same() bool { return mem.before != nil && mem.before.sum == mem.sum.String() }

// Drifted says whether an earlier run left a resource as it is declared now, and none that declared it otherwise came after. Of what is declared with values
// that only the run gives that is not known; who waited has left nothing on the node; and what stands for something beyond it (an exported fact) goes stale
// by itself.
func (mem *Memory) Drifted(a resources.Address) bool {
	if mem.before == nil {
		return false
	}
	mem.once.Do(mem.index)
	i, ok := mem.now[a]
	if !ok || mem.known[a] != mem.sums[i].String() {
		return false
	}
	e := mem.m.Catalog.Entries()[i]
	if _, beyond := e.Resource.(resources.Skipper); beyond {
		return false
	}
	return e.Deferred == nil && !e.Awaits && !mem.sourceChanged(e) && !mem.dropped(e)
}

// index sorts what the last manifest declared, and what this one does, by address and name.
func (mem *Memory) index() {
	mem.known, mem.had, mem.now = map[resources.Address]string{}, map[resources.Address][]string{}, map[resources.Address]int{}
	mem.parts, mem.hid = map[resources.Address][]string{}, map[thing][]string{}
	for i, e := range mem.m.Catalog.Entries() {
		mem.now[e.Addr] = i
	}
	old, err := mem.before.resources()
	if err != nil {
		return // told by orphans
	}
	for _, r := range old {
		mem.had[r.Address], mem.parts[r.Address] = r.Names, r.Parts
		if r.Sum != "" {
			mem.known[r.Address] = r.Sum
		}
		if len(r.Secret) == 0 {
			continue
		}
		for _, name := range append(r.Names, "at "+r.Address.String()) {
			mem.hid[thing{kind: r.Address.Type, name: name}] = r.Secret
		}
	}
}

// Secret says whether the last manifest from this source gave an attribute of what an entry is about a sensitive value: what the node has of it is a secret
// still, though the manifest no longer says so.
func (mem *Memory) Secret(e *catalog.Entry, attr string) bool {
	if mem.before == nil {
		return false
	}
	mem.once.Do(mem.index)
	return slices.Contains(mem.hidden(e), attr)
}

// hidden are the attributes of what an entry is about that had sensitive values.
func (mem *Memory) hidden(e *catalog.Entry) (all []string) {
	if len(mem.hid) == 0 {
		return nil
	}
	for _, name := range append((&declared.Reader{}).Names(e), "at "+e.Addr.String()) {
		all = append(all, mem.hid[thing{kind: e.Addr.Type, name: name}]...)
	}
	return all
}

// sourceChanged says whether a file that a resource is copied from has changed since the last run: then it is not the node that has drifted.
func (mem *Memory) sourceChanged(e *catalog.Entry) bool {
	for _, a := range (&declared.Reader{}).Attrs(e) {
		if a.Name != "source" {
			continue
		}
		for _, name := range listed(a.Text) {
			if filepath.IsAbs(name) && !mem.m.Fleeting(name) && changedSince(name, mem.last()) {
				return true
			}
		}
	}
	return false
}

// dropped says whether something is no longer declared in a folder that a resource purges: that it goes is the manifest's change, and not the node's.
func (mem *Memory) dropped(e *catalog.Entry) bool {
	purged := purgedBy(e)
	if len(purged) == 0 {
		return false
	}
	kept := mem.kept()
	gone := func(name string) bool { return !kept[path.Clean(name)] && covers(purged, name) }
	for a, names := range mem.had {
		if a.Type == "file" && slices.ContainsFunc(names, gone) || slices.ContainsFunc(mem.parts[a], gone) {
			return true
		}
	}
	return false
}

// listed are the strings of an attribute's text: the text itself, or those quoted in a list.
func listed(text string) (all []string) {
	rest, ok := strings.CutPrefix(text, "[")
	if !ok {
		return []string{text}
	}
	for {
		at := max(strings.IndexByte(rest, '"'), 0)
		quoted, err := strconv.QuotedPrefix(rest[at:])
		if err != nil {
			return all
		}
		s, _ := strconv.Unquote(quoted)
		all = append(all, strings.NewReplacer("$${", "${", "%%{", "%{").Replace(s))
		rest = rest[at+len(quoted):]
	}
}

// changedSince says whether anything at a path was changed after a time; where nothing is, whether something may have been taken away.
func changedSince(path string, since time.Time) bool {
	changed := false
	err := filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		changed = newer(info, since)
		if changed {
			return fs.SkipAll
		}
		return nil
	})
	for folder := path; errors.Is(err, fs.ErrNotExist) && folder != "/"; {
		folder = filepath.Dir(folder)
		var info fs.FileInfo
		if info, err = os.Lstat(folder); err == nil {
			changed = newer(info, since)
		}
	}
	return changed || err != nil
}

// newer goes by the time of the change of the inode: a copy may bring an old time of its content with it.
func newer(info fs.FileInfo, since time.Time) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && time.Unix(st.Ctim.Unix()).After(since)
}

// Save keeps what the run leaves. The report says that it was of a part of the manifest or interrupted, if it was (Partial, Interrupted).
func (mem *Memory) Save(state *journal.State, rep *report.Report) error {
	if mem.same() && mem.before.whole && rep.Outcome() == report.Unchanged && len(rep.Results) == len(mem.sums) {
		return nil
	}
	mem.once.Do(func() {
		if mem.before != nil {
			mem.index()
		}
	})
	ends := make(map[resources.Address]*report.Result, len(rep.Results))
	for _, res := range rep.Results {
		ends[res.Address] = res
	}
	entries := mem.m.Catalog.Entries()
	out, parts := make([]resource, len(entries)), mem.goingParts()
	for i, e := range entries {
		var err error
		if out[i], err = mem.remembered(i, ends[e.Addr]); err != nil {
			return err
		}
		if len(out[i].Names) > 0 {
			out[i].Parts = parts[i]
		}
	}
	sum := mem.sum.String()
	if rep.Outcome() == report.Failed || rep.Interrupted != 0 || rep.Partial {
		// What was told among failures is told again.
		if forgotten := mem.forgotten(rep.Orphans); len(forgotten) > 0 {
			out, sum = append(out, forgotten...), ""
		}
	}
	return saveManaged(state, mem.m.Source, sum, out, mem.before)
}

// remembered is what is kept of an entry, by how it ended; nil: it was not looked at.
func (mem *Memory) remembered(i int, end *report.Result) (resource, error) {
	e := mem.m.Catalog.Entries()[i]
	r := resource{Address: e.Addr}
	left := !e.Off && end != nil && (end.Outcome == report.Unchanged || end.Outcome == report.Changed || end.Outcome == report.Refreshed)
	if left || !e.Off && mem.Drifted(e.Addr) {
		r.Sum = mem.sums[i].String()
	}
	r.Secret = slices.Clone(e.Sensitive)
	if !left {
		r.Secret = append(r.Secret, mem.hidden(e)...)
	}
	slices.Sort(r.Secret)
	r.Secret = slices.Compact(r.Secret)
	held := mem.reader.Held(e)
	r.Names = held.Names
	if !left && (end == nil || !halfDone(e, end)) {
		r.Names = slices.DeleteFunc(held.Names, func(name string) bool { return !slices.Contains(mem.had[e.Addr], name) })
	}
	if len(held.Removal) == 0 || len(r.Names) == 0 {
		return r, nil
	}
	var err error
	r.Removal, err = json.Marshal(held.Removal)
	return r, err
}

// halfDone says whether an entry that was not left as declared may have brought something all the same: what was not begun has not, and a transaction brings all or
// nothing.
func halfDone(e *catalog.Entry, end *report.Result) bool {
	_, transaction := e.Resource.(resources.Grouper)
	return end.Outcome == report.Failed && end.Begun && !transaction
}

// forgotten are the records of orphans.
func (mem *Memory) forgotten(orphans []report.Orphan) []resource {
	if len(orphans) == 0 {
		return nil
	}
	old, err := mem.before.resources()
	if err != nil {
		return nil // told already
	}
	return slices.DeleteFunc(old, func(r resource) bool {
		return !slices.ContainsFunc(orphans, func(o report.Orphan) bool { return o.Address == r.Address })
	})
}
