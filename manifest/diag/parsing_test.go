package diag_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/nodeapply/apply/manifest/diag"
)

func TestParsing(t *testing.T) {
	const open = "The string that begins in this line has no closing quote in it, or a `${` in the string is not closed. " +
		"A text of several lines is written with `\\n`, or as a heredoc: `<<-EOT`."
	const line = "An attribute ends with its line. A string is written in quotes (`\"5m\"`), and operators are `==`, `!=`, `&&`, `||` and `!`; " +
		"`contains(list, value)` looks into a list."
	const other = "1: Want a block."
	const equals = " After the name of an attribute comes `=`."
	for _, tc := range []struct{ name, text, want string }{
		{"single quotes", "file \"/a\" {\n  content = 'a'\n}\n", "2: Single quotes are not valid. Use double quotes (\") to enclose strings."},
		{"in two lines", "file \"/a\" {\n  a = 'a'\n  b = $b\n}\n", "2: Single quotes are not valid. Use double quotes (\") to enclose strings.\n" +
			"3: A name stands without `$`: `var.port`, `local.port`, `fact.hostname`; in a text it is `${var.port}`."},
		{"a quote that is not closed", "file \"/a\" {\n  content = \"a\n  mode = \"0644\"\n}\n\nfile \"/b\" {}\n",
			"2: " + open},
		{"before a quote that is not closed", "file /a {\n  mode = 1\n}\nfile \"/b\" {\n  content = \"a\n}\n", other + equals + "\n" +
			"5: " + open},
		{"a duration without quotes", "exec \"a\" {\n  timeout = 5m\n}\n", "2: " + line},
		{"a template in a title", "file \"/home/${var.user}/x\" {\n}\n",
			"1: A title is the same for every node: what varies is said by an attribute, such as `path` or `name`. A `$` alone is written `$$`."},
		{"operators of another language", "file \"/a\" {\n  when = not true\n}\n", "2: " + line},
		{"a template that is not closed", "file \"/a\" {\n  content = \"${fact.ip\"\n}\n", "2: " + open},
		{"YAML", "- hosts: all\n  tasks:\n    - name: install\n", other},
		{"Puppet", "file { \"/a\":\n  mode => \"0644\",\n}\n", other},
		{"lines of something else", "root:x:0:0:root:/root:/bin/bash\nbin:x:2:2:bin:/bin:/usr/sbin/nologin\n", other + equals},
		{"a colon", "file \"/a\" {\n  content: \"a\"\n}\n", strings.Replace(other, "1", "2", 1) + equals},
		{"Puppet's arrow", "file \"/a\" {\n  ensure => \"file\"\n}\n", strings.Replace(other, "1", "2", 1) + equals},
		{"another character", "file \"/a\" {\n  content = §\n}\n", "2: This character is not used within the language."},
		{"a path after a dot", "file \"/a\" {\n  require = file./srv\n}\n", "2: An attribute name is required after a dot. A title that is not a plain name stands in brackets: `file[\"/srv\"]`."},
		{"a backslash", "line \"a\" {\n  match = \"^\\d+\"\n}\n", "2: The symbol \"d\" is not a valid escape sequence selector. A backslash is written `\\\\`."},
		{"a percent sign and a brace", "exec \"a\" {\n  command = \"date +%{s}\"\n}\n",
			"2: `%{` begins a directive, such as `%{ if ... }`. Where it is to stand in the text as it is, write `%%{`."},
	} {
		t.Run(tc.name, func(t *testing.T) {
			file, diags := hclsyntax.ParseConfig([]byte(tc.text), "main.hcl", hcl.InitialPos)
			var got []string
			for _, d := range diag.Parsing(diags, file, "a block") {
				got = append(got, fmt.Sprintf("%d: %s", d.Subject.Start.Line, d.Detail))
			}
			slices.Sort(got)
			if d := cmp.Diff(tc.want, strings.Join(got, "\n")); d != "" {
				t.Errorf("want -, got +:\n%s", d)
			}
		})
	}
}
