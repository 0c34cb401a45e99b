package node

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/cmd/apply/internal/cli"
	"github.com/nodeapply/apply/cmd/apply/internal/load"
	"github.com/nodeapply/apply/facts"
	"github.com/nodeapply/apply/host/local"
	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/report"
)

func factsCommand(a *cli.App) *cobra.Command {
	l := load.New(a)
	cmd := &cobra.Command{
		Use:   "facts [flags] [NAME...]",
		Short: "Print what is known of this node",
		Long: `Print what is known of this node: built-in facts, external ones from /etc/apply/facts.d, exported ones, and
those that FACTER_name and APPLY_FACT_name give. NAME reaches into a fact: os.family, mountpoints./.size, mounts.0.x`,
		Example: "  apply facts os.family\n  apply facts --json networking memory\n  apply facts",
		RunE: a.Reading(func(_ *cobra.Command, ctx context.Context, names []string) error {
			h, err := local.New(local.Options{})
			if err != nil {
				return err
			}
			known, err := l.Facts(h)
			if err != nil {
				return err
			}
			return printFacts(ctx, a, known, names)
		}),
	}
	l.AddFactDirs(cmd.Flags())
	return cmd
}

// found is a fact that was looked up by name.
type found struct {
	name  string
	value any
	ok    bool
	err   error
}

// printFacts prints those facts, or all.
func printFacts(ctx context.Context, a *cli.App, known *facts.Set, names []string) error {
	every := len(names) == 0
	if every {
		names = known.Names()
	}
	all := make([]found, len(names))
	var wg sync.WaitGroup
	for i, name := range names {
		wg.Go(func() {
			all[i].name = name
			all[i].value, all[i].ok, all[i].err = known.Get(ctx, name)
		})
	}
	wg.Wait()
	a.Note(known.Warnings()...)
	for _, f := range all {
		switch {
		case f.err != nil:
			fmt.Fprintf(a.Stderr, "apply: %s\n", report.Printable(fmt.Sprintf("fact.%s: %v", f.name, f.err)))
		case !f.ok && !every:
			fmt.Fprintf(a.Stderr, "apply: %s\n", report.Printable(fmt.Sprintf("fact.%s: this node has no such fact%s", f.name, diag.Suggest(f.name, factsNear(ctx, known, f.name)))))
		}
	}
	if !every && slices.ContainsFunc(all, func(f found) bool { return !f.ok }) {
		a.Code = cli.NotStarted
	}
	all = slices.DeleteFunc(all, func(f found) bool { return !f.ok })
	switch {
	case a.JSON:
		return writeFactsJSON(a.Stdout, all)
	case len(names) == 1 && !every:
		return writeBareFact(a.Stdout, all)
	}
	return writeFacts(a.Stdout, all)
}

// factsNear lists what a name that no fact has may have meant: what else is in the same fact, or all facts.
func factsNear(ctx context.Context, known *facts.Set, name string) []string {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return known.Names()
	}
	var names []string
	if v, _, err := known.Get(ctx, name[:i]); err == nil {
		parts, _ := v.(map[string]any)
		for _, part := range slices.Sorted(maps.Keys(parts)) {
			names = append(names, name[:i+1]+part)
		}
	}
	return names
}

func writeFactsJSON(w io.Writer, all []found) error {
	values := map[string]any{}
	for _, f := range all {
		values[f.name] = f.value
	}
	text, err := compact(values)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(w, text)
	return err
}

// writeBareFact writes the value of one fact, structured ones indented.
func writeBareFact(w io.Writer, all []found) error {
	for _, f := range all {
		text, err := factText(f.value, func(v any) (string, error) { return factJSON(v, "  ") })
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(w, text); err != nil {
			return err
		}
	}
	return nil
}

// writeFacts writes a line for each fact.
func writeFacts(w io.Writer, all []found) error {
	for _, f := range all {
		text, err := factText(f.value, compact)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "%s = %s\n", report.Printable(f.name), text); err != nil {
			return err
		}
	}
	return nil
}

// factText is a fact as people and shells read it: strings without quotes, nothing for null. What a terminal would obey is escaped.
func factText(v any, structured func(any) (string, error)) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return report.Printable(v), nil
	}
	return structured(v)
}

// compact is a value as JSON on one line.
func compact(v any) (string, error) { return factJSON(v, "") }

// factJSON writes a value as JSON. Of what a terminal would obey, JSON itself escapes the ASCII characters only.
func factJSON(v any, indent string) (string, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	if err := enc.Encode(v); err != nil {
		return "", err
	}
	var safe strings.Builder
	for _, r := range strings.TrimSuffix(b.String(), "\n") {
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
			fmt.Fprintf(&safe, `\u%04x`, r)
			continue
		}
		safe.WriteRune(r)
	}
	return safe.String(), nil
}
