package survey_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/engine/internal/survey"
	"github.com/nodeapply/apply/resources"
)

// folder touches all that is in it.
type folder struct {
	resources.Resource
	declared func() resources.Declared
}

func (*folder) Covers() string                              { return "/d" }
func (f *folder) Survey(declared func() resources.Declared) { f.declared = declared }

// file is at a path.
type file struct {
	folder
	Path string `hcl:"path,title"`
}

func (f *file) Covers() string { return "" }
func (f *file) Provides() []resources.Identity {
	return []resources.Identity{{Kind: "path", Name: f.Path}}
}
func (f *file) Requires() []resources.Identity { return nil }

func addr(title string) resources.Address { return resources.Address{Type: "t", Title: title} }

// What is known of the late blocks beside a folder depends on whose values are there.
func TestTell(t *testing.T) {
	for _, tc := range []struct {
		name       string
		predicting bool
		given      string // the blocks of which the values are there
		fails      string // of which the values make a mistake
		want       resources.Declared
	}{
		{"a run knows all", false, "", "", resources.Declared{Late: []string{"/d/x", "/d/y"}}},
		{"but for a block with a mistake", false, "", "x", resources.Declared{Late: []string{"/d/y"}, Unknown: "t.x"}},
		{"a prediction with all values", true, "xy", "", resources.Declared{Late: []string{"/d/x", "/d/y"}}},
		{"a prediction with some", true, "x", "", resources.Declared{Late: []string{"/d/x"}, Unknown: "t.y", After: "t.n"}},
		{"what nothing will tell goes before", true, "x", "x", resources.Declared{Unknown: "t.x"}},
		{"wherever it stands", true, "y", "y", resources.Declared{Unknown: "t.y"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			binds := 0
			f := &folder{}
			entries := []*catalog.Entry{{Addr: addr("d"), Resource: f}, {Addr: addr("n"), Resource: &file{Path: "/n"}}}
			for _, title := range []string{"y", "x"} {
				entries = append(entries, &catalog.Entry{Addr: addr(title), Deferred: &catalog.Deferred{
					Needs: []resources.Address{addr("n")}, Blank: &file{Path: title}, Unnamed: true, Begins: "/d/",
					Bind: func(context.Context, catalog.Values) ([]*catalog.Entry, error) {
						if binds++; tc.fails == title {
							return nil, errors.New("a mistake")
						}
						return []*catalog.Entry{{Addr: addr(title), Resource: &file{Path: "/d/" + title}}}, nil
					},
				}})
			}
			c, problems := catalog.New(entries, nil, nil)
			if problems != nil {
				t.Fatal(problems)
			}
			given := func(d *catalog.Deferred) bool {
				for _, b := range tc.given {
					if d.Blank.(*file).Path == string(b) {
						return true
					}
				}
				return false
			}
			s := &survey.Survey{Catalog: c, Predicting: tc.predicting, Given: given}
			for range 2 { // the second time nothing is bound that was
				s.Tell(t.Context(), 0, entries[0])
				got := f.declared()
				got.Paths = nil
				if diff := cmp.Diff(tc.want, got); diff != "" {
					t.Errorf("want -, got +:\n%s", diff)
				}
			}
			if tc.fails == "" && binds != len(tc.want.Late) {
				t.Errorf("bound %d times, want %d", binds, len(tc.want.Late))
			}
		})
	}
}
