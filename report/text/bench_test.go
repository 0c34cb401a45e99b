package text

import (
	"fmt"
	"os"
	"testing"

	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/report/jsonl"
)

// BenchmarkUnchanged prints 10,000 unchanged resources to a file that takes everything.
func BenchmarkUnchanged(b *testing.B) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer null.Close()
	r := &report.Report{Mode: report.Converge}
	for i := range 10000 {
		a := at("file", fmt.Sprintf("/etc/conf.d/%d.conf", i))
		r.Results = append(r.Results, &report.Result{Address: a, Type: a.Type, Title: a.Title, Pos: fmt.Sprintf("main.hcl:%d", i), Outcome: report.Unchanged, Certainty: report.Exact, Reversible: true, DurationMS: 0.03})
	}
	for name, p := range map[string]report.Events{"text": New(null, Options{}), "json": jsonl.New(null)} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				p.Begin(r)
				for _, res := range r.Results {
					p.Running(res.Address, "checking")
					p.Running(res.Address, "")
					p.Ended(res)
				}
				p.End(r)
			}
		})
	}
}
