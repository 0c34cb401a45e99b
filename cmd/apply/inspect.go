package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/spf13/cobra"
	"github.com/zclconf/go-cty/cty"
	"golang.org/x/text/unicode/norm"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/manifest/decode"
	"github.com/nodeapply/apply/manifest/limits"
	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/all"
)

func (a *app) inspectCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "inspect TYPE[TITLE]...",
		Short: "Print the node's present state as a manifest whose plan is empty",
		Long: `Print the node's present state as a manifest whose plan is empty.

TYPE[TITLE], TYPE["TITLE"] and TYPE.TITLE are one resource. TYPE:WHAT is all that the node has of what it says: a pattern for names
(package:*, service:ssh*), a folder for file (file:/etc), a file for line (line:/etc/motd), a user for cron and authorized_key (cron:root),
a part of the tree for sysctl (sysctl:net.ipv4). Passwords are left out.`,
		Example: "  apply inspect 'file[/etc/motd]' service.ssh\n  apply inspect file:/etc 'package:*' > main.hcl",
		Args:    cobra.MinimumNArgs(1),
		RunE:    a.reading(func(_ *cobra.Command, ctx context.Context, args []string) error { return a.inspect(ctx, args) }),
	}
}

func (a *app) inspect(ctx context.Context, selections []string) error {
	h, err := a.node()
	if err != nil {
		return err
	}
	defer h.Close()
	out := hclwrite.NewEmptyFile()
	seen := map[string]bool{}
	for _, s := range selections {
		sel, err := parseSelection(s, all.Linked(nil))
		if err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
		titles, err := sel.titles(ctx, h)
		if err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
		for _, title := range titles {
			address := resources.Address{Type: sel.schema.Type.Name, Title: title}.String()
			if seen[address] {
				continue
			}
			seen[address] = true
			err := sel.print(ctx, h, title, out.Body())
			switch {
			case err != nil && sel.listed:
				fmt.Fprintf(a.stderr, "apply: left out: %s: %v\n", address, err)
			case err != nil:
				return fmt.Errorf("%s: %w", address, err)
			}
		}
	}
	n, err := out.WriteTo(a.stdout)
	if n > limits.MaxFile {
		fmt.Fprintf(a.stderr, "apply: %d bytes are more than one manifest may have (the limit is %d): inspect less at a time\n", n, limits.MaxFile)
	}
	return err
}

// selection is one argument of inspect.
type selection struct {
	schema *decode.Schema
	of     string // a title, or what is to be listed
	listed bool
}

func parseSelection(s string, types []resources.Type) (*selection, error) {
	end := strings.IndexAny(s, ":.[")
	sel := &selection{of: "*", listed: true}
	name := s
	if end >= 0 {
		name, sel.of, sel.listed = s[:end], s[end+1:], s[end] == ':'
		if s[end] == '[' {
			title, ok := strings.CutSuffix(sel.of, "]")
			if !ok {
				return nil, errors.New("a bracket is not closed")
			}
			if sel.of = title; strings.HasPrefix(title, `"`) {
				a, err := resources.ParseAddress(s)
				if err != nil {
					return nil, err
				}
				sel.of = a.Title
			}
		}
	}
	if sel.of == "" {
		return nil, errors.New("want TYPE[TITLE], TYPE.TITLE or TYPE:WHAT")
	}
	t, err := typeNamed(name, types)
	if err != nil {
		return nil, err
	}
	sel.schema, err = decode.NewSchema(t)
	return sel, err
}

// typeNamed finds a type, or says which is near.
func typeNamed(name string, types []resources.Type) (resources.Type, error) {
	names := make([]string, len(types))
	for i, t := range types {
		if t.Name == name {
			return t, nil
		}
		names[i] = t.Name
	}
	if near := resources.Nearest(name, names); near != "" {
		return resources.Type{}, fmt.Errorf("there is no type %q; did you mean `%s`?", name, near)
	}
	return resources.Type{}, fmt.Errorf("there is no type %q; there are %s", name, strings.Join(names, ", "))
}

// titles are those of the resources that are selected.
func (s *selection) titles(ctx context.Context, v host.View) ([]string, error) {
	if !s.listed {
		return []string{s.of}, nil
	}
	l, ok := s.schema.Type.New("").(resources.Lister)
	if !ok {
		return nil, s.stateless()
	}
	return l.List(ctx, v, s.of)
}

// stateless is the error of a type that cannot be inspected.
func (s *selection) stateless() error {
	return fmt.Errorf("%s has no state of its own that could be inspected: %s", s.schema.Type.Name, s.schema.Type.Stateless)
}

// print appends the block of one resource: the attributes that are not as they are by default, ensure first.
func (s *selection) print(ctx context.Context, v host.View, title string, to *hclwrite.Body) error {
	if !utf8.ValidString(title) || !norm.NFC.IsNormalString(title) {
		return errors.New("a manifest cannot hold that name: want UTF-8 in normalization form C")
	}
	r, ok := s.schema.Type.New(title).(resources.Inspector)
	if !ok {
		return s.stateless()
	}
	if err := r.Inspect(ctx, v); err != nil {
		return err
	}
	is, plain := r.(resources.Resource), s.schema.Type.New(title)
	if len(to.Blocks()) > 0 {
		to.AppendNewline()
	}
	block := to.AppendNewBlock(s.schema.Type.Name, []string{title}).Body()
	set := func(name string) {
		f := s.schema.Field(name)
		value := f.Get(is)
		if !f.Required && value.RawEquals(f.Get(plain)) && name != "ensure" || value.IsNull() {
			return
		}
		if value.Type() == cty.String && (value.AsString() == "true" || value.AsString() == "false") {
			value = cty.BoolVal(value.AsString() == "true")
		}
		block.SetAttributeValue(name, value)
	}
	if f := s.schema.Field("ensure"); f != nil && f.Get(is).AsString() != "" {
		set("ensure")
	}
	for _, name := range s.schema.Names() {
		if name != "ensure" {
			set(name)
		}
	}
	return nil
}
