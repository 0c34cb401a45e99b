package verdict

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nodeapply/apply/cmd/apply/internal/prove/rehearsal"
)

func TestVerdict(t *testing.T) {
	var addresses []string
	for _, title := range []string{"a", "b", "c", "d", "e"} {
		addresses = append(addresses, "exec."+title)
	}
	fails := func(titles ...string) (open []Open) {
		for _, title := range titles {
			open = append(open, Open{Name: "exec." + title, Reason: "it fails"})
		}
		return open
	}
	good := Claim{Claim: "idempotent", Verdict: Proved, Summary: "yes"}
	for _, tc := range []struct {
		name   string
		claims []Claim
		open   []Open
		want   string
	}{
		{"all", []Claim{good}, nil, "idempotent         proved: yes\nproved (2 orders, 5 resources)\n"},
		{"some", []Claim{good}, append(fails("a"), Open{Name: "/x", Reason: "it differs"}),
			"idempotent         proved: yes\nnot decided        exec.a: it fails\nnot decided        /x: it differs\nproved (2 orders, 4 resources); 2 not decided\n"},
		{"none", []Claim{good}, fails("a", "b", "c", "d", "e"),
			"idempotent         proved: yes\nnot decided        exec.a, exec.b, exec.c and 2 more: it fails\nnot decided\n"},
		{"a claim that is open", []Claim{good, {Claim: "crash-safe", Verdict: NotDecided, Summary: "nothing"}}, nil,
			"idempotent         proved: yes\ncrash-safe         not decided: nothing\nnot decided\n"},
		{"a counterexample wins", []Claim{{Claim: "crash-safe", Verdict: NotDecided, Summary: "nothing"}, {Claim: "traced", Verdict: Refuted, Summary: "no", Counters: []Counter{{
			Summary: "one\ntwo", Resources: []Place{{"exec.a", "m.hcl:1"}}, Missing: "require", Again: "apply prove",
			Differences: []rehearsal.Difference{{Name: "/x", First: "1", Second: "2", Diff: "-a\n+b\n"}},
		}}}, good}, nil, "crash-safe         not decided: nothing\ntraced             refuted: no\n    one\n    two\n      m.hcl:1: exec.a\n" +
			"      /x: 1, or 2\n        -a\n        +b\n      missing: require\n      again: apply prove\nidempotent         proved: yes\nrefuted\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v := Sum(addresses, tc.claims, tc.open)
			v.Orders = 2
			if diff := cmp.Diff(tc.want, v.Text()); diff != "" {
				t.Error(diff)
			}
		})
	}
}
