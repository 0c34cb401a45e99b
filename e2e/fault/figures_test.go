//go:build linux && amd64

package fault

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
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

// report writes the table into the file that APPLY_FAULT_TABLE names, once all of it was measured.
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
	_, tail, ok2 := strings.Cut(rest, tableEnd)
	if !ok || !ok2 {
		return errors.New(name + ": no place for the figures")
	}
	var table strings.Builder
	table.WriteString("| what | apply | unsafe control | `go test ./e2e/fault -run` |\n|---|---|---|---|\n")
	for _, f := range figures.all {
		fmt.Fprintf(&table, "| %s | %s | %s | `%s` |\n", f.what, f.ours, f.control, f.run)
	}
	return os.WriteFile(name, []byte(head+tableBegin+table.String()+tableEnd+tail), 0o644)
}

func timeout(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), d)
}
