package verdict

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nodeapply/apply/exchange/name"
	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/exchange/store"
	"github.com/nodeapply/apply/exchange/view"
)

// Summary is a node as listings, the HTTP face and the page show it.
type Summary struct {
	Name     string                 `json:"name"`
	State    string                 `json:"state"` // running, ended, failed, or idle: no run is known
	Address  string                 `json:"address,omitempty"`
	Groups   []string               `json:"groups"`
	Doing    string                 `json:"doing,omitempty"`
	Failed   string                 `json:"failed,omitempty"`
	Facts    map[string]FactSummary `json:"facts"`
	Waits    []WaitSummary          `json:"waits"`
	Exports  []string               `json:"exports"` // still to come
	Revision int64                  `json:"revision"`
}

// FactSummary is a fact of a Summary.
type FactSummary struct {
	Status   string          `json:"status"` // ok, failed, removed, stale, or absent
	Value    json.RawMessage `json:"value,omitempty"`
	Reason   string          `json:"reason,omitempty"`
	Revision int64           `json:"revision,omitempty"`
	Time     *time.Time      `json:"time,omitempty"`
}

// WaitSummary is a wait of a Summary: active or still to come, and how it stands.
type WaitSummary struct {
	Name    string   `json:"name"`
	Fact    string   `json:"fact"`
	Active  bool     `json:"active"`
	Missing []string `json:"missing"` // nodes
	Text    string   `json:"text"`
}

// SummaryOf is what is known of a fact; there is false when there is nothing at all.
func SummaryOf(f view.Fact, there bool) FactSummary {
	if !there {
		return FactSummary{Status: "absent"}
	}
	s := FactSummary{Status: string(f.Status), Value: f.Value, Reason: f.Reason, Revision: f.Revision}
	if !f.Time.IsZero() {
		s.Time = &f.Time
	}
	if f.Stale != "" {
		s.Status, s.Reason = "stale", strings.TrimPrefix(f.Stale, "stale: ")
	}
	return s
}

// Summaries are all nodes, sorted by name.
func Summaries(v *view.View) []Summary {
	out := []Summary{}
	for _, n := range v.Nodes() {
		out = append(out, summary(v, n))
	}
	return out
}

// Changed are the nodes that events have changed, as they are now, each once, and those whose waits look at them; and those of which nothing is left.
func Changed(v *view.View, evs []store.Event) (changed []Summary, gone []string) {
	touched := map[string]bool{}
	for _, e := range evs {
		if k, err := name.Parse(e.Key); err == nil && k.Node != "" {
			touched[k.Node] = true
		}
	}
	for _, n := range v.Nodes() {
		if _, run := v.Node(n); touched[n] || run != nil && len(run.Waits) > 0 {
			changed = append(changed, summary(v, n))
		}
		delete(touched, n)
	}
	return changed, slices.Sorted(maps.Keys(touched))
}

func summary(v *view.View, n string) Summary {
	who, run := v.Node(n)
	s := Summary{
		Name: n, State: "idle", Groups: []string{}, Facts: map[string]FactSummary{}, Waits: []WaitSummary{}, Exports: []string{},
	}
	s.Revision = v.RunRevision(n)
	if who != nil {
		s.Groups, s.Address = append(s.Groups, who.Groups...), who.Address
	}
	for _, f := range v.Facts(n) {
		fact, there := v.Fact(n, f)
		s.Facts[f] = SummaryOf(fact, there)
		s.Revision = max(s.Revision, fact.Revision)
	}
	if run == nil {
		return s
	}
	s.Doing, s.Failed = run.Doing, run.Failed
	switch {
	case !run.Ended:
		s.State = "running"
	case run.Failed != "":
		s.State = "failed"
	default:
		s.State = "ended"
	}
	for _, e := range run.Exports {
		if e.TTL <= 0 && !v.Told(n, e.Fact, run) {
			s.Exports = append(s.Exports, e.Fact)
		}
	}
	slices.Sort(s.Exports)
	for _, w := range run.Waits {
		s.Waits = append(s.Waits, waitSummary(v, w))
	}
	return s
}

func waitSummary(v *view.View, w record.Wait) WaitSummary {
	d := Decide(v, w, Asker{})
	s := WaitSummary{Name: w.Name, Fact: w.Fact, Active: w.Active, Missing: []string{}, Text: d.String()}
	for _, m := range d.Missing {
		s.Missing = append(s.Missing, m.Node)
	}
	return s
}

// CycleTexts are the cycles of waits, for people.
func CycleTexts(v *view.View) []string {
	out := []string{}
	for _, c := range cycles(v) {
		out = append(out, c.String())
	}
	return out
}
