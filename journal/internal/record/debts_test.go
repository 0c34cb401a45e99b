package record

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/resources"
)

// owed writes debts a line each: whose they are, "target<source", of which manifest, by whom paid, and whether they are the run's own.
func owed(d Debts) string {
	var b strings.Builder
	for _, one := range d.List() {
		b.WriteString(string(one.Target.Title) + "<" + string(one.Source.Title))
		if one.Of != "" {
			b.WriteString(" of " + one.Of)
		}
		if one.Paid != nil {
			b.WriteString(" paid " + strings.Join(one.Paid, ","))
		}
		if one.Own {
			b.WriteString(" own")
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestDebts(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	debt := func(target, source, of string, paid ...string) Debt {
		return Debt{Target: named(target), Source: named(source), Since: at, Of: of, Paid: paid}
	}
	own := func(target, source string) Debt {
		d := debt(target, source, "m")
		d.Own = true
		return d
	}
	address := func(title string) resources.Address { return named(title).Address() }
	settle := func(d Debts) bool { return d.Settle(address("x"), "m", "decl") }
	for name, tt := range map[string]struct {
		all  []Debt
		do   func(Debts) bool
		any  bool
		left string
	}{
		"settled: the manifest's own":         {[]Debt{debt("x", "s", "m")}, settle, true, ""},
		"settled: of an unknown one":          {[]Debt{debt("x", "s", "")}, settle, true, ""},
		"settled: another target":             {[]Debt{debt("y", "s", "m")}, settle, false, "y<s of m\n"},
		"settled: another manifest's":         {[]Debt{debt("x", "s", "n")}, settle, true, "x<s of n paid m,decl\n"},
		"settled: paid before":                {[]Debt{debt("x", "s", "n", "m")}, settle, false, "x<s of n paid m\n"},
		"settled: paid as declared so":        {[]Debt{debt("x", "s", "n", "o", "decl")}, settle, false, "x<s of n paid o,decl\n"},
		"settled: paid by a third":            {[]Debt{debt("x", "s", "n", "o", "other")}, settle, true, "x<s of n paid o,other,m,decl\n"},
		"settled: the first is due":           {[]Debt{debt("x", "a", "m"), debt("x", "b", "n", "m")}, settle, true, "x<b of n paid m\n"},
		"settled: the last is due":            {[]Debt{debt("x", "a", "n", "m"), debt("x", "b", "m")}, settle, true, "x<a of n paid m\n"},
		"settled: several of other manifests": {[]Debt{debt("x", "a", "n"), debt("x", "b", "o")}, settle, true, "x<a of n paid m,decl\nx<b of o paid m,decl\n"},
		"divided": {[]Debt{debt("x", "a", "m"), debt("x", "b", "n", "o"), debt("x", "c", "n", "m"), debt("y", "d", "m")}, func(d Debts) bool {
			d.Divide(address("x"), "m", "decl", []Address{named("x1"), named("x2")})
			return false
		}, false, "x<a of m\nx<b of n paid o\nx<c of n paid m\nx1<a of m\nx1<b of m\nx2<a of m\nx2<b of m\ny<d of m\n"},
		"spared": {[]Debt{own("x", "s"), own("x", "other"), own("y", "s"), own("z", "s"), debt("x", "s", "m")}, func(d Debts) bool {
			return d.Spare(address("s"), []Address{named("x"), named("y"), named("none")})
		}, true, "x<other of m own\nx<s of m\nz<s of m own\n"},
		"spared: nothing of its own": {[]Debt{own("x", "other"), debt("x", "s", "m")}, func(d Debts) bool {
			return d.Spare(address("s"), []Address{named("x")})
		}, false, "x<other of m own\nx<s of m\n"},
	} {
		t.Run(name, func(t *testing.T) {
			d := Debts{}
			for _, one := range tt.all {
				d.Owe(one)
			}
			if got := tt.do(d); got != tt.any {
				t.Errorf("want %v, got %v", tt.any, got)
			}
			if diff := cmp.Diff(tt.left, owed(d)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Who is told of as the source: once each, of earlier runs only, and where it is due.
func TestSources(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	d := NewDebts([]Debt{
		{Target: named("x"), Source: named("a"), Since: at, Of: "m", Own: true}, // of the run before: no more its own
		{Target: named("x"), Source: named("a"), Since: at.Add(time.Hour), Of: "n"},
		{Target: named("x"), Source: named("paid"), Since: at, Of: "n", Paid: []string{"m"}},
		{Target: named("y"), Source: named("of another"), Since: at, Of: "m"},
	})
	d.Owe(Debt{Target: named("x"), Source: named("own"), Since: at, Of: "m", Own: true})
	if diff := cmp.Diff([]resources.Address{named("a").Address()}, d.Sources(named("x").Address(), "m", "decl")); diff != "" {
		t.Error(diff)
	}
}
