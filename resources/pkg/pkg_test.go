package pkg

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/host/hosttest"
	"github.com/nodeapply/apply/resources"
)

const node = `-- etc/os-release --
ID=debian
-- usr/bin/apt-get --
-- usr/bin/dnf --
-- var/lib/dpkg/status --
Package: dpkg
Status: install ok installed
Architecture: amd64
Version: 1.21

Package: aa
Status: install ok installed
Architecture: amd64
Version: 1.0

Package: held
Status: hold ok installed
Architecture: amd64
Version: 1.0
`

// repositories is a table of commands that answers as apt does: it installs into the status file, but for packages called bad.
func repositories(t *testing.T, h *hosttest.Host, offered map[string]string) {
	t.Helper()
	h.Handle("apt-cache", func(_ context.Context, c host.Cmd) (host.Output, error) {
		var b strings.Builder
		for _, n := range c.Args[slices.Index(c.Args, "--")+1:] {
			if v, ok := offered[n]; ok {
				fmt.Fprintf(&b, "%s:\n  Installed: (none)\n  Candidate: %s\n  Version table:\n     %s 500\n        500 http://x Packages\n", n, v, v)
			}
		}
		return host.Output{Stdout: []byte(b.String())}, nil
	})
	h.Handle("apt-get", func(ctx context.Context, c host.Cmd) (host.Output, error) {
		if slices.Contains(c.Args, "update") {
			return host.Output{}, nil
		}
		names := c.Args[slices.Index(c.Args, "--")+1:]
		if slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, "bad") }) {
			return host.Output{ExitCode: 100, Stderr: []byte("E: bad is bad\n")}, nil
		}
		status, err := readStatus(h)
		if err != nil {
			return host.Output{}, err
		}
		for _, n := range names {
			n, v, ok := strings.Cut(n, "=")
			if !ok {
				v = offered[n]
			}
			status += fmt.Sprintf("\nPackage: %s\nStatus: install ok installed\nArchitecture: amd64\nVersion: %s\n", n, v)
		}
		return host.Output{}, h.WriteFile(ctx, "/var/lib/dpkg/status", host.NewFile{Content: strings.NewReader(status)})
	})
}

func readStatus(h *hosttest.Host) (string, error) {
	f, err := h.Open("/var/lib/dpkg/status")
	if err != nil {
		return "", err
	}
	defer f.Close()
	b := make([]byte, 1<<16)
	n, err := f.Read(b)
	return string(b[:n]), err
}

func packages(t *testing.T, of resources.Type, declared ...[2]string) []*Package {
	t.Helper()
	var list []*Package
	for _, d := range declared {
		p := of.New(d[0]).(*Package)
		p.Ensure = d[1]
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

// One question for what all packages of the run need, one transaction for all.
func TestOneTransaction(t *testing.T) {
	h := hosttest.New(t, node)
	repositories(t, h, map[string]string{"xx": "1", "yy": "2", "zz": "3"})
	list := packages(t, Type(), [2]string{"xx", "installed"}, [2]string{"yy", "2"}, [2]string{"zz", "latest"}, [2]string{"aa", "installed"})
	for i, err := range together(t, h, list[:3]) {
		if err != nil {
			t.Errorf("%s: %v", list[i].Name, err)
		}
	}
	if d, err := list[3].Check(t.Context(), h); err != nil || !d.Empty() {
		t.Errorf("a: %v %v", d, err)
	}
	var installs, questions []string
	for _, c := range h.Calls() {
		switch {
		case strings.Contains(c, " install -- "):
			installs = append(installs, c[strings.Index(c, "install"):])
		case strings.HasPrefix(c, "? apt-cache"):
			questions = append(questions, c[strings.Index(c, "policy"):])
		default:
			t.Errorf("unexpected: %s", c)
		}
	}
	if d := cmp.Diff([]string{"install -- xx yy=2 zz=3"}, installs); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"policy -- aa xx yy zz", "policy -- aa xx yy zz"}, questions); d != "" { // before, and after for what is to be the latest
		t.Error(d)
	}
}

// Nothing to do: no process at all, whatever the number of packages.
func TestNothingToDo(t *testing.T) {
	h := hosttest.New(t, node)
	for _, p := range packages(t, Type(), [2]string{"aa", "installed"}, [2]string{"dpkg", ">= 1, < 2"}, [2]string{"none", "purged"}, [2]string{"held", "1.0"}) {
		if d, err := p.Check(t.Context(), h); err != nil || !d.Empty() {
			t.Errorf("%s: %v %v", p.Name, d, err)
		}
	}
	if calls := h.Calls(); len(calls) > 0 {
		t.Errorf("processes: %q", calls)
	}
}

func TestGuiltyIsFound(t *testing.T) {
	h := hosttest.New(t, node)
	repositories(t, h, map[string]string{"xx": "1", "bad": "2", "yy": "3"})
	errs := together(t, h, packages(t, Type(), [2]string{"xx", "installed"}, [2]string{"bad", "installed"}, [2]string{"yy", "installed"}))
	if errs[0] != nil || errs[2] != nil {
		t.Errorf("the innocent: %v, %v", errs[0], errs[2])
	}
	if errs[1] == nil || !strings.Contains(errs[1].Error(), "bad is bad") {
		t.Errorf("the guilty: %v", errs[1])
	}
}

// An exit code of 0 is no verdict.
func TestVerdictIsTheDatabase(t *testing.T) {
	h := hosttest.New(t, node)
	repositories(t, h, map[string]string{"xx": "1"})
	h.Answer("apt-get", 0, "")
	errs := together(t, h, packages(t, Type(), [2]string{"xx", "installed"}))
	if errs[0] == nil || !strings.Contains(errs[0].Error(), "still absent") {
		t.Errorf("got %v", errs[0])
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
			h := hosttest.New(t, node)
			repositories(t, h, map[string]string{"held": "2", "aa": "0.5"})
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
	h := hosttest.New(t, node)
	repositories(t, h, map[string]string{"xx": "1", "yy": "2"})
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
	h := hosttest.New(t, node)
	repositories(t, h, nil)
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
	h := hosttest.New(t, node)
	offered := map[string]string{"aa": "1.0"}
	repositories(t, h, offered)
	p := packages(t, Type(), [2]string{"later", "installed"})[0]
	found, err := p.Check(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	offered["later"] = "7" // what an update of the lists brings
	if err := p.Apply(t.Context(), h, found); err != nil {
		t.Fatal(err)
	}
	want := resources.Diff{Changes: []resources.Change{{Attr: "ensure", From: "absent", To: "7"}}, Notes: []string{}, Spreads: true}
	if diff := cmp.Diff(want, p.Done(found)); diff != "" {
		t.Error(diff)
	}
}

func TestInspect(t *testing.T) {
	h := hosttest.New(t, node)
	for name, want := range map[string][2]string{"aa": {"1.0", ""}, "held": {"1.0", "hold"}, "none": {"absent", ""}} {
		p := Type().New(name).(*Package)
		if err := p.Inspect(t.Context(), h); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, [2]string{p.Ensure, p.Mark}); d != "" {
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
