package zypper

import (
	"context"
	"testing"

	"github.com/nodeapply/apply/host"
)

// says is a node on which every command prints the same.
type says struct {
	host.View
	text string
}

func (s says) Query(context.Context, host.Cmd) (host.Output, error) {
	return host.Output{Stdout: []byte(s.text)}, nil
}

// FuzzSearch: nothing that zypper prints ends the program, and what is on offer has a version of those that it listed.
func FuzzSearch(f *testing.F) {
	f.Add(`<?xml version='1.0'?><stream><search-result version="0.0"><solvable-list>` +
		`<solvable status="installed" name="tool" kind="package" edition="0:1.0-1" arch="noarch" repository="(System Packages)"/>` +
		`<solvable status="other-version" name="tool" edition="1:2.0-1" arch="noarch" repository="main"/></solvable-list></search-result></stream>`)
	f.Add(`<stream><message type="error">System management is locked by the application with pid 12 (/usr/bin/zypper).</message></stream>`)
	f.Add(`<a><search-result><solvable-list><solvable/></solvable-list></search-result></a>`)
	f.Add(`<a><search-result><solvable-list><solvable name="tool" edition="0:"/></solvable-list></search-result></a>`)
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = isLocked(host.Output{ExitCode: 1, Stdout: []byte(text), Stderr: []byte(text)})
		offers, err := driver{}.Offers(t.Context(), says{text: text}, []string{"tool", "other"}, false)
		for name, o := range offers {
			if err != nil || (o.Candidate == "") != (len(o.Versions) == 0) {
				t.Errorf("%s: %+v, %v", name, o, err)
			}
		}
	})
}
