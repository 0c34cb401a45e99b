package trace

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestConflicts(t *testing.T) {
	for _, tc := range []struct {
		name   string
		sets   string // for each resource what it read and, after >, what it wrote
		edges  string // pairs with a path
		ignore string // what these begin with
		want   []Conflict
	}{
		{name: "none"},
		{name: "nothing shared", sets: "/a>/b; /c>/d"},
		{name: "both read", sets: "/a>; /a>"},
		{name: "written, then read", sets: ">/a; /a>", want: []Conflict{{0, 1, []string{"/a"}, false}}},
		{name: "read, then written", sets: "/a>; >/a", want: []Conflict{{0, 1, []string{"/a"}, false}}},
		{name: "both wrote", sets: ">/a; >/a", want: []Conflict{{0, 1, []string{"/a"}, true}}},
		{name: "both read and wrote", sets: "/a>/a; /a>/a", want: []Conflict{{0, 1, []string{"/a"}, true}}},
		{name: "one's own file", sets: "/a>/a; /b>/b"},
		{name: "said twice", sets: ">/a /a; /a /a>", want: []Conflict{{0, 1, []string{"/a"}, false}}},
		{name: "ordered", sets: ">/a; /a>", edges: "01"},
		{name: "one of three ordered", sets: ">/a; /a>; /a>", edges: "02", want: []Conflict{{0, 1, []string{"/a"}, false}}},
		{name: "readers do not disagree", sets: "/a>; >/a; /a>", want: []Conflict{{0, 1, []string{"/a"}, false}, {1, 2, []string{"/a"}, false}}},
		{name: "several paths", sets: "/c>/b /a; /b /a>/c", want: []Conflict{{0, 1, []string{"/a", "/b", "/c"}, false}}},
		{name: "one of several paths by both", sets: ">/a /b /c; /a /c>/b", want: []Conflict{{0, 1, []string{"/a", "/b", "/c"}, true}}},
		{name: "a path below another", sets: ">/a; /a/b>"},
		{name: "ignored", sets: ">/var/log/x /a; /a>/var/log/x", ignore: "/var/log/", want: []Conflict{{0, 1, []string{"/a"}, false}}},
		{name: "all ignored", sets: ">/var/log/x; >/var/log/x", ignore: "/var/log/"},
		{name: "in order", sets: ">/z; >/y; /y>/x; /x /z>", want: []Conflict{
			{0, 3, []string{"/z"}, false}, {1, 2, []string{"/y"}, false}, {2, 3, []string{"/x"}, false}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var sets []Set
			if tc.sets != "" {
				for s := range strings.SplitSeq(tc.sets, ";") {
					r, w, _ := strings.Cut(s, ">")
					sets = append(sets, Set{strings.Fields(r), strings.Fields(w)})
				}
			}
			edges := strings.Fields(tc.edges)
			ordered := func(a, b int) bool {
				return slices.Contains(edges, string(rune('0'+a))+string(rune('0'+b)))
			}
			var ignore func(string) bool
			if tc.ignore != "" {
				ignore = func(path string) bool { return strings.HasPrefix(path, tc.ignore) }
			}
			if diff := cmp.Diff(tc.want, Conflicts(sets, ordered, ignore)); diff != "" {
				t.Error("-want +got\n", diff)
			}
		})
	}
}

// TestConflictsAskLittle: the graph is asked once for each pair that shares a path, and for no other.
func TestConflictsAskLittle(t *testing.T) {
	sets := make([]Set, 20_000)
	for i := range sets {
		own := strings.Repeat("x", i%100) + "/" + string(rune(0x4e00+i))
		sets[i] = Set{Read: []string{"/everyone", own}, Written: []string{own}}
	}
	for _, i := range []int{7, 9} {
		sets[i].Written = append(sets[i].Written, "/p", "/q", "/r")
		sets[i].Read = append(sets[i].Read, "/p")
	}
	asked := 0
	got := Conflicts(sets, func(a, b int) bool { asked++; return true }, nil)
	if len(got) != 0 || asked != 1 {
		t.Errorf("%d conflicts, asked %d times", len(got), asked)
	}
}
