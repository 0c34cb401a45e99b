// Package verdict judges waits: from what stands in a deployment at one revision it tells whether a wait is met, for whom it
// still waits, that it can never be met, or that runs wait for each other in a cycle. It is pure: no store, no clock.
package verdict

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/exchange/view"
)

// State of a wait.
type State int

// A wait is not met yet, is met, or can never be.
const (
	Waiting State = iota
	Met
	Never
)

// Asker is who waits.
type Asker struct {
	// Since is the revision of the asker's own run. What ended before it says nothing yet about a node that may be about to
	// begin a run of its own...
	Since int64
	// ...until the asker has waited for some time: Settled.
	Settled bool
}

// Verdict is the judgement of one wait.
type Verdict struct {
	State   State
	Fact    string
	Group   string    // of which nodes are waited for, "" for named ones
	Need    int       // how many nodes must have the fact
	Have    []string  // the nodes that have it, sorted: when met, those that the wait is for
	Missing []Missing // the nodes that have not, sorted by name
	Away    error     // why nothing is known, or (there is a Need) nothing new
}

// Missing is a node that has not exported what is waited for.
type Missing struct {
	Node  string
	Why   string // what is known about it
	Final bool   // it will not come any more
}

// Decide judges a wait. All nodes of a group must have the fact, and they must be at least min; of named nodes all, or min
// of them.
func Decide(v *view.View, w record.Wait, a Asker) Verdict {
	d := Verdict{Fact: w.Fact, Group: w.Group}
	if p, ok := strings.CutPrefix(w.Fact, "param."); ok {
		if value, ok := v.Param(p); ok && w.Accepts(value) {
			d.State = Met
		}
		return d
	}
	nodes := w.Nodes
	if w.Group != "" {
		nodes = v.Members(w.Group)
		d.Need = max(w.Min, len(nodes), 1)
	} else {
		nodes = slices.Compact(slices.Sorted(slices.Values(nodes)))
		d.Need = len(nodes)
		if w.Min > 0 {
			d.Need = min(w.Min, d.Need)
		}
	}
	final := 0
	for _, n := range nodes {
		why, over := lacks(v, n, w, a)
		if why == "" {
			d.Have = append(d.Have, n)
			continue
		}
		d.Missing = append(d.Missing, Missing{Node: n, Why: why, Final: over})
		if over {
			final++
		}
	}
	switch {
	case len(d.Have) >= d.Need:
		d.State = Met
	case w.Group != "" && final > 0, w.Group == "" && len(nodes)-final < d.Need:
		d.State = Never
	}
	return d
}

// lacks tells why a node does not have what w waits for ("" when it has), and whether that is final.
func lacks(v *view.View, n string, w record.Wait, a Asker) (why string, final bool) {
	f, there := v.Fact(n, w.Fact)
	fresh := there && f.Stale == ""
	if fresh && f.Status == record.OK && w.Accepts(f.Value) {
		return "", false
	}
	who, run := v.Node(n)
	count := func(revision int64) bool { return a.Settled || revision > a.Since }
	switch {
	case run != nil && !run.Ended:
		return lacksLive(v, n, w.Fact, f, fresh, run)
	case fresh && f.Status == record.Failed:
		return because("failed", f.Reason), count(f.Revision)
	case run != nil:
		why := "its run ended without it"
		switch {
		case fresh && f.Status == record.OK:
			why = fmt.Sprintf("its run ended with %s = %.60s", w.Fact, f.Value)
		case there && !fresh:
			why = f.Stale + ", and " + why
		case !there:
			why = cmp.Or(lapsed(w.Fact, run), why)
		}
		return because(why, run.Failed), count(v.RunRevision(n))
	case there && f.Stale != "":
		return f.Stale, false
	case fresh && f.Status == record.OK:
		return fmt.Sprintf("is %.60s; no run there", f.Value), false
	case who == nil:
		return "not seen yet", false
	}
	return "no run there", false
}

// lacksLive is lacks for a node whose run goes on.
func lacksLive(v *view.View, n, fact string, f view.Fact, fresh bool, run *record.Run) (string, bool) {
	told := v.Told(n, fact, run)
	switch {
	case told && f.Status == record.Failed:
		return because("failed", f.Reason), true
	case told && f.Status == record.Removed:
		return "withdrawn by its run", true
	case told:
		return fmt.Sprintf("is %.60s, and its run will not export it again", f.Value), true
	}
	if why := lapsed(fact, run); why != "" {
		return why, true
	}
	for _, e := range run.Exports {
		if e.Fact == fact {
			return view.Doing(run), false
		}
	}
	for _, b := range run.Blocks {
		if b.Failed == "" { // it may be what exports the fact
			return view.Doing(run), false
		}
	}
	if len(run.Blocks) > 0 {
		return because("failed", run.Blocks[0].Failed), true
	}
	if fresh && f.Status == record.OK {
		return fmt.Sprintf("is %.60s, and its run does not export it", f.Value), true
	}
	return "its run does not export it", true
}

// lapsed says of a fact that does not stand that a run has exported it and its time is over, "" where that is not so.
func lapsed(fact string, run *record.Run) string {
	for _, e := range run.Exports {
		if e.Fact == fact && e.TTL > 0 {
			return "stale: older than its ttl of " + e.TTL.String()
		}
	}
	return ""
}

func because(what, reason string) string {
	if reason == "" {
		return what
	}
	return what + ": " + reason
}

// namesShown bounds how many nodes a text names.
const namesShown = 8

// String is one line for people: what is there, and who is missing and why; nodes without hope first.
func (d Verdict) String() string {
	if d.Away != nil && d.Need == 0 {
		return fmt.Sprintf("%s: %v", d.Fact, d.Away)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d of %d nodes", d.Fact, len(d.Have), d.Need)
	if strings.HasPrefix(d.Fact, "param.") {
		b.Reset()
		fmt.Fprintf(&b, "%s: not given yet", d.Fact)
	}
	if seen := len(d.Have) + len(d.Missing); d.Group != "" && seen < d.Need {
		fmt.Fprintf(&b, "; group %s has %d so far", d.Group, seen)
	}
	missing := slices.Clone(d.Missing)
	slices.SortStableFunc(missing, func(a, b Missing) int {
		if a.Final == b.Final {
			return 0
		}
		if a.Final {
			return -1
		}
		return 1
	})
	for i, m := range missing {
		if i == namesShown {
			fmt.Fprintf(&b, "; and %d more", len(missing)-i)
			break
		}
		fmt.Fprintf(&b, "; %s: %s", m.Node, m.Why)
	}
	if d.Away != nil {
		fmt.Fprintf(&b, "; nothing newer is known: %v", d.Away)
	}
	return b.String()
}
