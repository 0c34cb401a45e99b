package load

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/cmd/apply/internal/cli"
	"github.com/nodeapply/apply/manifest"
)

func TestSource(t *testing.T) {
	for name, test := range map[string]struct {
		flags, args string
		want        string // or the error
	}{
		"a path":                    {"", "main.hcl", "main.hcl"},
		"from git":                  {"", "git::https://h/s.git//web?ref=v1", "git::https://h/s.git//web?ref=v1"},
		"by --git":                  {"--git https://h/s.git --ref v1", "web", "git::https://h/s.git//web?ref=v1"},
		"the root of it":            {"--git git::https://h/s.git", "", "git::https://h/s.git"},
		"--ref of a path from git":  {"--ref v1", "git::https://h/s.git//web", "git::https://h/s.git//web?ref=v1"},
		"--ref of a path with one":  {"--ref v1", "git::https://h/s.git//web?ref=v2", "--ref is the revision of --git URL"},
		"--ref of a path":           {"--ref v1", "main.hcl", "--ref is the revision of --git URL"},
		"--git and a path from git": {"--git https://h/s.git", "git::https://h/x.git", "PATH is a file or folder inside it"},
		"nothing":                   {"", "", "which manifest?"},
		"two":                       {"", "a b", "one PATH is wanted, got 2"},
		"two in a repository":       {"--git https://h/s.git", "a b", "one PATH is wanted, got 2"},
	} {
		t.Run(name, func(t *testing.T) {
			l := New(&cli.App{})
			cmd := &cobra.Command{Use: "apply"}
			l.AddFlags(cmd.Flags())
			if err := cmd.ParseFlags(strings.Fields(test.flags)); err != nil {
				t.Fatal(err)
			}
			src, err := l.Source(cmd, strings.Fields(test.args))
			got := src.String()
			if err != nil {
				got, _, _ = strings.Cut(err.Error(), "; see")
				if strings.Contains(got, test.want) {
					return
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestVariables(t *testing.T) {
	t.Setenv("APPLY_VAR_a", "1")
	f := Flags{VarFiles: []string{"x.hcl"}, Vars: []string{"a=2", "b=c=d"}}
	got, err := f.variables(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []manifest.VarSource{
		{Name: "a", Value: "1", Origin: "APPLY_VAR_a", Optional: true}, {File: "x.hcl", Origin: "--var-file x.hcl"},
		{Name: "a", Value: "2", Origin: "--var a"}, {Name: "b", Value: "c=d", Origin: "--var b"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, wrong := range []string{"a", "=a", ""} {
		f := Flags{Vars: []string{wrong}}
		if _, err := f.variables(t.Context()); err == nil || !strings.Contains(err.Error(), "want NAME=VALUE") {
			t.Errorf("--var %q: %v", wrong, err)
		}
	}
}

func TestExchangeArgs(t *testing.T) {
	for name, test := range map[string]struct {
		x    Exchange
		want []string
	}{
		"none":          {Exchange{}, nil},
		"all":           {Exchange{URL: "https://h:1", Credentials: "/c", Deployment: "d"}, []string{"--exchange=https://h:1", "--exchange-credentials=/c", "--deployment=d"}},
		"with password": {Exchange{URL: "etcd://u:p@h:1", Deployment: "d"}, []string{"--deployment=d"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := test.x.Args()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
