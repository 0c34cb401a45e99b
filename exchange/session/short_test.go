package session_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/exchange"
	"github.com/nodeapply/apply/exchange/exchangetest"
	"github.com/nodeapply/apply/exchange/record"
	"github.com/nodeapply/apply/exchange/session"
	"github.com/nodeapply/apply/exchange/view"
)

// TestAShortRun ends before it has joined, and others learn how it ended all the same.
func TestAShortRun(t *testing.T) {
	server := exchangetest.StartServer(t)
	_, credentials := server.Enroll(t, "a")
	s := open(t, session.Options{URL: server.URL, Credentials: credentials, Identify: identity("a")}, exchange.Plan{Exports: []record.Export{{Fact: "up"}}})
	end(t, s, "exec.x: exit code 1")
	err := s.Look(t.Context(), func(node string, v *view.View) {
		_, run := v.Node(node)
		if diff := cmp.Diff(&record.Run{ID: "run1", Boot: "b", Machine: "a", Ended: true, Failed: "exec.x: exit code 1"}, run); diff != "" {
			t.Error(diff)
		}
	})
	if err != nil {
		t.Error(err)
	}
}
