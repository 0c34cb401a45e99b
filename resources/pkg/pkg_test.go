package pkg

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
)

// few are the packages of a small node.
func few() map[string]stock {
	return map[string]stock{"dpkg": {status: there, version: "1.21"}, "aa": {status: there, version: "1.0"}, "held": {status: holds, version: "1.0"}}
}

func packages(t *testing.T, of resources.Type, declared ...[2]string) []*Package {
	t.Helper()
	var list []*Package
	for _, d := range declared {
		p := of.New(d[0]).(*Package)
		p.Ensure = Ensure(d[1])
		if err := p.Validate(); err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	return list
}

func together(t *testing.T, h host.Host, list []*Package) []error {
	t.Helper()
	var members []resources.Member
	for _, p := range list {
		d, err := p.Check(t.Context(), h)
		if err != nil {
			t.Fatal(err)
		}
		members = append(members, resources.Member{Resource: p, Diff: d})
	}
	return list[0].ApplyGroup(t.Context(), h, members)
}

// Nothing to do: no process at all, whatever the number of packages.
func TestNothingToDo(t *testing.T) {
	h := newDebian(t, few())
	for _, p := range packages(t, Type(), [2]string{"aa", "installed"}, [2]string{"dpkg", ">= 1, < 2"}, [2]string{"none", "purged"}, [2]string{"held", "1.0"}) {
		if d, err := p.Check(t.Context(), h); err != nil || !d.Empty() {
			t.Errorf("%s: %v %v", p.Name, d, err)
		}
	}
	if calls := h.Calls(); len(calls) > 0 {
		t.Errorf("processes: %q", calls)
	}
}

func TestRefusals(t *testing.T) {
	for name, tt := range map[string]struct {
		name, ensure string
		words        []string
	}{
		"held, upgrade":      {"held", "latest", []string{"held at 1.0", "mark", "2"}},
		"held, removal":      {"held", "absent", []string{"held", "mark"}},
		"downgrade":          {"aa", "< 1", []string{"allow_downgrade", "1.0"}},
		"not of the grammar": {"UPPER", "installed", []string{"name"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newDebian(t, map[string]stock{
				"held": {status: holds, version: "1.0", offers: []string{"2"}}, "aa": {status: there, version: "1.0", offers: []string{"0.5"}},
			})
			_, err := packages(t, Type(), [2]string{tt.name, tt.ensure})[0].Check(t.Context(), h)
			if err == nil {
				t.Fatal("no error")
			}
			for _, w := range tt.words {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q lacks %q", err, w)
				}
			}
		})
	}
}

func TestSeveralNames(t *testing.T) {
	h := newDebian(t, map[string]stock{"xx": {offers: []string{"1"}}, "aa": {status: there, version: "1.0"}, "yy": {offers: []string{"2"}}})
	p := packages(t, Type(), [2]string{"all", "installed"})[0]
	p.Name = resources.Strings{"xx", "aa", "yy"}
	d, err := p.Check(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	want := []resources.Change{{Attr: "ensure", From: "xx absent, yy absent", To: "xx 1, yy 2"}}
	if diff := cmp.Diff(want, d.Changes); diff != "" {
		t.Error(diff)
	}
	if err := p.Apply(t.Context(), h, d); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{"version": map[string]any{"xx": "1", "aa": "1.0", "yy": "2"}}, p.Values()); diff != "" {
		t.Error(diff)
	}
}

func TestPlanOfUnknown(t *testing.T) {
	h := newDebian(t, few())
	d, err := packages(t, Type(), [2]string{"later", "installed"})[0].Check(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	want := resources.Diff{Changes: []resources.Change{{Attr: "ensure", From: "absent", To: "installed"}}, Spreads: true,
		Notes: []string{"later: the version is known when the package lists are refreshed"}}
	if diff := cmp.Diff(want, d); diff != "" {
		t.Error(diff)
	}
}

// What was not known before is known afterwards.
func TestDone(t *testing.T) {
	h := newDebian(t, few())
	p := packages(t, Type(), [2]string{"later", "installed"})[0]
	found, err := p.Check(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	h.packages["later"] = stock{offers: []string{"7"}} // what an update of the lists brings
	if err := p.Apply(t.Context(), h, found); err != nil {
		t.Fatal(err)
	}
	want := resources.Diff{Changes: []resources.Change{{Attr: "ensure", From: "absent", To: "7"}}, Notes: []string{}, Spreads: true}
	if diff := cmp.Diff(want, p.Done(found)); diff != "" {
		t.Error(diff)
	}
}

func TestInspect(t *testing.T) {
	h := newDebian(t, few())
	for name, want := range map[string][2]string{"aa": {"1.0", ""}, "held": {"1.0", "hold"}, "none": {"absent", ""}} {
		p := Type().New(name).(*Package)
		if err := p.Inspect(t.Context(), h); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, [2]string{string(p.Ensure), p.Mark}); d != "" {
			t.Error(d)
		}
		if d, err := p.Check(t.Context(), h); err != nil || !d.Empty() {
			t.Errorf("%s: %v %v", name, d, err)
		}
	}
}

func TestMistakes(t *testing.T) {
	for name, tt := range map[string]struct {
		set  func(*Package)
		attr string
	}{
		"an option as a name":  {func(p *Package) { p.Name = resources.Strings{"-o"} }, "name"},
		"aa pattern":           {func(p *Package) { p.Name = resources.Strings{"lib*"} }, "name"},
		"a version in a name":  {func(p *Package) { p.Name = resources.Strings{"a=1"} }, "name"},
		"no name":              {func(p *Package) { p.Name = nil }, "name"},
		"twice":                {func(p *Package) { p.Name = resources.Strings{"aa", "aa"} }, "name"},
		"a word misspelt":      {func(p *Package) { p.Ensure = "instaled" }, "ensure"},
		"half a constraint":    {func(p *Package) { p.Ensure = ">= " }, "ensure"},
		"aa shell":             {func(p *Package) { p.Ensure = "1;reboot" }, "ensure"},
		"mark":                 {func(p *Package) { p.Mark = "keep" }, "mark"},
		"held and absent":      {func(p *Package) { p.Mark, p.Ensure = "hold", "absent" }, "mark"},
		"provider":             {func(p *Package) { p.Provider = "brew" }, "provider"},
		"configfiles":          {func(p *Package) { p.Configfiles = "ask" }, "configfiles"},
		"a relative file":      {func(p *Package) { p.Source = "x.deb" }, "source"},
		"one file for several": {func(p *Package) { p.Source, p.Name = "/x.deb", resources.Strings{"aa", "b"} }, "source"},
		"an end of options":    {func(p *Package) { p.InstallOptions = Options{"--"} }, "install_options"},
	} {
		t.Run(name, func(t *testing.T) {
			p := Type().New("aa").(*Package)
			tt.set(p)
			var attr *resources.AttrError
			if err := p.Validate(); !errors.As(err, &attr) || attr.Attr != tt.attr {
				t.Errorf("got %v, want a mistake in %s", err, tt.attr)
			}
		})
	}
}

func TestIdentities(t *testing.T) {
	p := Type().New("aa").(*Package)
	shared := func(names ...string) (ids []resources.Identity) {
		for _, n := range names {
			ids = append(ids, resources.Identity{Kind: "repos", Name: n, Shared: true})
		}
		return ids
	}
	if d := cmp.Diff(shared("apk", "apt", "default", "dnf", "pacman", "zypper"), p.Requires()); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"apk", "dpkg", "pacman", "rpm"}, p.Locks()); d != "" {
		t.Error(d)
	}
	p.Provider = "yum"
	if d := cmp.Diff(shared("default", "dnf"), p.Requires()); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"rpm"}, p.Locks()); d != "" {
		t.Error(d)
	}
}

// No undo brings back the configuration that goes with a package that is purged; what absent leaves is still there.
func TestIrreversible(t *testing.T) {
	h := newDebian(t, few())
	for ensure, want := range map[string]bool{"purged": true, "absent": false, "2.0": false} {
		d, err := packages(t, Type(), [2]string{"aa", ensure})[0].Check(t.Context(), h)
		if err != nil || len(d.Changes) != 1 || d.Changes[0].Irreversible != want {
			t.Errorf("%s: %+v, %v", ensure, d.Changes, err)
		}
	}
}

// A number is no version: 1.10 would be read as 1.1.
func TestEnsure(t *testing.T) {
	for _, tt := range []struct {
		in   any
		want Ensure
	}{{"1.10", "1.10"}, {"latest", "latest"}, {1.1, ""}, {true, ""}, {[]any{"1.0"}, ""}} {
		var e Ensure
		if err := e.UnmarshalAttr(tt.in); (err != nil) != (tt.want == "") || e != tt.want {
			t.Errorf("%v: got %q, %v", tt.in, e, err)
		}
	}
}

func TestOptions(t *testing.T) {
	var o Options
	if err := o.UnmarshalAttr([]any{"-t", "stable", map[string]any{"--b": true, "--a": "x"}}); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(Options{"-t", "stable", "--a=x", "--b=true"}, o); d != "" {
		t.Error(d)
	}
	if err := o.UnmarshalAttr([]any{[]any{"xx"}}); err == nil {
		t.Error("a list in a list is no option")
	}
}

// Where the repair of what dpkg left takes all of the time, it is said whose package that is.
func TestRepairThatHangs(t *testing.T) {
	d := newDebian(t, map[string]stock{"tool": {offers: []string{"1"}}, "half": {status: half, version: "1"}})
	p := packages(t, Type(), [2]string{"tool", "installed"})[0]
	found, err := p.Check(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	d.Handle("dpkg", func(context.Context, host.Cmd) (host.Output, error) {
		cancel()
		return host.Output{}, context.DeadlineExceeded
	})
	err = p.Apply(ctx, d, found)
	if err == nil || !strings.Contains(err.Error(), "an earlier dpkg left half unconfigured: dpkg --configure -a: ") {
		t.Errorf("got %v", err)
	}
}
