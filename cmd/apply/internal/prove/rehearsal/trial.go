package rehearsal

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"slices"

	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/unified"
	"github.com/nodeapply/apply/sandbox"
	"github.com/nodeapply/apply/sandbox/changes"
	"github.com/nodeapply/apply/sandbox/model"
	"github.com/nodeapply/apply/sandbox/trace"
)

// Trial is one rehearsal, of one or several runs in one box.
type Trial struct {
	box     *sandbox.Box
	seed    model.Seed
	Runs    []Run
	State   State
	Changes map[string]changes.Change
}

// Run is one run of a rehearsal, until its end or its death.
type Run struct {
	Results  []*report.Result
	Touched  map[resources.Address]trace.Set
	Unheard  string // why touched is not all
	Modelled map[resources.Address][]string
	Model    map[string]string // what became of units and mounts
	Settled  []string          // addresses of resources whose refresh was delivered
	Steps    int
}

// State is what a rehearsal leaves: by name what is there, by address what is wrong.
type State map[string]left

type left struct{ what, text string }

// Begin makes a box for a trial.
func (t *Theatre) Begin() (*Trial, error) {
	box, err := t.Stage.Box()
	if err != nil {
		return nil, err
	}
	return &Trial{box: box, seed: t.Seed}, nil
}

// Perform runs once in the trial's box.
func (r *Trial) Perform(ctx context.Context, p Part) error {
	p.Seed = r.seed
	got := Run{Touched: map[resources.Address]trace.Set{}, Modelled: map[resources.Address][]string{}}
	complete := false
	err := r.box.Run(ctx, os.Args[1:], p, func(line []byte) error {
		var s said
		if err := json.Unmarshal(line, &s); err != nil {
			return err
		}
		switch {
		case s.Result != nil:
			got.Results = append(got.Results, s.Result)
			if len(s.Modelled) > 0 {
				got.Modelled[s.Result.Address] = s.Modelled
			}
			if s.Touched != nil {
				got.Touched[s.Result.Address] = *s.Touched
			}
		case s.Settled != "":
			got.Settled = append(got.Settled, s.Settled)
		case s.Ended != nil:
			got.Steps, got.Model, complete = s.Ended.Steps, s.Ended.Model, true
		}
		got.Unheard = cmp.Or(got.Unheard, s.Unheard)
		return nil
	})
	var exit *sandbox.ExitError
	switch {
	case p.DieAt > 0 && errors.As(err, &exit) && exit.Code == killed:
		err = nil
	case err == nil && !complete:
		err = errors.New("the rehearsal ended without a word")
	}
	r.Runs = append(r.Runs, got)
	return err
}

// Rehearse makes a trial of runs one after the other, and reads what they leave.
func (t *Theatre) Rehearse(ctx context.Context, parts ...Part) (*Trial, error) {
	r, err := t.Begin()
	if err != nil {
		return nil, err
	}
	for _, p := range parts {
		if err := r.Perform(ctx, p); err != nil {
			return nil, errors.Join(err, r.box.Remove())
		}
	}
	if err := r.Look(t); err != nil {
		return nil, errors.Join(err, r.box.Remove())
	}
	return r, nil
}

// Look reads what the runs have left.
func (r *Trial) Look(t *Theatre) error {
	changes, err := r.box.Changes(t.View)
	if err != nil {
		return err
	}
	r.State, r.Changes = State{}, changes
	for name, c := range changes {
		r.State[name] = left{c.After.String(), c.After.Text}
	}
	for name, what := range r.Last().Model {
		r.State[name] = left{what: what}
	}
	for _, res := range r.Last().Results {
		switch res.Outcome {
		case report.Failed:
			r.State[res.Address.String()] = left{what: Failed + res.Error.Summary}
		case report.Skipped:
			r.State[res.Address.String()] = left{what: "skipped: " + res.Because}
		}
	}
	for _, name := range t.Noise {
		delete(r.State, name)
	}
	return nil
}

// Remove lets go of what the runs have left.
func (r *Trial) Remove() error { return r.box.Remove() }

// Last is the last run.
func (r *Trial) Last() *Run { return &r.Runs[len(r.Runs)-1] }

// Refreshed says whether a resource was refreshed in one of the runs, or changed, as a service that was started anew.
func (r *Trial) Refreshed(address string) bool {
	return slices.ContainsFunc(r.Runs, func(r Run) bool {
		return slices.Contains(r.Settled, address) || slices.ContainsFunc(r.Results, func(res *report.Result) bool {
			return res.Address.String() == address && (res.Refreshed || res.Outcome == report.Refreshed || res.Outcome == report.Changed)
		})
	})
}

// Failed begins what a [Difference] says of a resource that failed.
const Failed = "failed: "

// Difference is what two rehearsals leave at one name.
type Difference struct {
	Name   string `json:"name"`
	First  string `json:"first"`
	Second string `json:"second"`
	Diff   string `json:"diff,omitempty"` // of two texts, unified
}

// Against lists in what two states differ, by name.
func (s State) Against(other State) []Difference {
	var out []Difference
	names := maps.Clone(s)
	maps.Copy(names, other)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		a, b := s[name], other[name]
		if a.what == b.what {
			continue
		}
		d := Difference{Name: name, First: orAsBefore(a.what), Second: orAsBefore(b.what)}
		if a.text != "" && b.text != "" {
			d.Diff = unified.Diff(name, a.text, b.text)
		}
		out = append(out, d)
	}
	return out
}

func orAsBefore(what string) string {
	if what == "" {
		return "as on the node"
	}
	return what
}
