package author

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/cmd/apply/internal/cli"
)

const (
	crooked  = "file   \"a\" {\n path=\"/x\"\n}\n"
	straight = "file \"a\" {\n  path = \"/x\"\n}\n"
)

func TestFormat(t *testing.T) {
	dir := t.TempDir()
	bad, good := filepath.Join(dir, "bad.hcl"), filepath.Join(dir, "good.hcl")
	for name, text := range map[string]string{bad: crooked, good: straight} {
		if err := os.WriteFile(name, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name    string
		check   bool
		stdout  string
		err     string
		content string // of bad.hcl afterwards
	}{
		{"only looking", true, bad + "\n", "1 file is not in the canonical form", crooked},
		{"writing", false, bad + "\n", "", straight},
		{"again", false, "", "", straight},
		{"looking again", true, "", "", straight},
	} {
		var out bytes.Buffer
		err := formatAll(&cli.App{Stdout: &out}, []string{dir}, test.check)
		if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%s: want %q, got %v", test.name, test.err, err)
		}
		content, err := os.ReadFile(bad)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{test.stdout, test.content}, []string{out.String(), string(content)}); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
	if info, err := os.Stat(bad); err != nil || info.Mode() != 0o640 {
		t.Errorf("the mode is %v, %v", info.Mode(), err)
	}
}

// A folder is listed as it is called, whatever a shell would make of its name; what begins with a dot is no manifest.
func TestFormatOddNames(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "[a b]*")
	for _, name := range []string{"x\ny.hcl", ".hidden.hcl", "data.json"} {
		if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, name), []byte(crooked), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	err := formatAll(&cli.App{Stdout: &out}, []string{dir}, true)
	if err == nil || !strings.HasSuffix(err.Error(), "apply fmt '"+dir+"' corrects it") {
		t.Errorf("error %v", err)
	}
	if diff := cmp.Diff(dir+"/x\\ny.hcl\n", out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestFormatStream(t *testing.T) {
	var out bytes.Buffer
	a := &cli.App{Stdout: &out}
	if err := formatStream(a, strings.NewReader(crooked), false); err != nil || out.String() != straight {
		t.Errorf("%q, %v", out.String(), err)
	}
	if err := formatStream(a, strings.NewReader(crooked), true); err == nil {
		t.Error("what is crooked passes the check")
	}
	if err := formatStream(a, strings.NewReader(straight), true); err != nil {
		t.Errorf("what is straight does not: %v", err)
	}
}

func TestReference(t *testing.T) {
	var b strings.Builder
	if err := printReference(&cli.App{Stdout: &b}, "file"); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(b.String(), "# ") || !strings.Contains(b.String(), "content") {
		t.Errorf("the page is\n%.300s", b.String())
	}
	for name, want := range map[string]string{"fil": "did you mean `file`?", "zzzzzz": "there are "} {
		if err := printReference(&cli.App{Stdout: &b}, name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: want %q, got %v", name, want, err)
		}
	}
}
