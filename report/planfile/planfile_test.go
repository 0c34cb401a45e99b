package planfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

func encode(t *testing.T, p Plan) []byte {
	t.Helper()
	body, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Appendf(append(body, '\n'), "sha256:%s\n", hash(body))
}

func TestDecode(t *testing.T) {
	whole := Plan{Format: format, Version: version, Node: "n", Results: []*report.Result{{Address: resources.Address{Type: "file", Title: "/a b"}, Outcome: report.Pending}}}
	b := encode(t, whole)
	got, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&whole, got); diff != "" {
		t.Error(diff)
	}
	newer := whole
	newer.Version = version + 1
	for name, tc := range map[string]struct {
		b    []byte
		want string
	}{
		"empty":          {nil, "is no saved plan"},
		"truncated":      {b[:len(b)/2], "a part of one is missing"},
		"no checksum":    {b[:len(b)-70], "a part of one is missing"},
		"a bit flipped":  {[]byte(strings.Replace(string(b), `"node":"n"`, `"node":"m"`, 1)), "its checksum is wrong"},
		"newer":          {encode(t, newer), "newer version"},
		"something else": {[]byte("{}\nsha256:0\n"), "is no saved plan"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Decode(tc.b); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("want %q, got %v", tc.want, err)
			}
		})
	}
}

func TestApprover(t *testing.T) {
	res := func(o report.Outcome, certainty, after string) *report.Result {
		return &report.Result{Address: resources.Address{Type: "file", Title: "x"}, Outcome: o, Certainty: certainty, Changes: []report.Change{{Attribute: "mode", After: after}}}
	}
	secret := func(hash string) *report.Result {
		r := res(report.Pending, report.Exact, "(sensitive value)")
		r.Changes[0].Hidden = hash
		return r
	}
	instance := res(report.Pending, report.KnownLate, "b")
	instance.Address.Instance = "x"
	for _, tc := range []struct {
		name      string
		then, now *report.Result
		want      string
	}{
		{"the same", res(report.Pending, report.Exact, "0644"), res(report.Pending, report.Exact, "0644"), ""},
		{"done meanwhile", res(report.Pending, report.Exact, "0644"), res(report.Unchanged, report.Exact, ""), ""},
		{"another change", res(report.Pending, report.Exact, "0644"), res(report.Pending, report.Exact, "0600"), "other changes would be made"},
		{"the same secret", secret("a"), secret("a"), ""},
		{"another secret", secret("a"), secret("b"), "other changes would be made"},
		{"a secret that was none", res(report.Pending, report.Exact, "(sensitive value)"), secret("b"), "other changes would be made"},
		{"drifted", res(report.Unchanged, report.Exact, ""), res(report.Pending, report.Exact, "0600"), "has drifted since the plan was saved"},
		{"not in the plan", nil, res(report.Pending, report.Exact, "0600"), "does not have it"},
		{"another change to come after the same", res(report.Pending, "after file.y", "0644"), res(report.Pending, "after file.y", "0600"), "other changes would be made"},
		{"what it was to come after is done", res(report.Pending, "after file.y", "0644"), res(report.Pending, report.Exact, "0600"), ""},
		{"what it comes after has drifted", res(report.Pending, report.Exact, "0644"), res(report.Pending, "after file.y", "0600"), "other changes would be made"},
		{"an instance of a block that is known late", res(report.Pending, report.KnownLate, "a"), instance, ""},
		{"an instance of what was no such block", res(report.Pending, report.Exact, "a"), instance, "does not have it"},
		{"known late", res(report.Pending, report.KnownLate, "a"), res(report.Pending, report.KnownLate, "b"), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := &Plan{}
			if tc.then != nil {
				p.Results = append(p.Results, tc.then)
			}
			b, err := Encode(*p)
			if err == nil {
				p, err = Decode(b)
			}
			if err != nil {
				t.Fatal(err)
			}
			err = p.Approver()(tc.now)
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("want %q, got %v", tc.want, err)
			}
		})
	}
}

// FuzzDecode reads whatever plan, with a right checksum where sum is true: what is accepted is of this format and can be asked, and is the same
// when it is written and read again.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"format":"apply plan","version":1}`), true)
	f.Add([]byte(`{"format":"apply plan","version":1,"results":[{"address":"file[\"/a b\"]","outcome":"pending","changes":[{"attribute":"mode"}]},null]}`), true)
	f.Add([]byte(`{"format":"apply plan","version":-1,"vars":["a=1"],"results":[{"address":"module.a[0].exec.x","error":{}}]}`), true)
	f.Add([]byte("\nsha256:0\n"), false)
	f.Add([]byte(`{"format":"apply plan","version":1,"results":[{"address":"module[]"}]}`), true)
	f.Fuzz(func(t *testing.T, b []byte, sum bool) {
		if sum {
			b = fmt.Appendf(append(bytes.Clone(b), '\n'), "sha256:%s\n", hash(b))
		}
		p, err := Decode(b)
		if err != nil {
			return
		}
		if p.Format != format || p.Version > version {
			t.Errorf("accepted %q, version %d", p.Format, p.Version)
		}
		for _, r := range p.Results {
			_ = p.Approver()(r)
		}
		again, err := Encode(*p)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Decode(again); err != nil {
			t.Errorf("written again it is refused: %v", err)
		}
	})
}
