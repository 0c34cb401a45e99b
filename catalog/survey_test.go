package catalog

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/resources"
)

// surveyor is a thing that asks what else is declared.
type surveyor struct {
	thing
	declared func() resources.Declared
	covers   string
}

func (s *surveyor) Survey(declared func() resources.Declared) { s.declared = declared }

func (s *surveyor) Covers() string { return s.covers }

// A resource that touches what it does not name comes after what deferred blocks need that may declare something there, and before these, which are in it.
func TestBeside(t *testing.T) {
	folder := func(covers string) *surveyor {
		return &surveyor{thing: thing{Name: "s", provides: ids("path", "/d")}, covers: covers}
	}
	for _, tc := range []struct {
		name      string
		s         *surveyor
		begins    string // of the deferred block's name
		relations string
		known     bool   // the deferred block's name
		late      string // what the surveyor needs if it is deferred too
		want      string // the edges, and what is beside
	}{
		{name: "in there", s: folder("/d"), begins: "/d/", want: "n>l n>s s>l, l before"},
		{name: "perhaps", s: folder("/d"), begins: "/", want: "n>l n>s, l before"},
		{name: "anywhere", s: folder("/d"), want: "n>l n>s, l before"},
		{name: "further below", s: folder("/"), begins: "/d/x/", want: "n>l n>s s>l, l before"},
		{name: "beside it", s: folder("/d"), begins: "/d2", want: "n>l"},
		{name: "elsewhere", s: folder("/d"), begins: "/e/", want: "n>l"},
		{name: "a name that is known", s: folder("/d"), begins: "/d/", known: true, want: "n>l"},
		{name: "covers nothing", s: folder(""), begins: "/d/", want: "n>l s>l"},
		{name: "the block comes after it", s: folder("/d"), begins: "/d/", relations: "s>l", want: "n>l n>s s>l, l before"},
		{name: "it comes before what would tell", s: folder("/d"), begins: "/d/", relations: "s>n", want: "n>l s>l s>n, l"},
		{name: "by way of another", s: folder("/d"), begins: "/d/", relations: "s>x x>n", want: "n>l s>l s>x x>n, l"},
		{name: "deferred by the same", s: folder("/d"), begins: "/d/", late: "n", want: "n>l n>s, s before, l before"},
		{name: "deferred by another", s: folder("/d"), begins: "/d/", late: "x", want: "n>l x>s, s before, l"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := late(declare(2, "l", &thing{Name: "l", provides: ids("path", "l")}))
			l.Deferred.Needs, l.Deferred.Begins, l.Deferred.Unnamed = []resources.Address{addr("n")}, tc.begins, !tc.known
			s := &Entry{Addr: addr("s"), Resource: tc.s}
			if tc.late != "" {
				late(s).Deferred.Unnamed = true
				s.Deferred.Needs = []resources.Address{addr(tc.late)}
			}
			c, problems := build([]*Entry{s, l, declare(3, "n", &thing{}), declare(4, "x", &thing{})}, tc.relations)
			if problems != nil {
				t.Fatal(problems)
			}
			got := edges(c)
			for _, b := range c.Beside(0) {
				got += ", " + c.Entries()[b.Vertex].Addr.Title
				if b.Before {
					got += " before"
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSurvey(t *testing.T) {
	s := &surveyor{thing: thing{provides: ids("path", "/etc")}}
	off := declare(4, "d", &thing{provides: ids("path", "/etc/b")})
	off.Off = true
	entries := []*Entry{
		{Addr: addr("a"), Resource: s},
		declare(2, "b", &thing{provides: ids("path", "/etc/c")}),
		declare(3, "c", &thing{provides: ids("user", "/etc/a")}),
		off,
	}
	c, problems := New(entries, nil, nil)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	want := []string{"/etc", "/etc/b", "/etc/c"}
	if diff := cmp.Diff(want, s.declared().Paths); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	late := &surveyor{}
	c.Survey(late, resources.Declared{Late: []string{"/x"}})
	c.Survey(&thing{}, resources.Declared{})
	if diff := cmp.Diff(resources.Declared{Paths: want, Late: []string{"/x"}}, late.declared()); diff != "" {
		t.Errorf("told later (-want +got):\n%s", diff)
	}
}

// toucher is a thing that touches paths.
type toucher struct {
	thing
	touches []resources.Touch
}

func (r *toucher) Touches() []resources.Touch { return r.touches }

// A resource that asks learns what others make and keep parts of, in homes too, and not what they remove.
func TestSurveyParts(t *testing.T) {
	s := &surveyor{}
	_, problems := New([]*Entry{
		{Addr: addr("s"), Resource: s},
		{Addr: addr("u"), Resource: &toucher{thing{provides: ids("user", "u")}, []resources.Touch{{Path: "/srv/u", How: resources.Houses}}}},
		{Addr: addr("a"), Resource: &toucher{touches: []resources.Touch{
			{Path: "/b", How: resources.Edits}, {Path: "/a", How: resources.Makes}, {Path: "/b", How: resources.Edits}, {Path: "/c", How: resources.Removes},
			{Path: "~u/.ssh/k", How: resources.Edits}, {Path: "~v/k", How: resources.Edits}, {Path: "~root/k", How: resources.Edits},
		}}},
	}, nil, nil)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if diff := cmp.Diff([]string{"/a", "/b", "/home/v/k", "/root/k", "/srv/u/.ssh/k"}, s.declared().Parts); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
