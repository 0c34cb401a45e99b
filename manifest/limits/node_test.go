package limits

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What root reads by links of its own, of nobody, and of both in turn.
func TestNode(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root; left out: links of other users")
	}
	const nobody = 65534
	t.Setenv("SUDO_UID", "4242")
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	must := func(errs ...error) {
		t.Helper()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	link := func(to, name string, uid int) {
		t.Helper()
		must(os.Symlink(to, at(name)), os.Lchown(at(name), uid, uid))
	}
	must(os.MkdirAll(at("his/sub"), 0o755), os.WriteFile(at("roots"), []byte("text"), 0o600), os.WriteFile(at("his/own"), []byte("text"), 0o600), os.Chown(at("his/own"), nobody, nobody))
	link(at("roots"), "his/trap", nobody)
	link("../..", "his/sub/up", nobody)
	link("../his/trap", "his/again", 0)
	link("own", "his/link", nobody)
	link("his/link", "link", 0)
	link("../roots", "his/operators", 4242)
	link("loop", "loop", 0)
	for name, want := range map[string]string{
		"roots": "", "his/own": "", "his/link": "", "link": "", "his/sub/../own": "", "his/operators": "",
		"his/trap": "refused: a link of uid 65534 to a file of uid 0", "his/sub/up/roots": "refused: ", "his/again": "refused: ", "his/sub/up/his/own": "",
		"loop": "too many levels", "none": "no such file", "his/own/x": "not a directory", "his": "is a folder",
	} {
		b, err := ReadFile(Node{}, at(name), 100)
		if want == "" && (err != nil || string(b) != "text") || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: want %q, got %q, %v", name, want, b, err)
		}
	}
	if _, err := (Node{}).Stat(at("none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing there: %v", err)
	}
}
