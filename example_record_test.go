package apply_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/nodeapply/apply"
	"github.com/nodeapply/apply/engine"
	"github.com/nodeapply/apply/exchange/session"
	"github.com/nodeapply/apply/host/local"
	"github.com/nodeapply/apply/journal"
	"github.com/nodeapply/apply/journal/memory"
	"github.com/nodeapply/apply/journal/undo"
	"github.com/nodeapply/apply/report/planfile"
	"github.com/nodeapply/apply/resources/all"
)

// A run on record: somebody has approved the plan, nobody else changes the node meanwhile, and what the run changes can be put back.
func Example_record() {
	dir, err := os.MkdirTemp("", "apply")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	main := filepath.Join(dir, "main.hcl")
	if err := os.WriteFile(main, []byte("file \"/motd\" { content = \"hello\\n\" }\n"), 0o600); err != nil {
		panic(err)
	}
	node, err := local.New(local.Options{Root: dir})
	if err != nil {
		panic(err)
	}
	defer node.Close()
	state, err := journal.OpenState(filepath.Join(dir, "state"))
	if err != nil {
		panic(err)
	}
	defer state.Close()
	part := session.New(session.Options{StateDir: state.Dir()})
	defer part.Close()
	types := all.Linked(part)
	ctx := context.Background()
	if err := state.Lock(ctx, time.Minute); err != nil {
		panic(err) // a journal.HeldError: another run has had it for a minute
	}

	m, err := apply.Load(ctx, main, apply.Options{Host: node, Session: part})
	if err != nil {
		panic(err)
	}
	// What earlier runs of the manifest left: what differs though they left it so has drifted, and what it no longer declares is an orphan.
	past := memory.Read(state, memory.Manifest{Source: main, Catalog: m.Catalog(), Types: types})
	owed, err := state.Owed(past.Manifest())
	if err != nil {
		panic(err)
	}
	plan, err := m.Plan(ctx, engine.Options{Owed: owed, Drifted: past.Drifted, Secret: past.Secret})
	if err != nil {
		panic(err)
	}
	for _, r := range plan.Results {
		for _, c := range r.Changes {
			fmt.Println(r.Address, c.Attribute, "-", c.Before, "->", c.After)
		}
	}

	// What differs from the plan by now is refused.
	approved := planfile.Plan{Results: plan.Results}
	id, err := state.NextID(time.Now())
	if err != nil {
		panic(err)
	}
	run, warnings, err := state.Begin(id, node.Token(), "", past.Manifest(), time.Now())
	if err != nil {
		panic(err)
	}
	for _, text := range append(warnings, run.Sweep(ctx, node)...) { // of what a run that died has left
		fmt.Println(text)
	}
	rep, err := m.Converge(ctx, engine.Options{Run: id, Recorder: run, Approve: approved.Approver(), Drifted: past.Drifted, Secret: past.Secret})
	if err != nil {
		panic(errors.Join(err, run.Close()))
	}
	rep.Source, rep.Orphans = main, past.Orphans()
	if err := errors.Join(undo.Leave(ctx, run, node, types), run.Close(), past.Save(state, rep), state.SaveReport(id, rep), state.Prune(time.Now())); err != nil {
		panic(err)
	}
	fmt.Println(rep.Outcome())

	back, err := undo.PlanOf(ctx, state, node, types, id)
	if err != nil {
		panic(err)
	}
	if id, err = state.NextID(time.Now()); err != nil {
		panic(err)
	}
	if rep, err = undo.Run(ctx, state, node, back, undo.Options{ID: id}); err != nil {
		panic(err)
	}
	for _, r := range rep.Results {
		fmt.Println("undo", r.Address, r.Outcome)
	}
	// Output:
	// file["/motd"] ensure - absent -> file
	// file["/motd"] content -  -> 6 bytes, sha256:5891b5b522d5df08
	// changed
	// undo file["/motd"] changed
}
