package limits

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeapply/apply/manifest/limits/internal/scan"
)

// fill repeats s as often as a MiB allows, between before and after.
func fill(before, s, after string) string {
	return before + strings.Repeat(s, (MaxFile-len(before)-len(after))/len(s)) + after
}

func nest(open, inner, end string, n int) string {
	return strings.Repeat(open, n) + inner + strings.Repeat(end, n)
}

func TestCheck(t *testing.T) {
	plus := func(n int) string { return strings.Repeat("1+", n) + "1" }
	tests := map[string]struct {
		src  string
		json bool
		want string // "" for accepted, else "line:column: summary"
	}{
		"empty":                        {src: ""},
		"ordinary":                     {src: "file \"/etc/motd\" {\n  content = \"hello ${var.name}\\n\"\n}\n"},
		"depth at the bound":           {src: "a = " + nest("[", "1", "]", scan.MaxDepth) + "\n"},
		"depth over the bound":         {src: "a = " + nest("[", "1", "]", scan.MaxDepth+1) + "\n", want: "1:205: Over the limit"},
		"depth of parentheses":         {src: fill("a = ", "(", ""), want: "1:205: Over the limit"},
		"depth of objects":             {src: fill("a = ", "{b=", ""), want: "1:605: Over the limit"},
		"depth of calls":               {src: fill("a = ", "f(", ""), want: "1:406: Over the limit"},
		"depth of indexes":             {src: fill("a = b", "[b", ""), want: "1:406: Over the limit"},
		"depth of blocks":              {src: fill("", "a {\n", ""), want: "201:3: Over the limit"},
		"depth of templates":           {src: fill("a = ", "\"${", ""), want: "1:606: Over the limit"},
		"depth of trimmed templates":   {src: fill("a = ", "\"%{~", ""), want: "1:806: Over the limit"},
		"depth of heredocs":            {src: fill("a = ", "<<E\n${", ""), want: "202:1: Over the limit"},
		"depth of if directives":       {src: fill("a = \"", "%{if a}", "\"\n"), want: "1:1399: Over the limit"},
		"depth of for directives":      {src: fill("a = <<E\n", "%{ for a in b }", "\nE\n"), want: "2:2986: Over the limit"},
		"directives that end":          {src: "a = \"" + strings.Repeat("%{if a}%{for b in c}%{endfor}%{else}%{endif}", 1000) + "\"\n"},
		"directives that end wrongly":  {src: "a = \"" + strings.Repeat("%{if a}%{endfor}", 1000) + "\"\n", want: "1:3190: Over the limit"},
		"depth of nested for":          {src: fill("a = ", "[for a in b : ", ""), want: "1:2805: Over the limit"},
		"operators at the bound":       {src: "a = " + plus(scan.MaxOperators) + "\n"},
		"operators over the bound":     {src: "a = " + plus(scan.MaxOperators+1) + "\n", want: "1:20006: Over the limit"},
		"operators of two characters":  {src: "a = " + strings.Repeat("b == c && d >= e || ", scan.MaxOperators/4) + "f\n"},
		"operators over several lines": {src: "a = (" + strings.Repeat("1\n+ ", scan.MaxOperators+1) + "1)\n", want: "10002:1: Over the limit"},
		"operators in list elements":   {src: "a = [" + strings.Repeat(plus(5000)+", ", 5) + "]\n"},
		"operators in attributes":      {src: strings.Repeat("a = "+plus(5000)+"\n", 5)},
		"operators of for object":      {src: "a = {for k, v in m : k => " + strings.Repeat("1 +\n", scan.MaxOperators+1) + "1}\n", want: "10001:3: Over the limit"},
		"operators inside brackets":    {src: "a = " + nest("(", "1", "+"+plus(999)+")", 11) + "\n", want: "1:20027: Over the limit"},
		"operators beside a bracket":   {src: "a = " + strings.Repeat("f(1)+", scan.MaxOperators) + "1\n"},
		"operators in interpolations":  {src: "a = \"" + strings.Repeat("${"+plus(900)+"}", 100) + "\"\n"},
		"negations":                    {src: fill("a = ", "!", "a\n"), want: "1:10005: Over the limit"},
		"negative numbers":             {src: fill("a = ", "-", "1\n"), want: "1:10005: Over the limit"},
		"negations over lines":         {src: fill("a = ", "!\n", "a\n"), want: "10001:1: Over the limit"},
		"conditions":                   {src: fill("a = ", "a?b:", "c\n"), want: "1:40006: Over the limit"},
		"conditions in the middle":     {src: fill("a = ", "a?", "c\n"), want: "1:20006: Over the limit"},
		"attributes of attributes":     {src: fill("a = b", ".b", "\n"), want: "1:20006: Over the limit"},
		"indexes of indexes":           {src: fill("a = b", "[c]", "\n"), want: "1:30006: Over the limit"},
		"splats of splats":             {src: fill("a = b", "[*]", "\n"), want: "1:30006: Over the limit"},
		"many references":              {src: "a = [" + strings.Repeat("file.b.path, ", 20_000) + "]\n"},
		"names with dashes":            {src: "a = [" + strings.Repeat("service.my-very-long-name, ", 20_000) + "]\n"},
		"many heredoc lines":           {src: fill("a = <<E\n", "\n", "E\n"), want: "1:5: Over the limit"},
		"many dollars":                 {src: fill("a = \"", "$", "\"\n"), want: "1:5: Over the limit"},
		"10,000 lines":                 {src: "a = <<E\n" + strings.Repeat(strings.Repeat("x", 59)+"\n", 10_000) + "E\n"},
		"base64":                       {src: fill("a = \"", "AB+/cd9=", "\"\n")},
		"brackets in a string":         {src: fill("a = \"", "([{", "\"\n")},
		"brackets in a heredoc":        {src: "a = <<E\n" + strings.Repeat("((((((((((((((((", 1000) + "\nE\n"},
		"brackets in a comment":        {src: "# " + strings.Repeat("(", 1000) + "\n/* [[[[\n " + strings.Repeat("[", 1000) + "*/\n// " + strings.Repeat("{", 1000)},
		"brackets in escaped sequence": {src: "a = \"$${" + strings.Repeat("(", 1000) + "\"\n"},
		"brackets after backslash":     {src: "a = \"\\${" + strings.Repeat("(", 1000) + "\"\n"},
		"brackets after a marker":      {src: "a = <<E\n E\nb = " + strings.Repeat("(", 1000), want: "3:205: Over the limit"},
		"no marker in an expression":   {src: "a = <<E\n${a}E\n" + strings.Repeat("(", 1000) + "\nE\n"},
		"foreign marker":               {src: "a = <<終\n" + strings.Repeat("(", 1000) + "\n終\n"},
		"marker with a carriage":       {src: "a = <<E\r\n" + strings.Repeat("(", 1000) + "\r\nE\r\n"},
		"byte order mark":              {src: "\ufeffa = " + strings.Repeat("(", 1000), want: "1:205: Over the limit"},
		"blocks that do not close":     {src: fill("", "a{\nx}\n", ""), want: "202:2: Over the limit"},
		"wrong blocks on one line":     {src: fill("", "a{\nb{x}\n}\n", ""), want: "60002:4: Over the limit"},
		"blocks on one line":           {src: strings.Repeat("package \"a\" { ensure = \"latest\" }\n", 20_000)},
		"mismatched brackets":          {src: "a = [1, 2}\n", want: "1:10: Mismatched bracket"},
		"stray bracket":                {src: "a = 1\n}\n", want: "2:1: Unexpected closing bracket"},
		"mismatch in a sequence":       {src: "a = \"${ ( }\"\n", want: "1:11: Mismatched bracket"},
		"strip marker without one":     {src: "a = [\n~}\n", want: "2:1: Mismatched bracket"},
		"heredoc without end":          {src: "b = 1\na = [<<-EOT\n  x\n  EOT]\n", want: "2:6: Unterminated heredoc"},
		"heredoc in one without end":   {src: "a = <<A\n${<<B\nA\n}\nA\n", want: "2:3: Unterminated heredoc"},
		"heredoc at the end":           {src: "a = <<EOT\nx\nEOT", want: "1:5: Unterminated heredoc"},
		"heredoc with an end":          {src: "a = <<-EOT\nx\n  EOT \n"},
		"sequence in a heredoc":        {src: "a = <<EOT\n${x\nEOT\n"},
		"comment without end":          {src: fill("a = 1\n", "/* ", ""), want: "2:1: Unterminated comment"},
		"long number":                  {src: fill("a = ", "9", "\n"), want: "1:5: Over the limit"},
		"large exponent":               {src: "a = \"${1e999999999}\"\n", want: "1:8: Over the limit"},
		"exponent":                     {src: "a = 1e308 + 1.5E-0003\n"},
		"bad UTF-8":                    {src: "a = \"\n\xff\"\n", want: "2:1: Invalid character encoding"},
		"large":                        {src: strings.Repeat("\n", MaxFile+1), want: "1:1: Over the limit"},

		"json":                        {json: true, src: `{"file": {"/etc/motd": {"content": "hello ${var.name}"}}}`},
		"json escaped template":       {json: true, src: `{"a": "\u0024{` + strings.Repeat(`\u0028`, 1000) + `}"}`, want: "1:7: Over the limit"},
		"json string ends at newline": {json: true, src: fill("{\"\n", "[", ""), want: "2:200: Over the limit"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			filename := "main.hcl"
			if tt.json {
				filename = "main.hcl.json"
			}
			diags := Check(filename, []byte(tt.src))
			got := ""
			if len(diags) > 0 {
				got = fmt.Sprintf("%d:%d: %s", diags[0].Subject.Start.Line, diags[0].Subject.Start.Column, diags[0].Summary)
				if diags[0].Subject.Filename != filename {
					t.Errorf("file is %q", diags[0].Subject.Filename)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s\n%v", diff, diags)
			}
		})
	}
}
