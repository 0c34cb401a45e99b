package prove

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/nodeapply/apply/cmd/apply/internal/cli"
	"github.com/nodeapply/apply/cmd/apply/internal/load"
	"github.com/nodeapply/apply/cmd/apply/internal/prove/rehearsal"
	"github.com/nodeapply/apply/cmd/apply/internal/prove/verdict"
	"github.com/nodeapply/apply/resources/unified"
)

// effect is what a manifest does to one name of the node, as seen in a sandbox.
type effect struct {
	Event  string   `json:"event"` // "effect"
	Name   string   `json:"name"`  // a path, or a unit or mount of the model
	Before string   `json:"before"`
	After  string   `json:"after"`
	Diff   string   `json:"diff,omitempty"` // of texts, unified
	By     []string `json:"by,omitempty"`   // addresses of the resources that touched it
}

// mostLines is how many lines of a difference are printed.
const mostLines = 40

// PrintEffects rehearses a manifest once and prints what it does, commands and packages included, and what could not be rehearsed.
func PrintEffects(ctx context.Context, l *load.Loader, m *load.Manifest) error {
	p, err := newProof(ctx, l, m)
	if err != nil {
		return err
	}
	defer p.Stage.Close()
	if p.base, err = p.Rehearse(ctx, rehearsal.Part{Order: p.declared(), Watch: true}); err != nil {
		return err
	}
	p.unmanaged()
	if !l.JSON {
		fmt.Fprintln(l.Stdout, "in a sandbox:")
	}
	for _, e := range p.effects() {
		e.Before, e.After, e.Diff = l.Scrub.Scrub(e.Before), l.Scrub.Scrub(e.After), l.Scrub.Scrub(e.Diff)
		if err := e.print(l.App); err != nil {
			return err
		}
	}
	if !l.JSON {
		for _, line := range verdict.Together(p.open) {
			fmt.Fprintf(l.Stdout, "  %s: %s\n", verdict.NotDecided, l.Scrub.Scrub(line))
		}
		return nil
	}
	for _, o := range p.open {
		o.Event, o.Reason = verdict.NotDecided, l.Scrub.Scrub(o.Reason)
		if err := l.PrintJSON(o); err != nil {
			return err
		}
	}
	return nil
}

// effects lists what the rehearsal has left, by name.
func (p *proof) effects() []effect {
	by := map[string][]string{}
	for _, e := range p.catalog.Entries() {
		for _, name := range p.base.Last().Touched[e.Addr].Written {
			by[name] = append(by[name], e.Addr.String())
		}
		for _, name := range p.base.Last().Modelled[e.Addr] {
			by[name] = append(by[name], e.Addr.String())
		}
	}
	var out []effect
	for _, name := range slices.Sorted(maps.Keys(p.base.Changes)) {
		c := p.base.Changes[name]
		e := effect{Event: "effect", Name: name, Before: c.Before.String(), After: c.After.String(), By: by[name]}
		if c.Before.Text+c.After.Text != "" && (c.Before.Text != "" || c.Before.Kind == "") && (c.After.Text != "" || c.After.Kind == "") {
			e.Diff = unified.Diff(name, c.Before.Text, c.After.Text)
		}
		out = append(out, e)
	}
	for _, name := range slices.Sorted(maps.Keys(by)) {
		if after, ok := p.base.Last().Model[name]; ok {
			out = append(out, effect{Event: "effect", Name: name, Before: "not modelled yet", After: after, By: by[name]})
		}
	}
	return out
}

func (e effect) print(a *cli.App) error {
	if a.JSON {
		return a.PrintJSON(e)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "  %s: %s -> %s", e.Name, e.Before, e.After)
	if len(e.By) > 0 {
		fmt.Fprintf(&b, " (%s)", strings.Join(e.By, ", "))
	}
	b.WriteByte('\n')
	n := 0
	for line := range strings.Lines(e.Diff) {
		if n++; n > mostLines {
			b.WriteString("      ...\n")
			break
		}
		b.WriteString("      " + strings.TrimSuffix(line, "\n") + "\n")
	}
	_, err := io.WriteString(a.Stdout, b.String())
	return err
}
