package manifest_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/manifest"
	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/resources"
)

var update = flag.Bool("update", false, "write what came into testdata")

// TestGolden compiles the manifests of every archive in testdata/golden and compares the catalog, or the diagnostics, with the file "want" in it.
// Files of an archive: manifests; facts.json; vars (name=value a line); late.json (values by address, with which deferred entries are bound).
func TestGolden(t *testing.T) {
	names, err := filepath.Glob("testdata/golden/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatal("no archives", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			name, err := filepath.Abs(name)
			if err != nil {
				t.Fatal(err)
			}
			ar, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got := compileArchive(t, ar)
			i := slices.IndexFunc(ar.Files, func(f txtar.File) bool { return f.Name == "want" })
			if i < 0 {
				ar.Files, i = append(ar.Files, txtar.File{Name: "want"}), len(ar.Files)
			}
			if *update {
				ar.Files[i].Data = []byte(got)
				if err := os.WriteFile(name, txtar.Format(ar), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(ar.Files[i].Data), got); diff != "" {
				t.Errorf("want -, got +:\n%s", diff)
			}
		})
	}
}

func compileArchive(t *testing.T, ar *txtar.Archive) string {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	o := manifest.Options{Types: fakeTypes(), Facts: fakeFacts{}}
	late := map[string]map[string]any{}
	for _, f := range ar.Files {
		switch f.Name {
		case "want":
		case "facts.json":
			facts := fakeFacts{}
			unmarshal(t, f.Data, (*map[string]any)(&facts))
			for name, v := range facts {
				if s, ok := v.(string); ok && strings.HasPrefix(s, "error: ") {
					facts[name] = errors.New(s)
				}
			}
			o.Facts = facts
		case "late.json":
			unmarshal(t, f.Data, &late)
		case "vars":
			for line := range strings.Lines(string(f.Data)) {
				name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
				if file, ok := strings.CutPrefix(name, "file "); ok {
					o.Vars = append(o.Vars, manifest.VarSource{File: file})
					continue
				}
				o.Vars = append(o.Vars, manifest.VarSource{Name: name, Value: value, Origin: "--var " + name})
			}
		default:
			if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, f.Name)), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	path := "main.hcl"
	if _, err := os.Stat(path); err != nil {
		path = "."
	}
	var told []string
	o.OnSecret = func(text string) { told = append(told, text) }
	res, diags := manifest.Compile(t.Context(), path, o)
	secrets := slices.Sorted(slices.Values(told)) // without those that only the run gives
	var b strings.Builder
	if len(diags) > 0 {
		if err := diags.WriteText(&b, diag.TextOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if res != nil {
		printCatalog(t, &b, res, late)
		if len(secrets) > 0 {
			fmt.Fprintf(&b, "secrets %q\n", secrets)
		}
	}
	return strings.ReplaceAll(b.String(), dir, "DIR")
}

func unmarshal(t *testing.T, data []byte, to any) {
	t.Helper()
	if err := json.Unmarshal(data, to); err != nil {
		t.Fatal(err)
	}
}

// printCatalog writes a catalog as text: entries with what is set in them, then the edges.
func printCatalog(t *testing.T, b *strings.Builder, res *manifest.Result, late map[string]map[string]any) {
	t.Helper()
	values := func(a resources.Address) (map[string]any, bool) {
		v, ok := late[a.String()]
		return v, ok
	}
	entries := res.Catalog.Entries()
	for _, e := range entries {
		printEntry(b, "", e)
		if e.Deferred == nil || len(late) == 0 {
			continue
		}
		bound, err := e.Deferred.Bind(t.Context(), values)
		var placed interface{ Position() catalog.Pos }
		if errors.As(err, &placed) {
			err = fmt.Errorf("%s: %w", placed.Position(), err)
		}
		if err != nil {
			fmt.Fprintf(b, "  bind: %v\n", err)
		}
		for _, e := range bound {
			printEntry(b, "  = ", e)
		}
	}
	for v := range res.Catalog.Graph().Len() {
		for _, e := range res.Catalog.Graph().Succ(v) {
			arrow := "->"
			if e.Notify {
				arrow = "~>"
			}
			fmt.Fprintf(b, "%s %s %s\n", vertex(res.Catalog, v), arrow, vertex(res.Catalog, e.To))
		}
	}
	for _, o := range res.Outputs {
		v := o.Value
		if o.Late != nil {
			var err error
			if v, err = o.Late(t.Context(), values); err != nil {
				v = err
			}
		}
		fmt.Fprintf(b, "output %s = %v sensitive=%v\n", o.Name, v, o.Sensitive)
	}
}

func vertex(c *catalog.Catalog, v int) string {
	entries := c.Entries()
	if v < len(entries) {
		return entries[v].Addr.String()
	}
	if _, a, ok := c.Instance(v); ok {
		return a.String()
	}
	return fmt.Sprintf("barrier%d", v-len(entries))
}

func printEntry(b *strings.Builder, indent string, e *catalog.Entry) {
	fmt.Fprintf(b, "%s%s %s", indent, e.Addr, e.Pos)
	o := reflect.ValueOf(e.Options)
	for i := range o.NumField() {
		if !o.Field(i).IsZero() {
			fmt.Fprintf(b, " %s=%v", strings.ToLower(o.Type().Field(i).Name), o.Field(i).Interface())
		}
	}
	b.WriteByte('\n')
	if d := e.Deferred; d != nil {
		fmt.Fprintf(b, "%s  needs %v\n", indent, d.Needs)
		for _, c := range d.Preview {
			fmt.Fprintf(b, "%s  %s: %s\n", indent, c.Attr, c.To)
		}
		return
	}
	r := reflect.ValueOf(e.Resource).Elem()
	for i := range r.NumField() {
		name, _, _ := strings.Cut(r.Type().Field(i).Tag.Get("hcl"), ",")
		v := r.Field(i)
		if name == "" || v.IsZero() {
			continue
		}
		for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
			v = v.Elem()
		}
		fmt.Fprintf(b, "%s  %s = %#v", indent, name, v.Interface())
		if origins := e.Origins(name); len(origins) > 0 {
			fmt.Fprintf(b, " from %v", origins)
		}
		b.WriteByte('\n')
	}
}
