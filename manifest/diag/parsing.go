package diag

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// openText is the parser's summary of a text in quotes that does not end in its line.
const openText = "Invalid multi-line string"

// noItem is what the parser says where neither a block nor an attribute begins. After a name it says more.
const noItem = "An argument or block definition is required here."

// Parsing leaves those of the parser's mistakes that are not just the consequence of another: the first of each line, and nothing after a text that does not
// end, for all that follows is read as the reverse of what it is. Of a file that holds no block the first mistake is enough: it is written in another language.
// Want says what such a file holds.
func Parsing(diags hcl.Diagnostics, file *hcl.File, want string) hcl.Diagnostics {
	if parsed, ok := file.Body.(*hclsyntax.Body); ok && len(diags) > 0 && len(parsed.Blocks)+len(parsed.Attributes) == 0 {
		first := slices.MinFunc(diags, func(a, b *hcl.Diagnostic) int { return start(a).Byte - start(b).Byte })
		diags = hcl.Diagnostics{first}
	}
	end := -1
	if i := slices.IndexFunc(diags, func(d *hcl.Diagnostic) bool { return d.Summary == openText }); i >= 0 {
		end = start(diags[i]).Line
	}
	lines := map[int]bool{}
	out := make(hcl.Diagnostics, 0, len(diags))
	for _, d := range diags { // those of single characters come before those of what is made of them
		line := start(d).Line
		if lines[line] || end >= 0 && line > end {
			continue
		}
		lines[line] = true
		switch {
		case strings.HasPrefix(d.Detail, noItem):
			named := d.Detail != noItem // something stands where an equals sign, a title or a brace should
			d.Detail = "Want " + want + "."
			if named {
				d.Detail += " After the name of an attribute comes `=`."
			}
		case d.Summary == "Invalid attribute name":
			d.Detail += " A title that is not a plain name stands in brackets: `file[\"/srv\"]`."
		case d.Summary == "Invalid escape sequence":
			d.Detail += " A backslash is written `\\\\`."
		case d.Summary == "Invalid template control keyword":
			d.Detail = "`%{` begins a directive, such as `%{ if ... }`. Where it is to stand in the text as it is, write `%%{`."
		case d.Subject != nil && d.Subject.CanSliceBytes(file.Bytes) && string(d.Subject.SliceBytes(file.Bytes)) == "$":
			d.Detail = "A name stands without `$`: `var.port`, `local.port`, `fact.hostname`; in a text it is `${var.port}`."
		case strings.HasPrefix(d.Detail, "Template sequences are not allowed in this string."):
			d.Detail = "A title is the same for every node: what varies is said by an attribute, such as `path` or `name`. A `$` alone is written `$$`."
		case d.Detail == "An argument definition must end with a newline.":
			d.Detail = "An attribute ends with its line. A string is written in quotes (`\"5m\"`), and operators are `==`, `!=`, `&&`, `||` and `!`; `contains(list, value)` looks into a list."
		case d.Summary == openText:
			d.Detail = "The string that begins in this line has no closing quote in it, or a `${` in the string is not closed. A text of several lines is written with `\\n`, or as a heredoc: `<<-EOT`."
		}
		out = append(out, d)
	}
	return out
}

// start is where a mistake begins; the parser always tells.
func start(d *hcl.Diagnostic) hcl.Pos {
	if d.Subject == nil {
		return hcl.Pos{}
	}
	return d.Subject.Start
}
