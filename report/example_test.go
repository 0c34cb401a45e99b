package report_test

import (
	"encoding/json"
	"fmt"

	"github.com/nodeapply/apply/report"
)

// What --report and apply history --json write is read as it was. Keys that are not known yet are passed over.
func ExampleReport() {
	text := `{"run":"01JZ","mode":"converge","resources":2,"as_planned":1,"results":[
	  {"address":"file[\"/etc/motd\"]","outcome":"changed","changes":[{"attribute":"mode","before":"0600","after":"0644"}]},
	  {"address":"service.web","outcome":"failed","error":{"summary":"exit code 1"}}]}`
	var r report.Report
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		panic(err)
	}
	for _, res := range r.Results {
		fmt.Println(res.Address, res.Outcome, res.Changes)
		if res.Error != nil {
			fmt.Println(res.Error.Summary)
		}
	}
	fmt.Println(r.Outcome(), r.Fidelity(), r.ExitCode(true))
	// Output:
	// file["/etc/motd"] changed [{mode 0600 0644  }]
	// service.web failed []
	// exit code 1
	// failed 1/2 6
}
