package name

import (
	"strings"
	"testing"
)

func TestGrammars(t *testing.T) {
	for _, c := range []struct {
		what  string
		check func(string) error
		good  []string
		bad   []string
	}{
		{"fact", Fact, []string{"a", "gluster_up2"},
			[]string{"", "A", "1a", "_a", "a-b", "a.b", "a/b", "a b", "ä", ".run", strings.Repeat("a", 129), "a\n"}},
		{"node", Node, []string{"a", "node01", "Node-1.example.com", "10"},
			[]string{"", ".", "..", "a..b", "-a", "a-", "a_b", "a/b", "a.", ".params", strings.Repeat("a", 64), strings.Repeat("a.", 127) + "aa", "a\x00"}},
		{"deployment", Deployment, []string{"default", "2024-01_x.y"}, []string{"", ".", "..", "-a", "a/b", "a b", strings.Repeat("a", 64)}},
		{"group", Group, []string{"g"}, []string{"", "a/b", "a,b"}},
	} {
		for _, s := range c.good {
			if err := c.check(s); err != nil {
				t.Errorf("%s %q: %v", c.what, s, err)
			}
		}
		for _, s := range c.bad {
			if c.check(s) == nil {
				t.Errorf("%s %q is taken", c.what, s)
			}
		}
	}
}

func TestKeysThereAndBack(t *testing.T) {
	for text, want := range map[string]Key{
		"facts/d/n/up":        {KindFact, "d", "n", "up"},
		"facts/d/n/.node":     {KindNode, "d", "n", ""},
		"facts/d/n/.run":      {KindRun, "d", "n", ""},
		"facts/d/n/.limit/up": {KindLimit, "d", "n", "up"},
		"facts/d/.params/up":  {KindParam, "d", "", "up"},
	} {
		k, err := Parse(text)
		if err != nil || k != want || k.String() != text {
			t.Errorf("%s: %+v %v, back %s", text, k, err, k)
		}
	}
	for _, bad := range []string{
		"", "facts", "facts/d/n", "facts/d/n/", "facts//n/up", "x/d/n/up", "facts/d/n/.x", "facts/d/n/.limit", "facts/d/n/.limit/",
		"facts/d/n/up/x", "facts/d/.params/x/y", "facts/d/../up", "facts/d/n/.node/x", "facts/d/n/.limit/a/b", "/facts/d/n/up",
	} {
		if k, err := Parse(bad); err == nil {
			t.Errorf("%q is %+v", bad, k)
		}
	}
}
