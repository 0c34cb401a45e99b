package page_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/nodeapply/apply/fleet/joint"
	"github.com/nodeapply/apply/fleet/joint/page"
	"github.com/nodeapply/apply/report"
)

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
		`marker-end="url(#head)"`, "0600 -> &lt;script&gt;alert(1)", "&lt;i&gt;main", "default-src &#39;none&#39;",
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
