package page_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/e2e/browser"
	"github.com/nodeapply/apply/fleet/joint"
	"github.com/nodeapply/apply/fleet/joint/page"
	"github.com/nodeapply/apply/report"
)

// TestPageInABrowser reads the page as people do: what went wrong first, at any width, in any light.
func TestPageInABrowser(t *testing.T) {
	r := &joint.Report{Manifest: "main.hcl", Mode: report.Converge, Started: time.Unix(1700000000, 0), DurationMS: 1000}
	for _, c := range [][3]string{
		{"n1", "ok", `{"event":"resource","address":"exec.a","type":"exec","pos":"m:1","outcome":"changed","changes":[{"attribute":"command","before":"","after":"true"}]}`},
		{"n2", "failed", `{"event":"resource","address":"exec.a","type":"exec","pos":"m:1","outcome":"changed"}
{"event":"resource","address":"exec.b","type":"exec","pos":"m:5","outcome":"failed","error":{"summary":"exit code 3","detail":"\u202eno ` + strings.Repeat("space", 100) + `"}}`},
	} {
		n := r.Node(c[0])
		n.Outcome, n.DurationMS = c[1], 900
		reader := joint.Reader{Node: n}
		reader.Write([]byte(c[2] + "\n"))
	}
	r.Node("n3").Outcome, r.Node("n3").Error = "unreachable", "connect: connection refused"
	var page1 bytes.Buffer
	if err := page.Write(&page1, r); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(page1.String(), "\u202e") {
		t.Error("what turns the direction of writing is in the page")
	}
	name := filepath.Join(t.TempDir(), "joint.html")
	if err := os.WriteFile(name, page1.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	for width, heads := range map[int]string{1280: "Node Outcome Changed Refreshed Pending Failed Skipped Of Took", 400: "Node Outcome Changed Failed Took"} {
		t.Run(strconv.Itoa(width), func(t *testing.T) {
			b := browser.Open(t, "file://"+name, width, 800)
			for what, c := range map[string]struct {
				script string
				want   any
			}{
				"heading":  {"document.querySelector('h1').innerText", "Run of main.hcl on 3 nodes: 1 ok, 1 failed, 1 unreachable"},
				"columns":  {"[...document.querySelectorAll('.nodes thead th')].filter(e => e.checkVisibility()).map(e => e.innerText).join(' ')", heads},
				"nodes":    {"[...document.querySelectorAll('.nodes tbody th')].map(e => e.innerText).join(' ')", "n2 n3 n1"},
				"unfolded": {"[...document.querySelectorAll('details[open] b')].map(e => e.innerText).join(' ')", "exec.b exec.a"},
				"fits":     {"document.documentElement.scrollWidth", float64(width)},
				"folded":   {"document.querySelector('details:not([open])').textContent.replace(/\\s+/g, ' ').trim()", "not unchanged: 1 exec.a changed m:1 command: (none) -> true"},
				"search":   {"search.value = 'refused', search.dispatchEvent(new Event('input')), count.textContent + ': ' + [...document.querySelectorAll('.nodes tbody th')].filter(e => e.checkVisibility()).map(e => e.innerText)", "1 of 3: n3"},
			} {
				if diff := cmp.Diff(c.want, b.Eval(c.script)); diff != "" {
					t.Errorf("%s: %s", what, diff)
				}
			}
			b.Eval("search.value = '', filter()")
			for _, dark := range []bool{false, true} {
				b.Dark(dark)
				if faint := b.Faint(); faint != "" {
					t.Errorf("hard to read, dark %v:\n%s", dark, faint)
				}
				b.Screenshot(fmt.Sprintf("joint-%d-%v", width, dark))
			}
			for _, bad := range b.Bad {
				t.Error(bad)
			}
		})
	}
}

func TestPage(t *testing.T) {
	r := &joint.Report{Manifest: "<i>main", Mode: report.Converge, Started: time.Unix(1700000000, 0), DurationMS: 1000, Waits: []joint.Wait{
		{Node: "host-b", Wait: "all", Fact: "up", Group: "g", StartMS: 100, DurationMS: 400, Met: true, For: []joint.For{{Node: "b", AtMS: 90}, {Node: "a", AtMS: 500}}},
		{Node: "a", Wait: "late", Fact: "y", StartMS: 500, DurationMS: 100},
	}}
	for name, text := range map[string]string{
		"a": `{"event":"resource","address":"file[\"/x\"]","type":"file","title":"/x","pos":"m:1","outcome":"changed","changes":[{"attribute":"mode","before":"0600","after":"<script>alert(1)</script>"}]}`,
		"b": `{"event":"part","node":"host-b"}`,
	} {
		n := r.Node(name)
		reader := joint.Reader{Node: n}
		reader.Write([]byte(text + "\n"))
		n.Outcome, n.DurationMS = "ok", 900
	}
	r.Node("c").Outcome, r.Node("c").Error = "unreachable", "connect: connection refused"
	var b, again bytes.Buffer
	if err := page.Write(&b, r); err != nil {
		t.Fatal(err)
	}
	if err := page.Write(&again, r); err != nil || !bytes.Equal(b.Bytes(), again.Bytes()) {
		t.Errorf("the same report gives other bytes: %v", err)
	}
	for _, want := range []string{
		"3 nodes: 2 ok", "connect: connection refused", `<td>wait.all</td><td>up of group g</td><td class="n">400ms</td><td>a</td>`, "not met",
		`marker-end="url(#head)"`, "0600 -&gt; &lt;script&gt;alert(1)", "&lt;i&gt;main", "default-src &#39;none&#39;",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("want %s in the page", want)
		}
	}
	if n := strings.Count(b.String(), `class="arrow"`); n != 1 {
		t.Errorf("want one arrow, from the node whose fact came last: got %d", n)
	}
	if strings.Contains(b.String(), "ZgotmplZ") || strings.Contains(b.String(), "http") && !strings.Contains(b.String(), "http-equiv") {
		t.Error("the template has refused a value, or the page speaks of the network")
	}
}
