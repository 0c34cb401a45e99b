package catalog

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// surveyor is a thing that asks what else is declared.
type surveyor struct {
	thing
	paths func() []string
}

func (s *surveyor) Survey(paths func() []string) { s.paths = paths }

func TestSurvey(t *testing.T) {
	s := &surveyor{thing: thing{provides: ids("path", "/etc")}}
	off := entry(4, "d", &thing{provides: ids("path", "/etc/b")})
	off.Off = true
	entries := []*Entry{
		{Addr: addr("a"), Resource: s},
		entry(2, "b", &thing{provides: ids("path", "/etc/c")}),
		entry(3, "c", &thing{provides: ids("user", "/etc/a")}),
		off,
	}
	c, problems := New(entries, nil, nil)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	want := []string{"/etc", "/etc/b", "/etc/c"}
	if diff := cmp.Diff(want, s.paths()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	late := &surveyor{}
	c.Survey(late)
	c.Survey(&thing{})
	if diff := cmp.Diff(want, late.paths()); diff != "" {
		t.Errorf("told later (-want +got):\n%s", diff)
	}
}
