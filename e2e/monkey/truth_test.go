package monkey

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
)

// converge runs once, and holds what is told of the run in all ways against each other and against what became of the tree.
func (t *trial) converge(flags ...string) *run {
	before := t.exact()
	reports := map[string]string{}
	args := append([]string{"--json", "--detailed-exitcode"}, flags...)
	for _, ending := range []string{"json", "xml", "prom", "html"} {
		reports[ending] = filepath.Join(t.dir, "report."+ending)
		_ = os.Remove(reports[ending])
		args = append(args, "--report", reports[ending])
	}
	if !slices.ContainsFunc(flags, func(f string) bool { return strings.HasSuffix(f, ".plan") }) {
		args = append(args, filepath.Base(t.main))
	}
	r := t.ok(t.apply(args...), 0, 2, 4, 6)
	t.counted(r)
	t.reported(r, reports)
	t.onRecord(r)
	t.touched(r, before)
	t.lasting = false
	return r
}

// plan plans, and touches nothing.
func (t *trial) plan(flags ...string) *run {
	before := t.exact()
	r := t.ok(t.apply(append(append([]string{"plan", "--json", "--detailed-exitcode"}, flags...), filepath.Base(t.main))...), 0, 2, 4, 6)
	t.same("a plan touches nothing", before, t.exact(), r)
	t.counted(r)
	return r
}

// counted holds the summary and the exit code against the events.
func (t *trial) counted(r *run) {
	if r.summary == nil || r.id == "" {
		t.fail("the first event is run, the last one summary", "%v", r)
	}
	var want counts
	code := 0
	for _, res := range r.results {
		want.Total++
		switch res.Outcome {
		case "unchanged":
			want.Unchanged++
		case "changed":
			want.Changed++
			code |= 2
		case "refreshed":
			want.Refreshed++
			code |= 2
		case "pending":
			want.Pending++
			if !res.Noop {
				code |= 2
			}
		case "skipped":
			want.Skipped++
		case "failed":
			want.Failed++
			code |= 4
		}
		t.plausible(r, res)
		if res.Outcome == "failed" && !t.mayFail {
			t.fail("nothing fails: "+namePattern.ReplaceAllString(res.Error.Summary, "..."), "%s\n%v", res.Address, r)
		}
	}
	if want != r.summary.counts {
		t.fail("the summary counts the events", "%s\n%v", cmp.Diff(want, r.summary.counts), r)
	}
	if r.code != code {
		t.fail("the exit code tells what happened", "want %d\n%v", code, r)
	}
}

// namePattern is a name of a file in an error, by which errors are not told apart.
var namePattern = regexp.MustCompile(`/.*`)

// plausible holds the parts of a result against each other.
func (t *trial) plausible(r *run, res result) {
	wrong := ""
	switch {
	case res.Outcome == "unchanged" && len(res.Changes) > 0:
		wrong = "unchanged with changes"
	case res.Outcome == "changed" && len(res.Changes) == 0:
		wrong = "changed without changes"
	case (res.Outcome == "failed") != (res.Error != nil):
		wrong = "failed without an error, or the reverse"
	case (res.Outcome == "skipped") != (res.Because != ""):
		wrong = "skipped without a reason, or the reverse"
	case res.Outcome == "refreshed" && (!res.Refreshed || len(res.NotifiedBy) == 0):
		wrong = "refreshed by nobody"
	case res.Because != "" && r.results[res.Because].Outcome != "failed":
		wrong = "because of what has not failed"
	case res.Certainty == "" && (res.Outcome == "changed" || res.Outcome == "pending"):
		wrong = "no certainty"
	}
	for _, by := range res.NotifiedBy {
		if o := r.results[by].Outcome; o != "changed" && o != "refreshed" && o != "pending" && !t.owing && !t.mayFail && !res.Noop && !t.find(by).late {
			wrong = "notified by " + by + ", which is " + o
		}
	}
	if wrong != "" {
		t.fail("a result makes sense", "%s: %s\n%v", res.Address, wrong, r)
	}
}

// hiddenSince lets a report, which is written at the end, hide what was told before a command that was given a secret printed the same.
func (t *trial) hiddenSince() cmp.Option {
	secrets := strings.Contains(t.scene.String(), "var.secret")
	like := func(told, hidden string) bool {
		parts := strings.Split(hidden, "(sensitive value)")
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		return regexp.MustCompile(`(?s)^` + strings.Join(parts, ".+") + `$`).MatchString(told)
	}
	return cmp.Comparer(func(a, b string) bool { return a == b || secrets && (like(a, b) || like(b, a)) })
}

// reported holds the report files against the events.
func (t *trial) reported(r *run, files map[string]string) {
	texts := map[string]string{}
	for ending, name := range files {
		b, err := os.ReadFile(name)
		t.must(err)
		texts[ending] = string(b)
		if strings.Contains(string(b), t.secret()) {
			t.fail("nothing tells a secret", "%s", b)
		}
	}
	var rep fullReport
	t.must(json.Unmarshal([]byte(texts["json"]), &rep))
	told := map[string]result{}
	for _, res := range rep.Results {
		told[res.Address] = res
	}
	if diff := cmp.Diff(r.results, told, t.hiddenSince()); diff != "" || rep.Run != r.id || len(rep.Results) != len(told) {
		t.fail("a report has what the events have", "%s\n%v", diff, r)
	}
	if rep.AsPlanned+len(rep.Surprises) != len(rep.Results) || r.summary.Fidelity != fmt.Sprintf("%d/%d", rep.AsPlanned, len(rep.Results)) {
		t.fail("fidelity counts the surprises", "%d as planned\n%v", rep.AsPlanned, r)
	}
	var junit struct {
		Failures int `xml:"failures,attr"`
		Tests    int `xml:"tests,attr"`
		Skipped  int `xml:"skipped,attr"`
	}
	if err := xml.Unmarshal([]byte(texts["xml"]), &junit); err != nil || junit.Tests != r.summary.Total || junit.Failures != r.summary.Failed {
		t.fail("the JUnit report has the counts", "%+v, %v\n%v", junit, err, r)
	}
	for outcome, n := range map[string]int{"changed": r.summary.Changed, "unchanged": r.summary.Unchanged, "failed": r.summary.Failed, "refreshed": r.summary.Refreshed} {
		if line := fmt.Sprintf("outcome=%q} %d\n", outcome, n); !strings.Contains(texts["prom"], line) {
			t.fail("the Prometheus report has the counts", "no %s%s\n%v", line, texts["prom"], r)
		}
	}
	if !strings.Contains(texts["html"], "</html>") {
		t.fail("the HTML report is whole", "%s", texts["html"])
	}
	declared := slices.Clone(rep.Results)
	place := func(res result) int { return slices.Index(t.items, t.find(res.Address)) }
	slices.SortStableFunc(declared, func(a, b result) int { return place(a) - place(b) })
	for n := range declared {
		if t.module(declared) == "" && declared[n].Address != rep.Results[n].Address {
			t.fail("a report is in the order of the declarations", "%v", r)
		}
	}
}

// module is one of the modules that results are of.
func (t *trial) module(of []result) string {
	for _, res := range of {
		if i := t.find(res.Address); i != nil && i.module != "" {
			return i.module
		}
	}
	return ""
}

// onRecord holds the history against the run.
func (t *trial) onRecord(r *run) {
	h := t.ok(t.apply("history", "--json"), 0)
	first, _, _ := strings.Cut(h.stdout, "\n")
	var top struct {
		Run    string
		Counts counts
	}
	t.must(json.Unmarshal([]byte(first), &top))
	if top.Run != r.id || top.Counts != r.summary.counts {
		t.fail("the history has the run", "%v\n%v", h, r)
	}
	again := t.apply("history", "--json", r.id)
	if diff := cmp.Diff(r.results, again.results); diff != "" {
		t.fail("the history has the report", "%s\n%v\n%v", diff, again, r)
	}
}

// touched has a run have changed what it says, and nothing else.
func (t *trial) touched(r *run, before map[string]string) {
	after := t.exact()
	var may []string
	for _, res := range r.results {
		if res.Outcome == "changed" || res.Outcome == "failed" || res.Outcome == "refreshed" {
			if i := t.find(res.Address); i != nil {
				may = slices.Concat(may, i.writes, i.led)
			}
		}
	}
	all, swept := differences(before, after), false
	for _, d := range all { // what a killed run left
		if name, _, _ := strings.Cut(d, ": "); t.owing && strings.Contains(name, ".apply.") {
			may, swept = append(may, strings.TrimPrefix(name, "tree/")), true
		}
	}
	for _, d := range all {
		name, _, _ := strings.Cut(d, ": ")
		inTree, ours := strings.CutPrefix(name, "tree/")
		if !ours || slices.ContainsFunc(may, func(m string) bool {
			return inTree == m || strings.HasPrefix(inTree, m+"/") || filepath.Dir(m) == inTree
		}) {
			continue
		}
		t.fail("a run touches what it says", "%s\n%v", d, r)
	}
	if r.summary.Changed+r.summary.Refreshed == 0 && r.summary.Failed == 0 && !swept && !t.lasting {
		t.same("a run that changed nothing touched nothing", before, after, r)
	}
}
