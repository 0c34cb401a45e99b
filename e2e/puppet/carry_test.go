package puppet

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// carry writes resources of Puppet's language in HCL: the same types, titles and attributes, one by one. It knows what the cases need of the language: resources,
// defaults (`File { ... }`), strings, words, lists, hashes and references.
func carry(pp string) (string, error) {
	c := carrier{tokens: token.FindAllString(pp, -1)}
	var hcl strings.Builder
	for len(c.tokens) > 0 && c.err == nil {
		hcl.WriteString(c.resource())
	}
	return hcl.String(), c.err
}

var (
	token = regexp.MustCompile(`'(?:[^'\\]|\\[\s\S])*'|"(?:[^"\\]|\\[\s\S])*"|=>|[\w:.+-]*\w|\S`)
	// What a type is called here where Puppet's name is another.
	renamed = map[string]string{"ssh_authorized_key": "authorized_key"}
	// Attributes without a meaning here: a string is for the shell and a list is not, without being told.
	dropped = map[string][]string{"exec": {"provider"}}
)

type carrier struct {
	tokens []string
	err    error
}

func (c *carrier) next() string {
	if len(c.tokens) == 0 {
		c.err = fmt.Errorf("the manifest ends too early")
		return ""
	}
	t := c.tokens[0]
	c.tokens = c.tokens[1:]
	return t
}

func (c *carrier) want(t string) {
	if got := c.next(); got != t && c.err == nil {
		c.err = fmt.Errorf("want %q, not %q before %q", t, got, c.tokens[:min(5, len(c.tokens))])
	}
}

func (c *carrier) ahead(t string) bool { return len(c.tokens) > 0 && c.tokens[0] == t }

func typeName(word string) string {
	word = strings.ToLower(word)
	if name, ok := renamed[word]; ok {
		return name
	}
	return word
}

func (c *carrier) resource() string {
	word := c.next()
	kind := typeName(word)
	head := fmt.Sprintf("defaults %q {\n", kind)
	c.want("{")
	if word == strings.ToLower(word) {
		head = fmt.Sprintf("%s %s {\n", kind, c.value())
		c.want(":")
	}
	var b strings.Builder
	b.WriteString(head)
	for !c.ahead("}") && c.err == nil {
		attr := c.next()
		c.want("=>")
		v := c.value()
		if !slices.Contains(dropped[kind], attr) {
			if attr == "tag" {
				attr, v = "tags", "["+v+"]"
			}
			fmt.Fprintf(&b, "  %s = %s\n", attr, v)
		}
		if c.ahead(",") {
			c.next()
		}
	}
	c.want("}")
	b.WriteString("}\n")
	return b.String()
}

func (c *carrier) value() string {
	t := c.next()
	switch {
	case strings.HasPrefix(t, "'"):
		return quoted(strings.NewReplacer(`\'`, `'`, `\\`, `\`).Replace(t[1 : len(t)-1]))
	case strings.HasPrefix(t, `"`):
		return quoted(strings.NewReplacer(`\"`, `"`, `\\`, `\`, `\n`, "\n", `\t`, "\t", `\r`, "\r", `\$`, "$").Replace(t[1 : len(t)-1]))
	case t == "[":
		return "[" + c.list("]", func() string { return c.value() }) + "]"
	case t == "{":
		return "{" + c.list("}", func() string {
			k := c.value()
			c.want("=>")
			return k + " = " + c.value()
		}) + "}"
	case t == "undef":
		return "null"
	case t == "true", t == "false", number.MatchString(t):
		return t
	case c.ahead("[") && t != strings.ToLower(t):
		c.next()
		name := c.value()
		c.want("]")
		return typeName(t) + "[" + name + "]"
	}
	return quoted(t)
}

var number = regexp.MustCompile(`^-?[0-9]+$`)

func (c *carrier) list(end string, element func() string) string {
	var all []string
	for !c.ahead(end) && c.err == nil {
		all = append(all, element())
		if c.ahead(",") {
			c.next()
		}
	}
	c.want(end)
	return strings.Join(all, ", ")
}

// quoted writes a string of HCL.
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`, "${", "$${", "%{", "%%{").Replace(s) + `"`
}

func TestCarry(t *testing.T) {
	pp := `
File { owner => 'root' }
exec { 'a b': command => '/bin/echo "it\'s" ${x}', provider => shell, returns => [0, 3], umask => '027', tag => x, refreshonly => true }
ssh_authorized_key { "k\n":
  ensure  => present,
  options => [],
  require => [Exec['a b'], Ssh_authorized_key[z]],
  map     => { 'a' => undef },
}`
	want := `defaults "file" {
  owner = "root"
}
exec "a b" {
  command = "/bin/echo \"it's\" $${x}"
  returns = [0, 3]
  umask = "027"
  tags = ["x"]
  refreshonly = true
}
authorized_key "k\n" {
  ensure = "present"
  options = []
  require = [exec["a b"], authorized_key["z"]]
  map = {"a" = null}
}
`
	got, err := carry(pp)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := carry("file { '/x': mode => "); err == nil {
		t.Error("half a manifest was carried over")
	}
}
