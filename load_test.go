package apply_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nodeapply/apply"
	"github.com/nodeapply/apply/engine"
	"github.com/nodeapply/apply/exchange/session"
	"github.com/nodeapply/apply/manifest"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

func manifestOf(t *testing.T, text string) string {
	main := filepath.Join(t.TempDir(), "main.hcl")
	if err := os.WriteFile(main, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return main
}

// TestLoadKeepsNothingOpen: who runs for months loads a manifest anew for each run.
func TestLoadKeepsNothingOpen(t *testing.T) {
	main := manifestOf(t, `exec "true" {}`)
	open := func() int {
		for range 10 {
			if _, err := apply.Load(t.Context(), main, apply.Options{}); err != nil {
				t.Fatal(err)
			}
		}
		fds, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(fds)
	}
	if before, after := open(), open(); after > before {
		t.Errorf("%d files are open, %d after more loads", before, after)
	}
}

func TestLoadIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("the operator went home")
	cancel(gone)
	if _, err := apply.Load(ctx, manifestOf(t, `exec "true" {}`), apply.Options{}); !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
}

// TestLog: the logger is another program's, which knows nothing of what is sensitive.
func TestLog(t *testing.T) {
	main := manifestOf(t, `
variable "pin" {
  type      = string
  sensitive = true
}
exec "tell" {
  command     = "echo it is $PIN"
  environment = { PIN = var.pin }
  logoutput   = true
}
`)
	m, err := apply.Load(t.Context(), main, apply.Options{Vars: []manifest.VarSource{{Name: "pin", Value: "tr0ub4dor&3"}}})
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	if _, err := m.Converge(t.Context(), engine.Options{Log: slog.New(slog.NewTextHandler(&log, nil))}); err != nil {
		t.Fatal(err)
	}
	if got := log.String(); !strings.Contains(got, `msg="it is (sensitive value)" resource=exec.tell`) {
		t.Errorf("got %s", got)
	}
}

// TestLoadKnowsWhatTheNodeExports, as the command line does, which makes its facts itself.
func TestLoadKnowsWhatTheNodeExports(t *testing.T) {
	part := session.New(session.Options{StateDir: t.TempDir()})
	defer part.Close()
	var rep *report.Report
	for _, text := range []string{`fact "port" { value = 7 }`, `output "port" { value = fact.port }`} {
		m, err := apply.Load(t.Context(), manifestOf(t, text), apply.Options{Session: part})
		if err != nil {
			t.Fatal(err)
		}
		if rep, err = m.Converge(t.Context(), engine.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	if got := rep.Outputs[0].Text(); got != "7" {
		t.Errorf("got %s", got)
	}
}

// shout is a resource type of one's own, in place of one of apply's.
type shout struct {
	resources.Resource
	Text string `hcl:"text"`
}

// TestOwnTypes: one's own types are beside those of apply, or in place of one.
func TestOwnTypes(t *testing.T) {
	own := func(name string) resources.Type {
		return resources.Type{Name: name, New: func(string) resources.Resource { return &shout{} }}
	}
	for _, tc := range []struct {
		name, manifest string
		types          []resources.Type
		ok             bool
	}{
		{"beside", `shout "a" { text = "b" }`, []resources.Type{own("shout")}, true},
		{"those of apply", `exec "true" {}`, []resources.Type{own("shout")}, true},
		{"in place of one", `exec "true" { text = "b" }`, []resources.Type{own("exec")}, true},
		{"not given", `shout "a" { text = "b" }`, nil, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := apply.Load(t.Context(), manifestOf(t, tc.manifest), apply.Options{Types: tc.types}); (err == nil) != tc.ok {
				t.Error(err)
			}
		})
	}
}
