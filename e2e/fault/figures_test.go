//go:build linux && amd64

package fault

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// figure is one line of the table in docs/safety.md.
type figure struct{ what, run, ours, control string }

var figures struct {
	sync.Mutex
	all []figure
}

// record puts a figure into the table.
func record(t *testing.T, what, ours, control string) {
	t.Helper()
	t.Logf("%s: %s (control: %s)", what, ours, control)
	name, _, _ := strings.Cut(t.Name(), "/")
	figures.Lock()
	defer figures.Unlock()
	figures.all = append(figures.all, figure{what, name, ours, control})
}

const tableBegin, tableEnd = "<!-- figures: written by make fault -->\n", "<!-- end of figures -->\n"

// report writes what was measured into the table in the file that APPLY_FAULT_TABLE names: in the place of what the same tests measured before.
func report(code int) error {
	name := os.Getenv("APPLY_FAULT_TABLE")
	if name == "" || code != 0 {
		return nil
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	head, rest, ok := strings.Cut(string(b), tableBegin)
	before, tail, ok2 := strings.Cut(rest, tableEnd)
	if !ok || !ok2 {
		return errors.New(name + ": no place for the figures")
	}
	all := slices.DeleteFunc(parse(before), func(old figure) bool {
		return slices.ContainsFunc(figures.all, func(f figure) bool { return f.run == old.run })
	})
	all = append(all, figures.all...)
	slices.SortStableFunc(all, func(a, b figure) int { return strings.Compare(a.run, b.run) })
	var table strings.Builder
	table.WriteString("| what | apply | unsafe control | `APPLY_FAULT=whole go test ./e2e/fault -run` |\n|---|---|---|---|\n")
	for _, f := range all {
		fmt.Fprintf(&table, "| %s | %s | %s | `%s` |\n", cell(f.what), cell(f.ours), cell(f.control), f.run)
	}
	return os.WriteFile(name, []byte(head+tableBegin+table.String()+tableEnd+tail), 0o644)
}

// cell writes text so that it does not end the cell of a table.
func cell(text string) string { return strings.ReplaceAll(text, "|", "\\|") }

// parse reads the rows of a table.
func parse(table string) []figure {
	var all []figure
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.ReplaceAll(strings.TrimSpace(line), "\\|", "\x00"), " | ")
		if len(cells) != 4 || !strings.HasPrefix(cells[3], "`Test") {
			continue
		}
		for i, c := range cells {
			cells[i] = strings.ReplaceAll(strings.Trim(c, "| `"), "\x00", "|")
		}
		all = append(all, figure{what: cells[0], run: cells[3], ours: cells[1], control: cells[2]})
	}
	return all
}
