package exchange

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/exchange"
	"github.com/nodeapply/apply/exchange/connect"
	"github.com/nodeapply/apply/exchange/exchangetest"
	"github.com/nodeapply/apply/exchange/operate"
	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/exchange/verdict"
)

// TestWhatHasGone is told, too: a fact that went with its time, and a node that was forgotten.
func TestWhatHasGone(t *testing.T) {
	told, up := map[string]map[string]string{}, map[string]verdict.FactSummary{"up": {Status: "ok", Value: json.RawMessage("1")}}
	var out strings.Builder
	for _, s := range []verdict.Summary{
		{Name: "n1", State: "ended", Facts: up}, {Name: "n1", State: "ended"}, {Name: "n1", State: "ended"},
		{Name: "n1", State: "ended", Facts: up}, {Name: "n1", State: "gone"}, {Name: "n1", State: "ended", Facts: up},
	} {
		if err := tell(&out, told, s, false); err != nil {
			t.Fatal(err)
		}
	}
	want := "n1: ended\nn1 up = 1\nn1 up = (gone)\nn1 up = 1\nn1: gone\nn1: ended\nn1 up = 1\n"
	if d := cmp.Diff(want, out.String()); d != "" {
		t.Errorf("watch (-want +got):\n%s", d)
	}
}

func TestWhatAnOperatorSees(t *testing.T) {
	s := exchangetest.StartServer(t)
	dir := filepath.Join(t.TempDir(), "node01")
	if err := operate.Enroll(t.Context(), s.Data, "node01", dir); err != nil {
		t.Fatal(err)
	}
	x, err := connect.Open(t.Context(), s.URL, connect.Options{CredentialsDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	r, err := x.Join(t.Context(), exchange.Identity{Node: "node01", Groups: []string{"g", "h"}, Run: "r"},
		exchange.Plan{Exports: []record.Export{{Fact: "late"}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	pr, pw := io.Pipe()
	watched := make(chan error, 1)
	go func() {
		watched <- printChanges(ctx, pw, x.Exchange, false)
		pw.Close()
	}()
	lines := bufio.NewScanner(pr)
	lines.Scan()
	if d := cmp.Diff("node01: running", lines.Text()); d != "" {
		t.Errorf("watch (-want +got):\n%s", d)
	}
	if err := r.Publish(t.Context(), "up", json.RawMessage(`"\u001b[31mred"`), 0); err != nil {
		t.Fatal(err)
	}
	lines.Scan()
	if d := cmp.Diff(`node01 up = "\u001b[31mred"`, lines.Text()); d != "" {
		t.Errorf("watch (-want +got):\n%s", d)
	}
	if err := r.Fail(t.Context(), "late", "exec.x: \x1b]0;owned\x07exit \u200f1 <&>"); err != nil {
		t.Fatal(err)
	}
	if err := r.End(t.Context(), "exec.x:\texit 1"); err != nil {
		t.Fatal(err)
	}
	cancel()
	for lines.Scan() { // to the end of the watch
	}
	if err := <-watched; err != nil {
		t.Error(err)
	}
	var out strings.Builder
	if err := printNodes(t.Context(), &out, x.Exchange, false); err != nil {
		t.Fatal(err)
	}
	want := "NODE    RUN                      GROUPS  FACTS  WAITS FOR\nnode01  failed: exec.x:\\texit 1  g,h     2      \n"
	if d := cmp.Diff(want, out.String()); d != "" {
		t.Errorf("nodes (-want +got):\n%s", d)
	}
	out.Reset()
	if err := printFacts(t.Context(), &out, x.Exchange, "node01", false); err != nil {
		t.Fatal(err)
	}
	want = `late = (failed: exec.x: \x1b]0;owned\aexit \u200f1 <&>)` + "\nup = \"\\u001b[31mred\"\n"
	if d := cmp.Diff(want, out.String()); d != "" {
		t.Errorf("facts (-want +got):\n%s", d)
	}
	for name, print := range map[string]func() error{
		`{"name":"node01","state":"failed"`: func() error { return printNodes(t.Context(), &out, x.Exchange, true) },
		`{"late":{"status":"failed"`:        func() error { return printFacts(t.Context(), &out, x.Exchange, "node01", true) },
	} {
		out.Reset()
		if err := print(); err != nil || !strings.HasPrefix(out.String(), name) || strings.Count(out.String(), "\n") != 1 || !strings.Contains(out.String(), "<&>") && strings.Contains(name, "late") {
			t.Errorf("want one object on a line that begins %s, got %v %s", name, err, &out)
		}
	}
	if err := printFacts(t.Context(), &out, x.Exchange, "node09", false); err == nil {
		t.Error("a node that has written nothing is no error")
	}
	if err := operate.Revoke(t.Context(), s.Data, "node01"); err != nil {
		t.Fatal(err)
	}
	if err := printNodes(t.Context(), &out, x.Exchange, true); err == nil || !strings.Contains(err.Error(), "revoked") {
		t.Errorf("after it was revoked: %v", err)
	}
}
