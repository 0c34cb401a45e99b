package exchange_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/nodeapply/apply/cmd/apply/internal/cli"
	"github.com/nodeapply/apply/cmd/apply/internal/exchange"
	"github.com/nodeapply/apply/exchange/exchangetest"
)

// apply runs the program with the exchange's commands alone, as node n1 with a state folder of its own.
func apply(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	t.Setenv("FACTER_hostname", "n1")
	t.Setenv("APPLY_STATE_DIR", filepath.Join(t.TempDir(), "state"))
	var out, errs bytes.Buffer
	root := func(a *cli.App) *cobra.Command {
		cmd := &cobra.Command{Use: "apply", SilenceErrors: true, SilenceUsage: true}
		cmd.AddCommand(exchange.Command(a))
		return cmd
	}
	code = cli.Main(root, append([]string{"exchange"}, args...), strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

func write(t *testing.T, text string) (name string) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "main.hcl")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestPlan: what a manifest means for other nodes, behind which waits, without an exchange being asked.
func TestPlan(t *testing.T) {
	manifest := write(t, `
fact "early" {
  value = true
}
wait "bricks" {
  fact    = "up"
  group   = "gluster"
  min     = 2
  require = [wait.release]
}
wait "release" {
  fact = "param.release"
}
wait "two" {
  fact  = "up"
  nodes = ["a", "b", "c"]
  min   = 2
}
wait "all" {
  fact  = "up"
  nodes = ["a", "b"]
}
fact "late" {
  value = wait.bricks.count
}
limit "one" {
  max = 1
}
exec "drain" {
  command = "true"
  limit   = limit.one
}
`)
	code, out, errs := apply(t, "plan", "--exchange", "https://127.0.0.1:9", "--group", "gluster", manifest)
	want := `n1 exports early
n1 exports late (after wait.bricks, wait.release)
n1 waits in wait.release for param.release of an orchestrator
n1 waits in wait.bricks for up of group gluster (after wait.release)
n1 waits in wait.two for up of 2 of a, b, c
n1 waits in wait.all for up of a, b
n1 enters limit.one
`
	if diff := cmp.Diff(want, out); diff != "" || code != 0 {
		t.Errorf("exit code %d, %s%s", code, errs, diff)
	}
	code, out, errs = apply(t, "plan", "--json", "--exchange", "https://127.0.0.1:9", "--group", "gluster", manifest)
	var part struct {
		Event, Node, Exchange string
		Groups, Limits        []string
		Exports, Waits        []struct{ Fact string }
	}
	if err := json.Unmarshal([]byte(out), &part); err != nil || code != 0 {
		t.Fatalf("exit code %d, %v: %s%s", code, err, out, errs)
	}
	got := []any{part.Event, part.Node, part.Exchange, part.Groups, part.Limits, len(part.Exports), len(part.Waits)}
	if diff := cmp.Diff([]any{"part", "n1", "https://127.0.0.1:9", []string{"gluster"}, []string{"one"}, 2, 4}, got); diff != "" {
		t.Error(diff)
	}
	if _, out, _ := apply(t, "plan", write(t, "")); out != "n1 has nothing to do with other nodes\n" {
		t.Errorf("of an empty manifest: %q", out)
	}
}

// TestWhatIsMistaken is told with what was meant, and nothing is done.
func TestWhatIsMistaken(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"enroll"}, "one NODE is wanted, got 0; see apply exchange enroll --help"},
		{[]string{"revoke", "a", "b"}, "one NODE is wanted, got 2; see apply exchange revoke --help"},
		{[]string{"facts"}, "one NODE is wanted, got 0; see apply exchange facts --help"},
		{[]string{"facts", "a/b"}, `node "a/b": bad name`},
		{[]string{"facts", "a"}, "node a: not found"},
		{[]string{"enroll", "a_b", "--data", data}, `node "a_b": bad name`},
		{[]string{"nodes", "--exchange", "http://boss"}, "use https"},
		{[]string{"nodes", "--exchange", "https://boss", "--exchange-credentials", data}, "make them with: apply exchange enroll NODE --out DIR"},
		{[]string{"enroll", "a", "--etcd", "--exchange", "https://boss", "--exchange-credentials", data}, "apply exchange enroll NODE"},
		{[]string{"serve", "--listen", "nonsense", "--data", data}, "nonsense"},
		{[]string{"plan"}, "which manifest?"},
	} {
		if code, out, errs := apply(t, tc.args...); code != 1 || out != "" || !strings.Contains(errs, tc.want) {
			t.Errorf("%s: exit code %d, %s%s", strings.Join(tc.args, " "), code, out, errs)
		}
	}
}

// TestAnOperator lets a node in, which then may look, and puts it out again.
func TestAnOperator(t *testing.T) {
	s := exchangetest.StartServer(t)
	dir := filepath.Join(t.TempDir(), "c1")
	if code, out, errs := apply(t, "enroll", "n1", "--data", s.Data, "--out", dir); code != 0 || out != "n1: its credentials are in "+dir+", which belongs in its /etc/apply/exchange\n" {
		t.Fatal(out, errs)
	}
	for file, mode := range map[string]os.FileMode{"ca.pem": 0o644, "node.pem": 0o644, "node.key": 0o600} {
		if st, err := os.Stat(filepath.Join(dir, file)); err != nil || st.Mode().Perm() != mode {
			t.Errorf("%s: %v %v", file, st, err)
		}
	}
	look := func(args ...string) (int, string, string) {
		return apply(t, append(args, "--exchange", s.URL, "--exchange-credentials", dir)...)
	}
	if code, out, errs := look("nodes"); code != 0 || out != "NODE  RUN  GROUPS  FACTS  WAITS FOR\n" {
		t.Errorf("exit code %d, %q %s", code, out, errs)
	}
	if code, out, errs := look("nodes", "--json"); code != 0 || out != "" {
		t.Errorf("exit code %d, %q %s", code, out, errs)
	}
	if code, out, errs := apply(t, "token", "--data", s.Data); code != 0 || len(strings.TrimSpace(out)) < 40 {
		t.Errorf("exit code %d, a token of %d letters %s", code, len(out), errs)
	}
	if code, out, errs := apply(t, "unit", "--data", s.Data, "--listen", ":1"); code != 0 || !strings.Contains(out, " exchange serve --listen :1 --data "+s.Data+"\n") {
		t.Errorf("exit code %d, %s%s", code, out, errs)
	}
	if code, _, errs := apply(t, "serve", "--listen", "127.0.0.1:0", "--data", s.Data); code != 1 || !strings.Contains(errs, "exchange.db: another exchange serves from it") {
		t.Errorf("a second one: exit code %d, %s", code, errs)
	}
	if code, _, errs := apply(t, "revoke", "n1", "--data", s.Data); code != 0 {
		t.Error(errs)
	}
	if code, _, errs := look("nodes"); code != 1 || !strings.Contains(errs, "revoked") {
		t.Errorf("after it was revoked: exit code %d, %s", code, errs)
	}
}

// TestEtcd prints the commands where no cluster is named, else they are carried out.
func TestEtcd(t *testing.T) {
	for deployment, args := range map[string][]string{"blue": {"--deployment", "blue"}, "default": nil} {
		code, out, errs := apply(t, append([]string{"enroll", "n1", "--etcd"}, args...)...)
		if code != 0 || !strings.Contains(out, "etcdctl role grant-permission apply-n1 --prefix=true readwrite facts/"+deployment+"/n1/") {
			t.Errorf("%s: exit code %d, %s%s", deployment, code, out, errs)
		}
	}
	if code, out, errs := apply(t, "revoke", "n1", "--etcd"); code != 0 || out != "etcdctl user delete n1\netcdctl role delete apply-n1\n" {
		t.Errorf("exit code %d, %s%s", code, out, errs)
	}
	url := "etcd://" + strings.TrimPrefix(exchangetest.StartEtcd(t, 1).Endpoints[0], "http://")
	if code, _, errs := apply(t, "enroll", "n1", "--etcd", "--exchange", url, "--out", t.TempDir()); code != 0 {
		t.Error(errs)
	}
	if code, out, errs := apply(t, "revoke", "n1", "--exchange", url); code != 0 || !strings.HasPrefix(out, "n1: revoked; ") {
		t.Errorf("exit code %d, %s%s", code, out, errs)
	}
	if code, _, errs := apply(t, "revoke", "n1", "--exchange", url); code != 1 || !strings.Contains(errs, "node n1 was never enrolled here") {
		t.Errorf("once more: exit code %d, %s", code, errs)
	}
}
