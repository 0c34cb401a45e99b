package needs_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/catalog/internal/needs"
	"github.com/nodeapply/apply/catalog/internal/order"
	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
)

// thing provides and requires what its words say: "path:/a user:u <path:/", "gone" that it is removed. Behind a required name stand ^ (the nearest above) and
// * (all below); what begins with = is shared.
type thing string

func (thing) Check(context.Context, host.View) (resources.Diff, error) { return resources.Diff{}, nil }
func (thing) Apply(context.Context, host.Host, resources.Diff) error   { return nil }
func (t thing) Absent() bool                                           { return slices.Contains(strings.Fields(string(t)), "gone") }
func (t thing) Provides() []resources.Identity                         { return t.identities(false) }
func (t thing) Requires() []resources.Identity                         { return t.identities(true) }

func (t thing) identities(required bool) (ids []resources.Identity) {
	for _, word := range strings.Fields(string(t)) {
		word, requires := strings.CutPrefix(word, "<")
		word, shared := strings.CutPrefix(word, "=")
		kind, name, ok := strings.Cut(word, ":")
		if !ok || requires != required {
			continue
		}
		ids = append(ids, resources.Identity{Kind: kind, Name: strings.TrimRight(name, "^*"), Shared: shared,
			Nearest: strings.Contains(name, "^"), Below: strings.Contains(name, "*")})
	}
	return ids
}

func of(list ...thing) *needs.Needs {
	owners := map[resources.Identity]int{}
	all := make([]resources.Resource, len(list))
	for v, r := range list {
		all[v] = r
		for _, id := range needs.Alone(r) {
			owners[id] = v
		}
	}
	return needs.New(all, owners)
}

func TestConnect(t *testing.T) {
	for _, tc := range []struct {
		name string
		list []thing
		want string
	}{
		{"nothing", []thing{"path:/a", "path:/b", ""}, ""},
		{"exactly that", []thing{"<user:u", "user:u", "user:v"}, "1>0"},
		{"itself", []thing{"user:u <user:u"}, ""},
		{"the nearest above", []thing{"path:/a/b/c <path:/a/b/c^", "path:/a", "path:/a/b", "path:/a/bc"}, "2>0"},
		{"nothing above", []thing{"path:/a <path:/a^"}, ""},
		{"a mount point is not above its own folder", []thing{"path:/a <path:/a^", "mount:/a <path:/a", "path:/"}, "0>1 2>0"},
		{"the root", []thing{"path:/a <path:/a^", "path:/"}, "1>0"},
		{"a mount point before its folder", []thing{"path:/a/b <path:/a/b^", "path:/a", "mount:/a <path:/a"}, "1>2 2>0"},
		{"all below", []thing{"<path:/a*", "path:/a/b", "path:/a/c/d", "path:/ab", "path:/a"}, "1>0 2>0 4>0"},
		{"all that share it", []thing{"<repo:apt", "=repo:apt", "=repo:apt", "<repo:apt"}, "1>4 2>4 4>0 4>3"},
		{"what is to go after what is in it", []thing{"gone path:/a", "gone path:/a/b <path:/a/b^", "path:/a/c <path:/a/c^"}, "0>2 1>0"},
		{"what is unmounted before its folder and the mount that this is in", []thing{"gone mount:/a <path:/a^ <mount:/a^", "path:/a/b <path:/a/b^", "gone mount:/a/b <path:/a/b^ <mount:/a/b^"},
			"0>1 2>0 2>1"},
		{"what is unmounted before what is mounted above it", []thing{"mount:/a <path:/a^", "gone mount:/a/b <path:/a/b^"}, "1>0"},
		{"accounts go in the one order", []thing{"gone user:u <group:g", "gone group:g"}, "1>0"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := order.New(len(tc.list), 0)
			of(tc.list...).Connect(o)
			var got []string
			for v := range o.Graph().Len() {
				for _, e := range o.Graph().Succ(v) {
					got = append(got, fmt.Sprintf("%d>%d", v, e.To))
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(tc.want, strings.Join(got, " ")); diff != "" {
				t.Errorf("want -, got +:\n%s", diff)
			}
		})
	}
}

func TestBetween(t *testing.T) {
	for _, tc := range []struct {
		name          string
		first, second thing
		why           needs.Why
		what          string
	}{
		{"nothing", "path:/a", "path:/b", needs.Nothing, ""},
		{"the other way round", "<user:u", "user:u", needs.Nothing, ""},
		{"needed", "user:u", "<group:g <user:u", needs.Needed, "user u"},
		{"below", "path:/a/b", "<path:/a*", needs.Needed, "path /a"},
		{"many may provide it", "=repo:apt", "<repo:apt", needs.Nothing, ""},
		{"an account that is to go", "user:u", "gone group:g <user:u", needs.Goes, "user u"},
		{"an account that is not there", "gone user:u", "group:g <user:u", needs.Undone, "user u"},
		{"a folder that is to go", "gone path:/a/b <path:/a/b^", "gone path:/a", needs.Goes, "path /a/b"},
		{"a folder that is to go, with what stays", "path:/a/b <path:/a/b^", "gone path:/a", needs.Nothing, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			why, id := of(tc.first, tc.second).Between(0, 1)
			if what := strings.TrimSpace(id.Kind + " " + id.Name); why != tc.why || what != tc.what {
				t.Errorf("want %d %s, got %d %s", tc.why, tc.what, why, what)
			}
		})
	}
}
