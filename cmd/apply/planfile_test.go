package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

func encodePlan(t *testing.T, p planFile) []byte {
	t.Helper()
	body, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Appendf(append(body, '\n'), "sha256:%s\n", hash(body))
}

func TestDecodePlan(t *testing.T) {
	whole := planFile{Format: planFormat, Version: planVersion, Node: "n", Results: []*report.Result{{Address: resources.Address{Type: "file", Title: "/a b"}, Outcome: report.Pending}}}
	b := encodePlan(t, whole)
	got, err := decodePlan(b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&whole, got); diff != "" {
		t.Error(diff)
	}
	newer := whole
	newer.Version = planVersion + 1
	for name, tc := range map[string]struct {
		b    []byte
		want string
	}{
		"empty":          {nil, "is no saved plan"},
		"truncated":      {b[:len(b)/2], "a part of one is missing"},
		"no checksum":    {b[:len(b)-70], "a part of one is missing"},
		"a bit flipped":  {[]byte(strings.Replace(string(b), `"node":"n"`, `"node":"m"`, 1)), "its checksum is wrong"},
		"newer":          {encodePlan(t, newer), "newer version"},
		"something else": {[]byte("{}\nsha256:0\n"), "is no saved plan"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := decodePlan(tc.b); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("want %q, got %v", tc.want, err)
			}
		})
	}
}

func TestApprover(t *testing.T) {
	res := func(o report.Outcome, certainty, after string) *report.Result {
		return &report.Result{Address: resources.Address{Type: "file", Title: "x"}, Outcome: o, Certainty: certainty, Changes: []report.Change{{Attribute: "mode", After: after}}}
	}
	for _, tc := range []struct {
		name      string
		then, now *report.Result
		want      string
	}{
		{"the same", res(report.Pending, report.Exact, "0644"), res(report.Pending, report.Exact, "0644"), ""},
		{"done meanwhile", res(report.Pending, report.Exact, "0644"), res(report.Unchanged, report.Exact, ""), ""},
		{"another change", res(report.Pending, report.Exact, "0644"), res(report.Pending, report.Exact, "0600"), "other changes would be made"},
		{"drifted", res(report.Unchanged, report.Exact, ""), res(report.Pending, report.Exact, "0600"), "has drifted since the plan was saved"},
		{"not in the plan", nil, res(report.Pending, report.Exact, "0600"), "does not have it"},
		{"known late", res(report.Pending, report.KnownLate, "a"), res(report.Pending, report.KnownLate, "b"), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := &planFile{}
			if tc.then != nil {
				p.Results = append(p.Results, tc.then)
			}
			err := approver(p)(tc.now)
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("want %q, got %v", tc.want, err)
			}
		})
	}
}

func FuzzDecodePlan(f *testing.F) {
	f.Add([]byte("{\"format\":\"apply plan\",\"version\":1}\nsha256:0\n"))
	f.Add([]byte("\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := decodePlan(b); err == nil && p.Format != planFormat {
			t.Errorf("accepted format %q", p.Format)
		}
	})
}
