package html

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/resources"
)

// ten is a run as newcomers have it: a little of everything, and one failure.
func ten() *report.Report {
	r := &report.Report{
		Run: "01JDZX0000000000000000000A", Node: "node01", Mode: report.Converge, Manifest: "main.hcl", Commit: "3f9c2d1a77be",
		Started: time.Date(2025, 11, 21, 8, 30, 0, 0, time.UTC), DurationMS: 5123.4, AsPlanned: 8,
		Warnings:  []string{"temporary files of a run that died were removed"},
		Surprises: []report.Surprise{{Address: addr("exec", "rebalance"), Planned: report.Pending, Outcome: report.Failed}},
		Outputs:   []report.Output{{Name: "where", Value: "\u202e</script>"}},
	}
	add := func(a resources.Address, line int, o report.Outcome, start, took float64) *report.Result {
		res := &report.Result{Address: a, Type: a.Type, Title: a.Title, Pos: fmt.Sprintf("main.hcl:%d", line), Outcome: o, Certainty: report.Exact,
			Reversible: true, StartMS: start, DurationMS: took}
		r.Results = append(r.Results, res)
		return res
	}
	add(addr("package", "glusterfs-server"), 3, report.Changed, 4, 2810).Changes = []report.Change{{Attribute: "ensure", Before: "absent", After: "10.3-5"}}
	conf := add(addr("file", "/etc/glusterfs/glusterd.vol"), 9, report.Changed, 2814, 2.2)
	conf.Changes = []report.Change{
		{Attribute: "mode", Before: "0600", After: "0644"},
		{Attribute: "content", Before: "sha256:aa11", After: "sha256:bb22", Diff: "--- /etc/glusterfs/glusterd.vol\n+++ /etc/glusterfs/glusterd.vol\n@@ -1,4 +1,5 @@\n volume management\n-    type mgmt/glusterd\n+    type mgmt/glusterd2\n+    option base-port 49152\n     option working-directory /var/lib/glusterd\n end-volume\n"},
	}
	svc := add(addr("service", "glusterd"), 16, report.Changed, 2817, 640)
	svc.Refreshed, svc.NotifiedBy = true, []string{conf.Address.String()}
	svc.Changes = []report.Change{{Attribute: "ensure", Before: "stopped", After: "running"}, {Attribute: "enable", Before: "false", After: "true"}}
	add(addr("file", "/data"), 22, report.Unchanged, 5, 0.3)
	add(addr("mount", "/data/brick"), 26, report.Unchanged, 6, 0.9)
	reb := add(addr("exec", "rebalance"), 33, report.Failed, 3460, 1650)
	reb.Error = &report.Error{Summary: "exit code 3", Detail: "volume rebalance: data: failed\nNot a distribute volume <b>or</b> volume contains only 1 brick.\n", Pos: "main.hcl:34,3-42"}
	skip := add(addr("exec", "heal"), 40, report.Skipped, 5110, 0)
	skip.Because = reb.Address.String()
	motd := add(addr("file", "/etc/motd"), 46, report.Refreshed, 2818, 1)
	motd.Refreshed, motd.NotifiedBy = true, []string{svc.Address.String()}
	noop := add(addr("file", "/etc/rhyming \u202eevil</script>"), 52, report.Pending, 7, 0.4)
	noop.Noop, noop.Changes = true, []report.Change{{Attribute: "ensure", Before: "", After: "present"}}
	add(addr("user", "gluster"), 58, report.Unchanged, 7, 0.2).Warnings = []string{"no home folder"}
	// 10 is a barrier.
	r.Edges = []report.Edge{{From: 0, To: 1}, {From: 1, To: 2, Notify: true}, {From: 0, To: 2}, {From: 3, To: 4}, {From: 4, To: 5}, {From: 2, To: 5}, {From: 5, To: 6},
		{From: 2, To: 7, Notify: true}, {From: 4, To: 10}, {From: 2, To: 10}, {From: 10, To: 9}}
	r.Resources = len(r.Results)
	return r
}

func addr(typ, title string) resources.Address { return resources.Address{Type: typ, Title: title} }

// many is a run of n resources: folders with files below them, packages, and services that the files notify.
func many(n int) *report.Report {
	rnd := rand.New(rand.NewPCG(7, 7))
	r := &report.Report{Run: "01JDZX0000000000000000000B", Node: "node02", Mode: report.Converge, Manifest: "site/main.hcl",
		Started: time.Date(2025, 11, 21, 9, 0, 0, 0, time.UTC)}
	free := [4]float64{} // when each of four workers is free
	ends := make([]float64, n)
	for i := range n {
		var a resources.Address
		group := i - i%50
		switch i % 50 {
		case 0:
			a = addr("package", fmt.Sprintf("package-%d", i/50))
		case 1:
			a = addr("file", fmt.Sprintf("/etc/service-%d.d", i/50))
		case 49:
			a = addr("service", fmt.Sprintf("service-%d", i/50))
		default:
			a = addr("file", fmt.Sprintf("/etc/service-%d.d/conf-%02d.conf", i/50, i%50))
		}
		res := &report.Result{Address: a, Type: a.Type, Title: a.Title, Pos: fmt.Sprintf("site/service-%d.hcl:%d", i/50, i%50*4+1), Outcome: report.Unchanged, Certainty: report.Exact, Reversible: true}
		switch x := rnd.IntN(400); {
		case x == 0:
			res.Outcome, res.Error = report.Failed, &report.Error{Summary: "no space left on device", Pos: res.Pos + ",3-20"}
		case x < 3:
			res.Outcome, res.Because = report.Skipped, "exec.first"
		case x < 30:
			res.Outcome, res.Changes = report.Changed, []report.Change{{Attribute: "mode", Before: "0600", After: "0644"}}
		}
		ready := 0.0
		after := func(v int, notify bool) {
			r.Edges = append(r.Edges, report.Edge{From: v, To: i, Notify: notify})
			ready = max(ready, ends[v])
		}
		switch i % 50 {
		case 0:
			if group >= 500 && i%250 == 0 {
				after(group-451, false)
			}
		case 1:
			after(group, false)
		case 49:
			after(group, false)
			for v := group + 2; v < i; v++ {
				after(v, true)
			}
		default:
			after(group+1, false)
		}
		w := 0
		for k := range free {
			if free[k] < free[w] {
				w = k
			}
		}
		res.StartMS = round(max(free[w], ready))
		res.DurationMS = round(0.05 + rnd.ExpFloat64()*0.4)
		free[w] = res.StartMS + res.DurationMS
		ends[i] = free[w]
		r.DurationMS = max(r.DurationMS, ends[i])
		r.Results = append(r.Results, res)
	}
	r.AsPlanned, r.Resources = n, n
	return r
}
