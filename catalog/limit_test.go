package catalog

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/resources"
)

// narrow is a limit.
type narrow struct{ thing }

func (*narrow) Enter(context.Context) (resources.Place, error) { return nil, nil }

// limited declares "L..." as limits, "w..." as waits, anything else as things; a name with ! is not in this run. Relations are written
// "a>b" (order) and "L=a" (a is inside L).
func limited(decl, relations string) (*Catalog, []Problem) {
	var entries []*Entry
	for i, name := range strings.Fields(decl) {
		title, off := strings.CutSuffix(name, "!")
		e := declare(i+1, title, &thing{Name: title})
		e.Off, e.Awaits = off, strings.HasPrefix(e.Addr.Title, "w")
		if strings.HasPrefix(title, "L") {
			e.Resource = &narrow{thing{Name: title, provides: ids("limit", title)}}
		}
		entries = append(entries, e)
	}
	var rs []Relation
	for i, s := range strings.Fields(relations) {
		r := relation(strings.Replace(s, "=", ">", 1))
		if strings.Contains(s, "=") {
			r.Kind, r.Target = Inside, false
		}
		r.Pos.Line = int32(100 + i)
		rs = append(rs, r)
	}
	return New(entries, rs, func(resources.Address) bool { return false })
}

func TestSections(t *testing.T) {
	for _, tc := range []struct{ name, decl, relations, want string }{
		{"one resource", "L a b", "L=a", "a:L(a)"},
		{"two without order", "L a b", "L=a L=b", "a:L(a) b:L(b)"},
		{"one after the other", "L a b", "L=a L=b a>b", "a:L(a b) b:L(a b)"},
		{"what is in between is not inside", "L a x b", "L=a L=b a>x x>b", "a:L(a b) b:L(a b)"},
		{"two ways that meet", "L a b c x", "L=a L=b L=c a>x b>x x>c", "a:L(a b c) b:L(a b c) c:L(a b c)"},
		{"two ways that meet behind", "L a b x", "L=a L=b a>x b>x", "a:L(a) b:L(b)"},
		{"several, by their names", "L2 L1 a", "L2=a L1=a", "a:L1(a),L2(a)"},
		{"a whole module", "L m:a m:b c", "L=m:* m:a>m:b", "ma:L(ma mb) mb:L(ma mb)"},
		{"a limit that is not in this run", "L! a", "L=a", ""},
		{"a resource that is not in this run", "L a! b", "L=a L=b a>b", "b:L(b)"},
		{"a wait before", "L w a b", "L=a L=b w>a a>b", "a:L(a b) b:L(a b)"},
		{"a wait behind", "L a b w", "L=a L=b a>b b>w", "a:L(a b) b:L(a b)"},
		{"a wait beside", "L a w b", "L=a L=b a>b a>w", "a:L(a b) b:L(a b)"},
		{"a wait that is not in this run", "L a w! b", "L=a L=b a>w w>b", "a:L(a b) b:L(a b)"},
		{"an inner limit that comes later", "L1 L2 a x b", "L1=a L1=b L2=x a>x x>b", "a:L1(a b) x:L2(x) b:L1(a b)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, problems := limited(tc.decl, tc.relations)
			if problems != nil {
				t.Fatal(problems)
			}
			var out []string
			for v := range c.Entries() {
				var in []string
				for _, s := range c.Sections(v) {
					var members []string
					for _, m := range s.Members {
						members = append(members, short(c, m))
					}
					in = append(in, fmt.Sprintf("%s(%s)", s.Name, strings.Join(members, " ")))
				}
				if in != nil {
					out = append(out, short(c, v)+":"+strings.Join(in, ","))
				}
			}
			if diff := cmp.Diff(tc.want, strings.Join(out, " ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLimitsThatCouldHoldEverybodyUp(t *testing.T) {
	for _, tc := range []struct{ name, decl, relations, want string }{
		{"a wait inside", "L w", "L=w", "limit held across a wait at main.hcl:100, main.hcl:2"},
		{"a wait in a module inside", "L m:a m:w", "L=m:*", "limit held across a wait at main.hcl:100, main.hcl:3"},
		{"a wait in between", "L a w b", "L=a L=b a>w w>b", "limit held across a wait at main.hcl:100, main.hcl:3"},
		{"a wait that the second needs, beside the first", "L a w b", "L=a L=b a>b w>b", "limit held across a wait at main.hcl:100, main.hcl:3"},
		{"a wait before one of two that meet", "L w a b c", "L=a L=b L=c w>a a>c b>c", "limit held across a wait at main.hcl:100, main.hcl:2"},
		{"an inner limit that others enter first", "L1 L2 a x b", "L2=a L2=b L1=x a>x x>b", "limits in the wrong order at main.hcl:100, main.hcl:102"},
		{"the second has one more", "L1 L2 a b", "L2=a L2=b L1=b a>b", "limits in the wrong order at main.hcl:100, main.hcl:102"},
		{"no limit", "a b", "a=b", "not a limit at main.hcl:100, main.hcl:1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, problems := limited(tc.decl, tc.relations)
			var out []string
			for _, p := range problems {
				s := p.Summary + " at " + p.Pos.String()
				for _, also := range p.Also {
					s += ", " + also.String()
					if p.Summary != "not a limit" && !strings.Contains(p.Detail, also.String()) {
						t.Errorf("%s is not named in %q", also, p.Detail)
					}
				}
				out = append(out, s)
			}
			if diff := cmp.Diff(tc.want, strings.Join(out, "; ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}
