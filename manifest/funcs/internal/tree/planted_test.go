package tree

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"
)

// Who owns a folder chooses by no link which of root's files a function reads.
func TestPlanted(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root; left out: links of other users")
	}
	dir := t.TempDir()
	roots, link := filepath.Join(dir, "roots"), filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(roots, []byte("secret"), 0o600), os.Symlink(roots, link), os.Lchown(link, 65534, 65534)); err != nil {
		t.Fatal(err)
	}
	for name, f := range (Tree{Base: dir}).Functions() {
		if !strings.HasPrefix(name, "file") || name == "fileset" {
			continue
		}
		if v, err := f.Call([]cty.Value{cty.StringVal(link)}); err == nil || !strings.Contains(err.Error(), "refused: a link of uid 65534 to a file of uid 0") {
			t.Errorf("%s: %#v, %v", name, v, err)
		}
	}
}
