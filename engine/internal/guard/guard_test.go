package guard

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
)

// plain is a resource that is always wanted.
type plain struct{ resources.Resource }

// command is one that may not be: as creates and refreshonly of a command say.
type command struct {
	plain
	refreshonly, repeats bool
	err                  error
}

func (c *command) Wanted(_ context.Context, _ host.View, refreshing bool) (bool, string, error) {
	return !c.refreshonly || refreshing, "refreshonly", c.err
}
func (c *command) Repeats() bool { return c.repeats }
func (c *command) GuardCmd(line string) host.Cmd {
	return host.Cmd{Args: []string{"", "", line}, Dir: "/srv"}
}

// node answers the guards true, false, which succeed and fail, and inside, which succeeds in a folder of its own; others cannot be run.
type node struct {
	host.View
	asked []string
}

func (n *node) Query(_ context.Context, c host.Cmd) (host.Output, error) {
	line := c.Args[2]
	n.asked = append(n.asked, line)
	code := map[string]int{"true": 0, "false": 1, "inside": len("/srv") - len(c.Dir), "denied": 126, "silent": 127, "nosuch": 127}
	said := map[string]string{"denied": "sh: denied: Permission denied\n", "nosuch": "sh: nosuch: not found\n"}
	if _, ok := code[line]; !ok {
		return host.Output{}, errors.New("timed out after 1s")
	}
	return host.Output{ExitCode: code[line], Stderr: []byte(said[line])}, nil
}

func TestWanted(t *testing.T) {
	for _, tc := range []struct {
		name           string
		r              resources.Resource
		unless, onlyif string
		refreshing     bool
		want           string // "yes", why not, or the error
		asked          string
	}{
		{"nothing says otherwise", plain{}, "", "", false, "yes", ""},
		{"unless that succeeds", plain{}, "false true", "true", false, "unless succeeded", "false true"},
		{"unless that fails", plain{}, "false false", "", false, "yes", "false false"},
		{"onlyif that fails", plain{}, "false", "true false", false, "onlyif failed", "false true false"},
		{"onlyif that succeeds", plain{}, "", "true true", false, "yes", "true true"},
		{"one that is not there", plain{}, "nosuch", "", false, "unless: exit code 127: sh: nosuch: not found", "nosuch"},
		{"one that does not say so", plain{}, "", "silent", false, "onlyif: exit code 127: command not found", "silent"},
		{"one that may not be run", plain{}, "denied", "", false, "unless: exit code 126: sh: denied: Permission denied", "denied"},
		{"one that does not end", plain{}, "", "sleeps", false, "onlyif: timed out after 1s", "sleeps"},
		{"in the resource's folder", &command{}, "", "inside", false, "yes", "inside"},
		{"in no folder", plain{}, "", "inside", false, "onlyif failed", "inside"},
		{"the resource is asked first", &command{refreshonly: true}, "false", "", false, "refreshonly", ""},
		{"and knows of a refresh", &command{refreshonly: true}, "false", "", true, "yes", "false"},
		{"which does not outdo the guards", &command{refreshonly: true}, "true", "", true, "unless succeeded", "true"},
		{"it cannot say", &command{err: errors.New("creates: input/output error")}, "", "", false, "creates: input/output error", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := &node{}
			e := &catalog.Entry{Resource: tc.r, Options: catalog.Options{Unless: strings.Fields(tc.unless), OnlyIf: strings.Fields(tc.onlyif)}}
			ok, got, err := Wanted(t.Context(), n, e, tc.refreshing)
			var attr *resources.AttrError
			switch {
			case errors.As(err, &attr):
				got = fmt.Sprintf("%s: %v", attr.Attr, attr.Err)
			case err != nil:
				got = err.Error()
			case ok:
				got = "yes"
			}
			if ok && err != nil {
				t.Error("wanted, and an error")
			}
			if diff := cmp.Diff([]string{tc.want, tc.asked}, []string{got, strings.Join(n.asked, " ")}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRepeats(t *testing.T) {
	guarded := catalog.Options{Unless: []string{"true"}}
	for _, tc := range []struct {
		name string
		e    catalog.Entry
		want bool
	}{
		{"a command that nothing ends", catalog.Entry{Resource: &command{repeats: true}}, true},
		{"one with an end of its own", catalog.Entry{Resource: &command{}}, false},
		{"one with a guard", catalog.Entry{Resource: &command{repeats: true}, Options: guarded}, false},
		{"what is a state", catalog.Entry{Resource: plain{}}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := Repeats(&tc.e); got != tc.want {
				t.Errorf("want %v, got %v", tc.want, got)
			}
		})
	}
}
