package prove

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/resources"
)

func TestSpread(t *testing.T) {
	for _, tc := range []struct {
		n, most int
		want    []int
	}{
		{0, 4, nil}, {3, 4, []int{1, 2, 3}}, {4, 4, []int{1, 2, 3, 4}}, {10, 4, []int{1, 3, 6, 8}},
	} {
		if diff := cmp.Diff(tc.want, spread(tc.n, tc.most)); diff != "" {
			t.Errorf("%d of %d: %s", tc.most, tc.n, diff)
		}
	}
}

func TestAgainst(t *testing.T) {
	one := state{"/same": {"file", "x"}, "/text": {"file a", "a\n"}, "/gone": {"link", ""}, "/size": {"file 1", ""}}
	other := state{"/same": {"file", "y"}, "/text": {"file b", "b\n"}, "/size": {"file 2", "b\n"}, "exec.a": {"failed: no", ""}}
	want := []Difference{
		{Name: "/gone", First: "link", Second: "as on the node"},
		{Name: "/size", First: "file 1", Second: "file 2"},
		{Name: "/text", First: "file a", Second: "file b", Diff: "--- /text\n+++ /text\n@@ -1,1 +1,1 @@\n-a\n+b\n"},
		{Name: "exec.a", First: "as on the node", Second: "failed: no"},
	}
	if diff := cmp.Diff(want, one.against(other)); diff != "" {
		t.Error(diff)
	}
}

func TestVerdict(t *testing.T) {
	var entries []*catalog.Entry
	for _, title := range []string{"a", "b", "c", "d", "e"} {
		entries = append(entries, &catalog.Entry{Addr: resources.Address{Type: "exec", Title: title}})
	}
	c, problems := catalog.New(entries, nil, nil)
	if len(problems) > 0 {
		t.Fatal(problems)
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
			Differences: []Difference{{Name: "/x", First: "1", Second: "2", Diff: "-a\n+b\n"}},
		}}}, good}, nil, "crash-safe         not decided: nothing\ntraced             refuted: no\n    one\n    two\n      m.hcl:1: exec.a\n" +
			"      /x: 1, or 2\n        -a\n        +b\n      missing: require\n      again: apply prove\nidempotent         proved: yes\nrefuted\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := proof{catalog: c, claims: tc.claims, open: tc.open, orders: 2}
			if diff := cmp.Diff(tc.want, p.verdict().text()); diff != "" {
				t.Error(diff)
			}
		})
	}
}
