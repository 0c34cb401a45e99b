package converge

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/cmd/apply/internal/cli"
	"github.com/nodeapply/apply/origin"
	"github.com/nodeapply/apply/report"
	"github.com/nodeapply/apply/report/planfile"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/source"
)

func TestUnknownTags(t *testing.T) {
	c, problems := catalog.New([]*catalog.Entry{
		{Addr: resources.Address{Module: "module.web", Type: "file", Title: "motd"}, Options: catalog.Options{Tags: []string{"base"}}},
	}, nil, nil)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for name, test := range map[string]struct {
		tags, skip []string
		want       string
	}{
		"none asked for": {nil, nil, ""},
		"known":          {[]string{"base"}, []string{"file", "motd", "web"}, ""},
		"near":           {[]string{"bsae"}, nil, `no resource has the tag "bsae"; did you mean "base"?`},
		"to be skipped":  {nil, []string{"zzzzzz"}, `no resource has the tag "zzzzzz"; there are base, types, titles and names of modules`},
	} {
		t.Run(name, func(t *testing.T) {
			r := New(&cli.App{})
			r.tags, r.skipTags = test.tags, test.skip
			if diff := cmp.Diff(test.want, strings.Join(r.unknownTags(c), "\n")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTargets(t *testing.T) {
	r := New(&cli.App{})
	r.targets = []string{"file.a", `file["/etc/motd"]`}
	got, err := r.addresses()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]resources.Address{{Type: "file", Title: "a"}, {Type: "file", Title: "/etc/motd"}}, got); diff != "" {
		t.Error(diff)
	}
	r.targets = []string{"file"}
	if _, err := r.addresses(); err == nil || !strings.Contains(err.Error(), "--target file: ") {
		t.Errorf("got %v", err)
	}
}

// saved saves a plan of a manifest that it writes, and returns the names of both.
func saved(t *testing.T) (plan, manifest string) {
	t.Helper()
	dir := t.TempDir()
	plan, manifest = filepath.Join(dir, "p.plan"), filepath.Join(dir, "main.hcl")
	if err := os.WriteFile(manifest, []byte("# one\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := New(&cli.App{})
	r.Vars, r.VarFiles, r.tags = []string{"a=b"}, []string{"vars.hcl"}, []string{"base"}
	t.Setenv("APPLY_VAR_c", "d=e")
	if err := r.savePlan(plan, source.Source{Path: manifest}, &report.Report{}); err != nil {
		t.Fatal(err)
	}
	return plan, manifest
}

func TestSavedPlan(t *testing.T) {
	plan, manifest := saved(t)
	got, err := readPlan(plan)
	if err != nil {
		t.Fatal(err)
	}
	vars, err := filepath.Abs("vars.hcl")
	if err != nil {
		t.Fatal(err)
	}
	sum, err := origin.Sum(source.Source{Path: manifest})
	if err != nil {
		t.Fatal(err)
	}
	want := &planfile.Plan{Format: got.Format, Version: got.Version, Node: got.Node, Machine: machineID(), Manifest: manifest, Sources: sum,
		Vars: []string{"a=b"}, Environ: []string{"APPLY_VAR_c=d=e"}, VarFiles: []string{vars}, Tags: []string{"base"}, Secrets: got.Secrets}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if info, err := os.Stat(plan); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v: it holds values of variables", info, err)
	}
}

func TestPlanRefused(t *testing.T) {
	for name, test := range map[string]struct {
		change func(t *testing.T, plan, manifest string)
		want   string
	}{
		"another manifest": {func(t *testing.T, _, manifest string) {
			if err := os.WriteFile(manifest, []byte("# two\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "has changed since; plan again"},
		"another node": {func(t *testing.T, plan, manifest string) {
			text, err := planfile.Encode(planfile.Plan{Node: "elsewhere", Machine: "0", Manifest: manifest})
			if err == nil {
				err = os.WriteFile(plan, text, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}, "was made on node elsewhere (machine 0), and this is node"},
		"damaged": {func(t *testing.T, plan, _ string) {
			if err := os.Truncate(plan, 10); err != nil {
				t.Fatal(err)
			}
		}, "p.plan: is no saved plan"},
		"gone": {func(t *testing.T, _, manifest string) {
			if err := os.Remove(manifest); err != nil {
				t.Fatal(err)
			}
		}, "its manifest: "},
	} {
		t.Run(name, func(t *testing.T) {
			plan, manifest := saved(t)
			test.change(t, plan, manifest)
			if _, err := readPlan(plan); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("want %q, got %v", test.want, err)
			}
		})
	}
}
