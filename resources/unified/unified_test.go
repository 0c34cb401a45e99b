package unified

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nodeapply/apply/host/hosttest"
)

func TestDiff(t *testing.T) {
	for _, tc := range []struct{ name, from, to, want string }{
		{"equal", "a\n", "a\n", ""},
		{"new", "", "a\nb\n", "@@ -0,0 +1,2 @@\n+a\n+b\n"},
		{"emptied", "a\n", "", "@@ -1,1 +0,0 @@\n-a\n"},
		{"in the middle", "a\nb\nc\n", "a\nB\nc\n", "@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n"},
		{"an end of line", "a\nb", "a\nb\n", "@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+b\n"},
		{"without one", "a", "b", "@@ -1,1 +1,1 @@\n-a\n\\ No newline at end of file\n+b\n\\ No newline at end of file\n"},
		{"three lines around", "1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nx\n6\n7\n8\n9\n", "@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+x\n 6\n 7\n 8\n"},
		{"near ones are one", "1\n2\n3\n4\n5\n6\n7\n", "x\n2\n3\n4\n5\n6\ny\n", "@@ -1,7 +1,7 @@\n-1\n+x\n 2\n 3\n 4\n 5\n 6\n-7\n+y\n"},
		{"others are two", "1\n2\n3\n4\n5\n6\n7\n8\n9\n", "x\n2\n3\n4\n5\n6\n7\n8\n9\ny\n",
			"@@ -1,4 +1,4 @@\n-1\n+x\n 2\n 3\n 4\n@@ -7,3 +7,4 @@\n 7\n 8\n 9\n+y\n"},
		{"repeated lines", "a\n}\nb\n}\n", "a\n}\n}\nb\n}\n", "@@ -1,4 +1,5 @@\n a\n }\n+}\n b\n }\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want := tc.want
			if want != "" {
				want = "--- f\n+++ f\n" + want
			}
			if diff := cmp.Diff(want, Diff("f", tc.from, tc.to)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A name of several lines would look like more of the difference.
func TestDiffOfAName(t *testing.T) {
	if diff := cmp.Diff("--- \"/a\\n+++ b\"\n+++ \"/a\\n+++ b\"\n@@ -1,1 +1,1 @@\n-a\n+b\n", Diff("/a\n+++ b", "a\n", "b\n")); diff != "" {
		t.Error(diff)
	}
}

// What patch(1) makes of the old text by the difference is the new one, and diff(1) knows no shorter difference.
func TestDiffAgainstTools(t *testing.T) {
	for _, tool := range []string{"diff", "patch"} {
		hosttest.Program(t, tool, "differences beside those of other tools")
	}
	dir := t.TempDir()
	rnd := rand.New(rand.NewPCG(1, 2))
	text := func(n, kinds int) []string {
		var l []string
		for range n {
			l = append(l, fmt.Sprintf("line %d\n", rnd.IntN(kinds)))
		}
		return l
	}
	for n := range 40 {
		from := text(rnd.IntN(200), 2+rnd.IntN(20))
		var to []string
		for _, l := range from {
			switch rnd.IntN(8) {
			case 0:
			case 1:
				to = append(to, text(2, 5)...)
			default:
				to = append(to, l)
			}
		}
		old, declared := strings.Join(from, ""), strings.Join(to, "")
		if n%5 == 0 {
			declared = strings.TrimSuffix(declared, "\n")
		}
		got := Diff("f", old, declared)
		for name, content := range map[string]string{"f": old, "g": declared, "p": got} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		least, _ := exec.Command("diff", "--minimal", filepath.Join(dir, "f"), filepath.Join(dir, "g")).Output() // exit code 1: they differ
		if got == "" && len(least) == 0 {
			continue
		}
		if have, want := changed(got, "-", "+")-2, changed(string(least), "<", ">"); have != want {
			t.Errorf("%d: want %d changed lines, got %d", n, want, have)
		}
		cmd := exec.Command("patch", "-s", "f", "p")
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%d: %v\n%s\n%s", n, err, out, got)
		}
		made, err := os.ReadFile(filepath.Join(dir, "f"))
		if err != nil || string(made) != declared {
			t.Errorf("%d: patch makes %q, %v; want %q", n, made, err, declared)
		}
	}
}

func changed(text string, signs ...string) (n int) {
	for line := range strings.Lines(text) {
		for _, sign := range signs {
			if strings.HasPrefix(line, sign) {
				n++
			}
		}
	}
	return n
}

// Texts that have nothing in common are told apart all the same, in little time.
func TestDiffOfStrangers(t *testing.T) {
	var from, to strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&from, "%d\n", i)
		fmt.Fprintf(&to, "-%d\n", i)
	}
	got := Diff("f", from.String(), to.String())
	if n := changed(got, "-", "+"); n != 40_002 {
		t.Errorf("%d lines of 40,002", n)
	}
}
