package apply_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply"
	"github.com/nodeapply/apply/resources/all"
	"github.com/nodeapply/apply/resources/tag"
)

// mayBeEmpty are the attributes to which an empty string is a value of its own.
var mayBeEmpty = strings.Fields("exec.stdin file.content file.content_base64 host.comment sysctl.value user.comment")

// whole is what else a resource of the type needs to be complete.
var whole = map[string]map[string]string{
	"authorized_key": {"user": "root", "key": "AAAAC3NzaC1lZDI1NTE5AAAAIDtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"},
	"cron":           {"command": "true"},
	"fact":           {"value": "1"},
	"host":           {"ip": "10.0.0.1"},
	"line":           {"path": "/etc/x", "line": "x"},
	"sysctl":         {"name": "a.b", "value": "1"},
	"wait":           {"fact": "x", "group": "y"},
}

// An empty string, as a variable that was forgotten gives, is not taken for an attribute that is not set: a command would run as root, a download would not be
// verified, a job would run every minute. One that is meant to be empty stays possible.
func TestEmptyStrings(t *testing.T) {
	main := filepath.Join(t.TempDir(), "main.hcl")
	var accepted []string
	for _, kind := range all.Linked(nil) {
		for _, a := range tag.Attributes(reflect.TypeOf(kind.New("/x")).Elem()) {
			switch a.Field.Type {
			case reflect.TypeFor[any](), reflect.TypeFor[bool](), reflect.TypeFor[*bool](), reflect.TypeFor[*int](), reflect.TypeFor[*uint32]():
				continue
			}
			attrs := maps.Clone(whole[kind.Name])
			if attrs == nil {
				attrs = map[string]string{}
			}
			attrs[a.Name] = ""
			text := kind.Name + " \"x\" {\n"
			if kind.Name == "file" || kind.Name == "mount" {
				text = kind.Name + " \"/x\" {\n"
			}
			for _, name := range slices.Sorted(maps.Keys(attrs)) {
				text += fmt.Sprintf("  %s = %q\n", name, attrs[name])
			}
			if err := os.WriteFile(main, []byte(text+"}\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			switch _, err := apply.Load(t.Context(), main, apply.Options{}); {
			case err == nil:
				accepted = append(accepted, kind.Name+"."+a.Name)
			case !strings.Contains(err.Error(), a.Name):
				t.Errorf("%s.%s: the mistake does not name it: %v", kind.Name, a.Name, err)
			}
		}
	}
	slices.Sort(accepted)
	if diff := cmp.Diff(mayBeEmpty, accepted); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
}

// What is made of another resource's attribute that is not set is not set either.
func TestNotSetIsNotEmpty(t *testing.T) {
	main := filepath.Join(t.TempDir(), "main.hcl")
	text := "file \"/x\" {\n  content = \"\"\n}\nfile \"/y\" {\n  content = file[\"/x\"].content\n  owner = file[\"/x\"].owner\n}\n"
	if err := os.WriteFile(main, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := apply.Load(t.Context(), main, apply.Options{}); err != nil {
		t.Error(err)
	}
}
