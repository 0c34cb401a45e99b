package report

import (
	"fmt"
	"os"
	"testing"
)

// BenchmarkUnchanged prints 10,000 unchanged resources to a file that takes everything.
func BenchmarkUnchanged(b *testing.B) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer null.Close()
	r := &Report{Mode: Converge}
	for i := range 10000 {
		a := at("file", fmt.Sprintf("/etc/conf.d/%d.conf", i))
		r.Results = append(r.Results, &Result{Address: a, Type: a.Type, Title: a.Title, Pos: fmt.Sprintf("main.hcl:%d", i), Outcome: Unchanged, Certainty: Exact, Reversible: true, DurationMS: 0.03})
	}
	for name, p := range map[string]Events{"text": NewText(null, TextOptions{}), "json": NewJSON(null)} {
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
