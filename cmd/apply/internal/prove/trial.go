package prove

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
	"github.com/nodeapply/apply/sandbox/model"
	"github.com/nodeapply/apply/sandbox/trace"
)

// theatre is where rehearsals of one manifest are made.
type theatre struct {
	stage *sandbox.Stage
	seed  model.Seed // what is known of the node's units and mounts
	view  sandbox.View
	noise []string // names that differ from one run of the same order to the next

	progress func(format string, args ...any) // tells who waits what is tried now
}

// trial is one rehearsal, of one or several runs in one box.
type trial struct {
	box     *sandbox.Box
	seed    model.Seed
	runs    []run
	state   state
	changes map[string]sandbox.Change
}

// run is one run of a rehearsal, until its end or its death.
type run struct {
	results  []*report.Result
	touched  map[resources.Address]trace.Set
	unheard  string // why touched is not all
	modelled map[resources.Address][]string
	model    map[string]string // what became of units and mounts
	settled  []string
	steps    int
}

// state is what a rehearsal leaves: by name what is there, by address what is wrong.
type state map[string]left

type left struct{ what, text string }

// begin makes a box for a trial.
func (t *theatre) begin() (*trial, error) {
	box, err := t.stage.Box()
	if err != nil {
		return nil, err
	}
	return &trial{box: box, seed: t.seed}, nil
}

// perform runs once in the trial's box.
func (r *trial) perform(ctx context.Context, p part) error {
	p.Seed = r.seed
	got := run{touched: map[resources.Address]trace.Set{}, modelled: map[resources.Address][]string{}}
	complete := false
	err := r.box.Run(ctx, os.Args[1:], p, func(line []byte) error {
		var s said
		if err := json.Unmarshal(line, &s); err != nil {
			return err
		}
		switch {
		case s.Result != nil:
			got.results = append(got.results, s.Result)
			if len(s.Modelled) > 0 {
				got.modelled[s.Result.Address] = s.Modelled
			}
			if s.Touched != nil {
				got.touched[s.Result.Address] = *s.Touched
			}
		case s.Settled != "":
			got.settled = append(got.settled, s.Settled)
		case s.Ended != nil:
			got.steps, got.model, complete = s.Ended.Steps, s.Ended.Model, true
		}
		got.unheard = cmp.Or(got.unheard, s.Unheard)
		return nil
	})
	var exit *sandbox.ExitError
	switch {
	case p.DieAt > 0 && errors.As(err, &exit) && exit.Code == killed:
		err = nil
	case err == nil && !complete:
		err = errors.New("the rehearsal ended without a word")
	}
	r.runs = append(r.runs, got)
	return err
}

// rehearse makes a trial of runs one after the other, and reads what they leave.
func (t *theatre) rehearse(ctx context.Context, parts ...part) (*trial, error) {
	r, err := t.begin()
	if err != nil {
		return nil, err
	}
	for _, p := range parts {
		if err := r.perform(ctx, p); err != nil {
			return nil, errors.Join(err, r.box.Remove())
		}
	}
	if err := r.look(t); err != nil {
		return nil, errors.Join(err, r.box.Remove())
	}
	return r, nil
}

// look reads what the runs have left.
func (r *trial) look(t *theatre) error {
	changes, err := r.box.Changes(t.view)
	if err != nil {
		return err
	}
	r.state, r.changes = state{}, changes
	for name, c := range changes {
		r.state[name] = left{c.After.String(), c.After.Text}
	}
	for name, what := range r.last().model {
		r.state[name] = left{what: what}
	}
	for _, res := range r.last().results {
		switch res.Outcome {
		case report.Failed:
			r.state[res.Address.String()] = left{what: "failed: " + res.Error.Summary}
		case report.Skipped:
			r.state[res.Address.String()] = left{what: "skipped: " + res.Because}
		}
	}
	for _, name := range t.noise {
		delete(r.state, name)
	}
	return nil
}

func (r *trial) last() *run { return &r.runs[len(r.runs)-1] }

// Difference is what two rehearsals leave at one name.
type Difference struct {
	Name   string `json:"name"`
	First  string `json:"first"`
	Second string `json:"second"`
	Diff   string `json:"diff,omitempty"` // of two texts, unified
}

// against lists in what two states differ, by name.
func (s state) against(other state) []Difference {
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
			d.Diff = unified.Diff(name, []byte(a.text), []byte(b.text))
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
