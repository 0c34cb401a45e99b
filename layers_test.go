package apply_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/nodeapply/apply/"

// layers says which packages of this module each folder may import; a folder's subfolders may import it and each other. What is not listed may import everything.
var layers = map[string][]string{
	"graph":             {},
	"host":              {},
	"host/hosttest":     {"sandbox/model"},
	"source":            {"sshclient", "sshsig"},
	"sshclient":         {},
	"sshsig":            {},
	"resources":         {"host"},
	"resources/fact":    {"exchange"},
	"resources/wait":    {"exchange"},
	"resources/limit":   {"exchange"},
	"facts":             {"host"},
	"catalog":           {"graph", "resources"},
	"journal":           {"resources", "host", "catalog", "report"},
	"report":            {"resources"},
	"report/reasons":    {"catalog"},
	"report/picture":    {"catalog"},
	"report/difference": {"catalog"},
	"manifest/inspect":  {"host"},
	"manifest":          {"catalog", "resources"},
	"engine":            {"catalog", "graph", "host", "journal", "report", "resources"},
	"exchange":          {"facts"},
	"origin":            {"source", "manifest", "modules", "resources", "scratch"},
	"scratch":           {},
	"sandbox":           {"host"},
	"fleet":             {"report", "exchange", "host", "sshclient", "sshsig", "scratch"},
}

// only says who alone may import a library.
var only = map[string][]string{
	"os/exec":                      {"host", "sandbox", "fleet", "source/sourcetest"},
	"github.com/coreos/go-systemd": {"host"},
	"github.com/go-git/go-git":     {"source"},
	"github.com/hashicorp/hcl":     {"manifest"},
	"go.etcd.io":                   {"exchange"},
	"github.com/spf13/cobra":       {"cmd/apply"},
}

// outside are folders whose programs and tests stand beside the house: they may import what they need.
var outside = []string{"e2e", "bench", "examples"}

func within(dir string, folders []string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return dir == f || strings.HasPrefix(dir, f+"/") })
}

func TestLayers(t *testing.T) {
	docs := map[string]bool{}
	eachFile(t, func(dir, name string, src []byte) {
		f, err := parser.ParseFile(token.NewFileSet(), name, src, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "_test.go") || within(dir, outside) {
			return
		}
		docs[dir] = docs[dir] || f.Doc != nil
		for _, imp := range f.Imports {
			checkImport(t, dir, name, strings.Trim(imp.Path.Value, `"`))
		}
	})
	for dir, ok := range docs {
		if !ok {
			t.Errorf("%s: the package has no doc comment", dir)
		}
	}
}

func checkImport(t *testing.T, dir, name, imp string) {
	for lib, folders := range only {
		if within(imp, []string{lib}) && !within(dir, folders) {
			t.Errorf("%s imports %s, which only %v may", name, imp, folders)
		}
	}
	target, ours := strings.CutPrefix(imp, module)
	if !ours {
		return
	}
	var allowed []string
	listed := false
	for layer, may := range layers {
		if within(dir, []string{layer}) {
			listed = true
			allowed = append(append(allowed, may...), layer)
		}
	}
	if listed && !within(target, allowed) {
		t.Errorf("%s imports %s; %s may import %v", name, target, dir, allowed)
	}
}

// eachFile calls fn for every Go file of the repository, with its folder relative to the root.
func eachFile(t *testing.T, fn func(dir, name string, src []byte)) {
	t.Helper()
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (name == ".git" || d.Name() == "testdata"):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go"):
			return nil
		}
		src, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		fn(path.Dir(filepath.ToSlash(name)), name, src)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
