package pkg

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/pkg/goal"
	"github.com/nodeapply/apply/resources/pkg/transaction"
	"github.com/nodeapply/apply/resources/resourcetest"
)

const (
	there = "install ok installed"
	holds = "hold ok installed"
	half  = "install ok half-configured"
	left  = "deinstall ok config-files"
)

// What becomes of a package that is in some state, and by which commands.
func TestStates(t *testing.T) {
	two := []string{"1.0", "1.5", "2.0"}
	mark := func(m string) func(*Package) { return func(p *Package) { p.Mark = m } }
	down := func(p *Package) { p.AllowDowngrade = true }
	for name, tt := range map[string]struct {
		is     stock
		ensure string
		set    func(*Package)
		change string // what differed
		orders []string
		err    string // in what check or apply says
	}{
		"nothing, installed":              {stock{offers: two}, "installed", nil, "ensure: absent -> 2.0", []string{"install -- tool"}, ""},
		"nothing, present":                {stock{offers: two}, "present", nil, "ensure: absent -> 2.0", []string{"install -- tool"}, ""},
		"nothing, latest":                 {stock{offers: two}, "latest", nil, "ensure: absent -> 2.0", []string{"install -- tool=2.0"}, ""},
		"nothing, a version":              {stock{offers: two}, "1.5", nil, "ensure: absent -> 1.5", []string{"install -- tool=1.5"}, ""},
		"nothing, a constraint":           {stock{offers: two}, ">= 1.2, < 2", nil, "ensure: absent -> 1.5", []string{"install -- tool=1.5"}, ""},
		"nothing, absent":                 {stock{offers: two}, "absent", nil, "", nil, ""},
		"nothing, purged":                 {stock{offers: two}, "purged", nil, "", nil, ""},
		"there, installed":                {stock{status: there, version: "1.0", offers: two}, "installed", nil, "", nil, ""},
		"there, latest":                   {stock{status: there, version: "1.0", offers: two}, "latest", nil, "ensure: 1.0 -> 2.0", []string{"install -- tool=2.0"}, ""},
		"newer than on offer, latest":     {stock{status: there, version: "3.0", offers: two}, "latest", nil, "", nil, ""},
		"nobody offers it, latest":        {stock{status: there, version: "3.0"}, "latest", nil, "", nil, ""},
		"there, up":                       {stock{status: there, version: "1.0", offers: two}, "2.0", nil, "ensure: 1.0 -> 2.0", []string{"install -- tool=2.0"}, ""},
		"there, down to a version":        {stock{status: there, version: "2.0", offers: two}, "1.0", nil, "ensure: 2.0 -> 1.0", []string{"--allow-downgrades install -- tool=1.0"}, ""},
		"there, no such version":          {stock{status: there, version: "2.0", offers: two}, "7", nil, "ensure: 2.0 -> 7", nil, "no repository of this node has a version 7; on offer: 1.0, 1.5, 2.0"},
		"meets its constraint":            {stock{status: there, version: "1.0", offers: two}, "< 2", nil, "", nil, ""},
		"below its constraint":            {stock{status: there, version: "1.0", offers: two}, "> 1.0", nil, "ensure: 1.0 -> 2.0", []string{"install -- tool=2.0"}, ""},
		"above its constraint":            {stock{status: there, version: "2.0", offers: two}, "< 2", nil, "", nil, "allow_downgrade"},
		"above its constraint, allowed":   {stock{status: there, version: "2.0", offers: two}, "< 2", down, "ensure: 2.0 -> 1.5", []string{"--allow-downgrades install -- tool=1.5"}, ""},
		"above it, and nobody offers":     {stock{status: there, version: "2.0", offers: two[2:]}, "< 2", nil, "", nil, "allow_downgrade"},
		"there, absent":                   {stock{status: there, version: "1.0"}, "absent", nil, "ensure: 1.0 -> absent", []string{"remove -- tool"}, ""},
		"there, purged":                   {stock{status: there, version: "1.0"}, "purged", nil, "ensure: 1.0 -> purged", []string{"purge -- tool"}, ""},
		"left over, absent":               {stock{status: left, version: "1.0"}, "absent", nil, "", nil, ""},
		"left over, purged":               {stock{status: left, version: "1.0"}, "purged", nil, "ensure: config-files -> purged", []string{"purge -- tool"}, ""},
		"left over, installed":            {stock{status: left, version: "1.0", offers: two}, "installed", nil, "ensure: config-files -> 2.0", []string{"install -- tool"}, ""},
		"half configured, installed":      {stock{status: half, version: "1.0", offers: two}, "installed", nil, "ensure: unconfigured 1.0 -> 1.0", []string{"dpkg --force-confold --configure -a", "install -- tool=1.0"}, ""},
		"held, latest":                    {stock{status: holds, version: "1.0", offers: two}, "latest", nil, "", nil, "tool is held at 1.0 on this node; declare mark to move it (to 2.0)"},
		"held, a version":                 {stock{status: holds, version: "1.0", offers: two}, "2.0", nil, "", nil, "declare mark"},
		"held, absent":                    {stock{status: holds, version: "1.0"}, "absent", nil, "", nil, "tool is held at 1.0 on this node; declare mark to remove it"},
		"held, installed":                 {stock{status: holds, version: "1.0", offers: two}, "installed", nil, "", nil, ""},
		"held, moved and held again":      {stock{status: holds, version: "1.0", offers: two}, "latest", mark("hold"), "ensure: 1.0 -> 2.0", []string{"apt-mark unhold -- tool", "install -- tool=2.0", "apt-mark hold -- tool"}, ""},
		"held, moved and free":            {stock{status: holds, version: "1.0", offers: two}, "latest", mark("none"), "ensure: 1.0 -> 2.0; mark: hold -> none", []string{"apt-mark unhold -- tool", "install -- tool=2.0"}, ""},
		"held, free":                      {stock{status: holds, version: "1.0", offers: two}, "", mark("none"), "mark: hold -> none", []string{"apt-mark unhold -- tool"}, ""},
		"held, held":                      {stock{status: holds, version: "1.0", offers: two}, "", mark("hold"), "", nil, ""},
		"there, held":                     {stock{status: there, version: "1.0", offers: two}, "", mark("hold"), "mark: none -> hold", []string{"apt-mark hold -- tool"}, ""},
		"nothing, a mark means installed": {stock{offers: two}, "", mark("hold"), "ensure: absent -> 2.0; mark: none -> hold", []string{"install -- tool", "apt-mark hold -- tool"}, ""},
		"held, removed":                   {stock{status: holds, version: "1.0"}, "absent", mark("none"), "ensure: 1.0 -> absent; mark: hold -> none", []string{"apt-mark unhold -- tool", "remove -- tool"}, ""},
		"options":                         {stock{offers: two}, "installed", func(p *Package) { p.InstallOptions = Options{"-t", "sid"} }, "ensure: absent -> 2.0", []string{"-t sid install -- tool"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDebian(t, map[string]stock{"tool": tt.is})
			p := Type().New("tool").(*Package)
			if tt.ensure != "" {
				p.Ensure = Ensure(tt.ensure)
			}
			if tt.set != nil {
				tt.set(p)
			}
			if err := p.Validate(); err != nil {
				t.Fatal(err)
			}
			found, err := p.Check(t.Context(), d)
			if diff := cmp.Diff(tt.change, changed(found)); diff != "" {
				t.Error(diff)
			}
			if err == nil && tt.err == "" {
				resourcetest.Converges(t, d.Host, p)
			} else if err == nil {
				err = p.Apply(t.Context(), d, found)
			}
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("want %q, got %v", tt.err, err)
			}
			if diff := cmp.Diff(tt.orders, d.orders()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func changed(d resources.Diff) string {
	var list []string
	for _, c := range d.Changes {
		list = append(list, c.Attr+": "+c.From+" -> "+c.To)
	}
	return strings.Join(list, "; ")
}

// A virtual package is there when one that provides it is; that one is what is moved and held. What is to be absent is the package of that very name.
func TestVirtual(t *testing.T) {
	for name, tt := range map[string]struct {
		status, ensure, mark string
		change               string
		orders               []string
		note                 string
	}{
		"installed by another":     {there, "installed", "", "", nil, ""},
		"nothing there":            {"", "installed", "", "ensure: absent -> installed", []string{"install -- mta"}, ""},
		"nothing there, latest":    {"", "latest", "", "ensure: absent -> latest", []string{"install -- mta"}, ""},
		"the latest of the other":  {there, "latest", "", "ensure: 1.0 -> 2.0", []string{"install -- postfix=2.0"}, ""},
		"held by the other's name": {there, "installed", "hold", "mark: none -> hold", []string{"apt-mark hold -- postfix"}, ""},
		"absent":                   {there, "absent", "", "", nil, "mta is a virtual package; postfix, which provides it, stays"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDebian(t, map[string]stock{"postfix": {status: tt.status, version: "1.0", provides: "mta", offers: []string{"1.0", "2.0"}}})
			p := Type().New("mta").(*Package)
			p.Ensure, p.Mark = Ensure(tt.ensure), tt.mark
			o := resourcetest.Converges(t, d.Host, p)
			if diff := cmp.Diff(tt.change, changed(o.Diff)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tt.orders, d.orders()); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tt.note, strings.Join(o.Diff.Notes, "; ")); tt.note != "" && diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The database is read once for all packages of a run, and once more after a transaction.
func TestDatabaseIsReadOnce(t *testing.T) {
	of, packages := Type(), map[string]stock{}
	for i := range 50 {
		packages[fmt.Sprintf("pack%d", i)] = stock{status: there, version: "1"}
	}
	packages["new"] = stock{offers: []string{"1"}}
	d := newDebian(t, packages)
	check := func(name string) (*Package, resources.Diff) {
		p := of.New(name).(*Package)
		if err := p.Validate(); err != nil {
			t.Fatal(err)
		}
		found, err := p.Check(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		return p, found
	}
	for i := range 50 {
		check(fmt.Sprintf("pack%d", i))
	}
	if d.reads != 1 {
		t.Errorf("read %d times for 50 packages", d.reads)
	}
	p, found := check("new")
	if d.reads = 0; p.Apply(t.Context(), d, found) != nil {
		t.Fatal("not installed")
	}
	for i := range 50 {
		check(fmt.Sprintf("pack%d", i))
	}
	if d.reads == 0 || d.reads > 4 {
		t.Errorf("read %d times for a transaction and 50 packages", d.reads)
	}
	d.set("pack7", func(k *stock) { k.status = left }) // somebody else
	if err := d.write(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, found := check("pack7"); found.Empty() {
		t.Error("what somebody else did meanwhile was not seen")
	}
}

// Packages with the same options go together, whatever is to become of them; others in a transaction of their own.
func TestTransactions(t *testing.T) {
	d := newDebian(t, map[string]stock{
		"one": {offers: []string{"1"}}, "two": {offers: []string{"1"}}, "gone": {status: there, version: "1"}, "clean": {status: there, version: "1"}, "odd": {offers: []string{"1"}},
		"quiet": {offers: []string{"1"}}, "new": {offers: []string{"1"}}, "local": {},
	})
	if err := d.WriteFile(t.Context(), "/local.deb", host.NewFile{Content: strings.NewReader("x")}); err != nil {
		t.Fatal(err)
	}
	list := packages(t, Type(), [2]string{"one", "installed"}, [2]string{"two", "1"}, [2]string{"gone", "absent"}, [2]string{"clean", "purged"}, [2]string{"odd", "installed"},
		[2]string{"quiet", "installed"}, [2]string{"new", "installed"}, [2]string{"local", "installed"})
	list[4].InstallOptions, list[5].Autostart, list[6].Configfiles, list[7].Source = Options{"--reinstall"}, false, replace, "/local.deb"
	for i, err := range together(t, d, list) {
		if err != nil {
			t.Errorf("%s: %v", list[i].Name, err)
		}
	}
	want := []string{"install -- one two=1 /local.deb gone- clean-", "dpkg --purge -- clean", "--reinstall install -- odd", "install -- quiet", "install -- new"}
	if diff := cmp.Diff(want, d.orders()); diff != "" {
		t.Error(diff)
	}
	if joined := strings.Join(d.Calls(), "\n"); strings.Count(joined, "--force-confnew install -- new") != 1 || strings.Count(joined, "--force-confnew") != 1 {
		t.Errorf("configuration files are replaced for new alone:\n%s", joined)
	}
}

// Another package's script fails and apt says 100: ours is as declared, which the database says, and the other one is named.
func TestAnotherPackageFails(t *testing.T) {
	d := newDebian(t, map[string]stock{"tool": {offers: []string{"1"}}, "guilty": {status: half, version: "1"}})
	d.failing["guilty"] = true
	for _, ensure := range []string{"installed", "absent", "installed", "purged"} {
		p := packages(t, Type(), [2]string{"tool", ensure})[0]
		found, err := p.Check(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Apply(t.Context(), d, found); err != nil {
			t.Error(err)
		}
		notes := strings.Join(p.Done(found).Notes, "\n")
		for _, want := range []string{"an earlier dpkg left guilty unconfigured", "another package failed: guilty is not configured", "post-installation script failed"} {
			if !strings.Contains(notes, want) {
				t.Errorf("%s: want %q in %s", ensure, want, notes)
			}
		}
	}
	guilty := packages(t, Type(), [2]string{"guilty", "installed"})[0]
	found, err := guilty.Check(t.Context(), d)
	if err == nil {
		err = guilty.Apply(t.Context(), d, found)
	}
	if err == nil || !strings.Contains(err.Error(), "guilty") {
		t.Errorf("the guilty one: %v", err)
	}
}

// An interrupted dpkg is repaired before anything else, with the configuration files treated as declared, and that is told.
func TestRepair(t *testing.T) {
	d := newDebian(t, map[string]stock{"tool": {offers: []string{"1"}}, "half": {status: half, version: "1"}})
	p := packages(t, Type(), [2]string{"tool", "installed"})[0]
	p.Configfiles = replace
	found, err := p.Check(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Apply(t.Context(), d, found); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"dpkg --force-confnew --configure -a", "install -- tool"}, d.orders()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"an earlier dpkg left half unconfigured: repaired by dpkg --configure -a"}, p.Done(found).Notes); diff != "" {
		t.Error(diff)
	}
}

// dpkg holds each architecture of a package by itself.
func TestHoldOfAnotherArchitecture(t *testing.T) {
	const both = "\nPackage: lib\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n\nPackage: lib\nStatus: install ok installed\nArchitecture: i386\nVersion: 1\n"
	for _, name := range []string{"lib", "lib:amd64", "lib:i386"} {
		d := newDebian(t, nil)
		status := "Package: dpkg\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n" + both
		if err := d.WriteFile(t.Context(), "/var/lib/dpkg/status", host.NewFile{Content: strings.NewReader(status)}); err != nil {
			t.Fatal(err)
		}
		d.packages = map[string]stock{}
		p := packages(t, Type(), [2]string{name, "installed"})[0]
		p.Mark = "hold"
		found, err := p.Check(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		_ = p.Apply(t.Context(), d, found) // of which this debian's dpkg knows nothing
		want := "apt-mark hold -- lib"
		if name == "lib:i386" {
			want = "apt-mark hold -- lib:i386"
		}
		if diff := cmp.Diff([]string{want}, d.orders()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// Of several names each has its own verdict, and an error names all that are at fault.
func TestNamesAtFault(t *testing.T) {
	d := newDebian(t, map[string]stock{"held": {status: holds, version: "1", offers: []string{"2"}}, "other": {status: holds, version: "1", offers: []string{"3"}}, "fine": {status: there, version: "1"}})
	p := Type().New("all").(*Package)
	p.Name, p.Ensure = resources.Strings{"held", "fine", "other"}, goal.Latest
	_, err := p.Check(t.Context(), d)
	if err == nil || !strings.Contains(err.Error(), "held is held at 1") || !strings.Contains(err.Error(), "other is held at 1") || strings.Contains(err.Error(), "fine") {
		t.Errorf("got %v", err)
	}
	var attr *resources.AttrError
	if p.Name = (resources.Strings{"a=b"}); !errors.As(p.Validate(), &attr) || attr.Attr != "name" {
		t.Errorf("got %v", p.Validate())
	}
}

// An undo tells versions and marks that were moved since, and goes both ways.
func TestUndo(t *testing.T) {
	for name, tt := range map[string]struct {
		is     stock
		ensure string
		mark   string
	}{
		"moved":     {stock{status: there, version: "1.0"}, "2.0", ""},
		"installed": {stock{}, "installed", ""},
		"removed":   {stock{status: there, version: "2.0"}, "absent", ""},
		"held":      {stock{status: there, version: "2.0"}, "installed", transaction.Hold},
	} {
		t.Run(name, func(t *testing.T) {
			tt.is.offers = []string{"1.0", "1.5", "2.0"}
			d := newDebian(t, map[string]stock{"tool": tt.is})
			p := packages(t, Type(), [2]string{"tool", tt.ensure})[0]
			p.Mark = tt.mark
			resourcetest.Undoes(t, d.Host, Type(), p)
			d = newDebian(t, map[string]stock{"tool": tt.is})
			p = packages(t, Type(), [2]string{"tool", tt.ensure})[0]
			p.Mark = tt.mark
			resourcetest.Notices(t, d.Host, Type(), p, func() {
				d.set("tool", func(k *stock) { k.status, k.version = there, "1.5" })
				if err := d.write(t.Context()); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

// An undo that cannot bring a version back says so, and of which package; of several the others come back.
func TestUndoFails(t *testing.T) {
	for name, tt := range map[string]struct {
		offers  []string
		failing bool
	}{
		"no repository has it": {[]string{"2.0"}, false},
		"its script fails":     {[]string{"1.0", "2.0"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDebian(t, map[string]stock{"tool": {status: there, version: "2.0", offers: tt.offers}, "other": {offers: []string{"1.0"}}})
			d.failing["tool"] = tt.failing
			err := Type().New("x").(*Package).Restore(t.Context(), d,
				[]byte(`{"provider":"apt","packages":[{"name":"other","version":"1.0"},{"name":"tool","version":"1.0"}]}`))
			if err == nil || !strings.HasPrefix(err.Error(), "tool: ") {
				t.Errorf("got %v", err)
			}
			if got := d.packages["other"].version; got != "1.0" {
				t.Errorf("the other one is at %q", got)
			}
		})
	}
}
