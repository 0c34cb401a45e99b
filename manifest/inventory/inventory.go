// Package inventory reads the inventory of a fleet: group and node blocks in HCL. Mistakes come all at once, each with its file and line.
//
//	group "tokyo" {
//	  nodes   = ["t[001-128]"]       # or hostfile("tokyo.hosts"): names, one a line, relative to the inventory
//	  gateway = "172.16.1.254"
//	  user    = "root"
//	}
//	node "t001" {
//	  address = "10.1.0.1"
//	  groups  = ["gluster"]
//	  facts   = { data_device = "/dev/xvdj" }
//	}
package inventory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/nodeapply/apply/manifest/diag"
	"github.com/nodeapply/apply/manifest/limits"
)

// Fleet is what an inventory says, in its order.
type Fleet struct {
	Groups []Group
	Nodes  []Node
}

// Group is nodes under one name, with what holds for all of them.
type Group struct {
	Name    string
	Nodes   []string // names, each once
	Gateway string   // host, or user@host:port; "" for none
	User    string
	Agent   bool // commands go by its nodes' agents
}

// Node is what is said of one node.
type Node struct {
	Name    string
	Address string // where it is reached, if not by its name: host, or host:port
	User    string
	Gateway string
	Groups  []string
	Facts   map[string]string // each as JSON
	Agent   bool              // commands go by its agent
}

// Names reads a node set, as nodeset.Parse does without groups.
type Names func(text string) ([]string, error)

// Read reads the inventory in the file name. An error is a diag.List.
func Read(name string, names Names) (*Fleet, error) {
	r := &reader{name: name, names: names, seen: map[string]hcl.Range{}}
	src, err := limits.ReadFile(limits.Host{}, name, limits.MaxFile)
	if err != nil {
		r.add(&hcl.Range{Filename: name}, "Unreadable inventory", "%v.", err)
		return nil, r.list()
	}
	if r.diags = limits.Check(name, src); r.diags.HasErrors() {
		return nil, r.list()
	}
	// The parser and the functions run under the bounds of manifests: an inventory may come from elsewhere, too.
	if err := limits.Run(context.Background(), func() { r.read(src) }); err != nil {
		return nil, err
	}
	if r.diags.HasErrors() {
		return nil, r.list()
	}
	return &r.fleet, nil
}

// reader reads one inventory and gathers its mistakes.
type reader struct {
	name  string
	names Names
	file  *hcl.File
	diags hcl.Diagnostics
	fleet Fleet
	seen  map[string]hcl.Range // blocks by type and name
}

// File finds the source that positions are in.
func (r *reader) File(string) *hcl.File { return r.file }

func (r *reader) list() diag.List { return diag.From(r.diags, r, nil) }

func (r *reader) add(at *hcl.Range, summary, detail string, args ...any) {
	r.diags = append(r.diags, diag.Errorf(at, summary, detail, args...))
}

func (r *reader) read(src []byte) {
	file, diags := hclsyntax.ParseConfig(src, r.name, hcl.InitialPos)
	r.file = file
	r.diags = append(r.diags, diag.Parsing(diags, file, "a block, such as `group \"web\" { ... }`, or an attribute, such as `nodes = [\"web[1-4]\"]`")...)
	if diags.HasErrors() {
		return
	}
	body := file.Body.(*hclsyntax.Body) // what ParseConfig gives
	for name, a := range body.Attributes {
		r.add(&a.NameRange, "Unsupported argument", "An inventory holds group and node blocks; %q stands in none.", name)
	}
	for _, b := range body.Blocks {
		switch {
		case b.Type != "group" && b.Type != "node":
			at := b.TypeRange
			r.add(&at, "Unsupported block type", "Blocks of type %q are not expected here%s", b.Type, diag.Suggest(b.Type, []string{"group", "node"}))
		case len(b.Labels) != 1:
			at := b.DefRange()
			r.add(&at, "Missing name", "A %s block has one name: %s \"NAME\" { ... }.", b.Type, b.Type)
		case r.unique(b):
			r.block(b)
		}
	}
}

// unique refuses a second block of one name.
func (r *reader) unique(b *hclsyntax.Block) bool {
	key := b.Type + " " + b.Labels[0]
	at := b.DefRange()
	if first, ok := r.seen[key]; ok {
		r.add(&at, "Duplicate "+b.Type, "%q stands at line %d already.", b.Labels[0], first.Start.Line)
		return false
	}
	r.seen[key] = at
	return true
}

func (r *reader) block(b *hclsyntax.Block) {
	for _, inner := range b.Body.Blocks {
		at := inner.TypeRange
		r.add(&at, "Unsupported block type", "A %s block holds no blocks.", b.Type)
	}
	name, at := b.Labels[0], b.LabelRanges[0]
	a := &attributes{reader: r, block: b}
	if b.Type == "group" {
		if strings.ContainsAny(name, ",!&@[] \t\n") || name == "" || name == "all" {
			r.add(&at, "Invalid group name", "%q cannot be the name of a group: a name without , ! & @ [ ] and blanks, and not \"all\", which is every node.", name)
		}
		r.fleet.Groups = append(r.fleet.Groups, Group{Name: name, Nodes: a.set("nodes"), Gateway: a.text("gateway"), User: a.text("user"), Agent: a.flag("agent")})
		a.only("nodes", "gateway", "user", "agent")
		return
	}
	if got, err := r.names(name); err != nil || len(got) != 1 || got[0] != name {
		r.add(&at, "Invalid node name", "%q cannot be the name of a node.", name)
	}
	r.fleet.Nodes = append(r.fleet.Nodes, Node{
		Name: name, Address: a.text("address"), User: a.text("user"), Gateway: a.text("gateway"), Groups: a.texts("groups"), Facts: a.facts("facts"),
		Agent: a.flag("agent"),
	})
	a.only("address", "user", "gateway", "groups", "facts", "agent")
}

// attributes reads those of one block.
type attributes struct {
	*reader
	block *hclsyntax.Block
}

// only refuses what is none of the known attributes.
func (a *attributes) only(known ...string) {
	for name, attr := range a.block.Body.Attributes {
		if !slices.Contains(known, name) {
			a.add(&attr.NameRange, "Unsupported argument", "A %s block has no attribute %q%s", a.block.Type, name, diag.Suggest(name, known))
		}
	}
}

// value is the value of an attribute as a type, and where it stands; null where it is not given or wrong.
func (a *attributes) value(name string, want cty.Type) (cty.Value, *hcl.Range) {
	attr, ok := a.block.Body.Attributes[name]
	if !ok {
		return cty.NullVal(want), nil
	}
	at := attr.Expr.Range()
	v, diags := attr.Expr.Value(&hcl.EvalContext{Functions: map[string]function.Function{"hostfile": a.hostfile()}})
	if a.diags = append(a.diags, diags...); diags.HasErrors() {
		return cty.NullVal(want), &at
	}
	v, err := convert.Convert(v, want)
	if err == nil && !v.IsWhollyKnown() {
		err = errors.New("the value is not known")
	}
	if err != nil {
		a.add(&at, "Unsuitable value", "%s: %v.", name, err)
		return cty.NullVal(want), &at
	}
	return v, &at
}

func (a *attributes) text(name string) string {
	v, at := a.value(name, cty.String)
	if v.IsNull() {
		return ""
	}
	s := v.AsString()
	if s == "" || strings.HasPrefix(s, "-") || strings.ContainsAny(s, " \t\n\r\x00") {
		a.add(at, "Unsuitable value", "%s: %q is empty, begins with a dash or holds blanks.", name, s)
	}
	return s
}

func (a *attributes) flag(name string) bool {
	v, _ := a.value(name, cty.Bool)
	return !v.IsNull() && v.True()
}

func (a *attributes) texts(name string) []string {
	v, at := a.value(name, cty.List(cty.String))
	if v.IsNull() {
		return nil
	}
	var out []string
	for _, e := range v.AsValueSlice() {
		if e.IsNull() {
			a.add(at, "Unsuitable value", "%s: an element is null.", name)
			continue
		}
		out = append(out, e.AsString())
	}
	return out
}

// set is an attribute of node sets, expanded.
func (a *attributes) set(name string) []string {
	texts := a.texts(name)
	if texts == nil {
		return nil
	}
	at := a.block.Body.Attributes[name].Expr.Range()
	if slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(s, "@") }) {
		a.add(&at, "Unsuitable value", "%s: the names of nodes, not of other groups; to select several groups: -w @one,@other.", name)
		return nil
	}
	out, err := a.names(strings.Join(texts, ","))
	if err != nil {
		a.add(&at, "Unsuitable value", "%s: %v.", name, err)
	}
	return out
}

func (a *attributes) facts(name string) map[string]string {
	v, at := a.value(name, cty.DynamicPseudoType)
	if v.IsNull() {
		return nil
	}
	if !v.Type().IsObjectType() && !v.Type().IsMapType() {
		a.add(at, "Unsuitable value", "%s: want an object of facts.", name)
		return nil
	}
	out := map[string]string{}
	for key, value := range v.AsValueMap() {
		b, err := json.Marshal(ctyjson.SimpleJSONValue{Value: value})
		if err != nil {
			a.add(at, "Unsuitable value", "%s: %s: %v.", name, key, err)
			continue
		}
		if key == "" || strings.Trim(key, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" || strings.Trim(key[:1], "0123456789_") == "" {
			a.add(at, "Invalid fact name", "%q cannot be the name of a fact: lower-case letters, digits and _, first a letter.", key)
		}
		out[key] = string(b)
	}
	return out
}

// hostfile is the function that reads names from a file, relative to the inventory.
func (a *attributes) hostfile() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "path", Type: cty.String}},
		Type:   function.StaticReturnType(cty.List(cty.String)),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			path := args[0].AsString()
			if !filepath.IsAbs(path) {
				path = filepath.Join(filepath.Dir(a.name), path)
			}
			names, err := Hosts(path, a.names)
			if err != nil || len(names) == 0 {
				return cty.ListValEmpty(cty.String), err
			}
			values := make([]cty.Value, len(names))
			for i, n := range names {
				values[i] = cty.StringVal(n)
			}
			return cty.ListVal(values), nil
		},
	})
}

// Hosts reads the names in a file, as ParseHosts does.
func Hosts(path string, names Names) ([]string, error) {
	src, err := limits.ReadFile(limits.Host{}, path, limits.MaxFile)
	if err != nil {
		return nil, err
	}
	return ParseHosts(path, string(src), names)
}

// ParseHosts reads the names in a text, one or a node set a line; # begins a comment, and a byte order mark says nothing.
func ParseHosts(path, text string, names Names) ([]string, error) {
	var out []string
	number := 0
	for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
		number++
		line, _, _ = strings.Cut(line, "#")
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "!") || strings.HasPrefix(line, "&") {
			return nil, fmt.Errorf("%s:%d: %q: a line adds nodes, and there are none in it from which this takes away", path, number, line)
		}
		got, err := names(line)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, number, err)
		}
		out = append(out, got...)
	}
	return out, nil
}
