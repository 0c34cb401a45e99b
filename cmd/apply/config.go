package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// configFile sets flags that neither the command line nor the environment give: `exchange = "https://..."`, `group = ["gluster"]`.
const configFile = "/etc/apply/config.hcl"

// fromConfig sets the flags that are still not said from the configuration; APPLY_CONFIG names another file.
func (a *app) fromConfig(cmd *cobra.Command) error {
	file := a.env("APPLY_CONFIG")
	if file == "" {
		file = configFile
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	parsed, diags := hclparse.NewParser().ParseHCL(text, file)
	if diags.HasErrors() {
		return fmt.Errorf("configuration: %w", diags)
	}
	attrs, diags := parsed.Body.JustAttributes()
	if diags.HasErrors() {
		return fmt.Errorf("configuration: %w", diags)
	}
	for _, attr := range attrs {
		if err := a.configure(cmd, attr); err != nil {
			return fmt.Errorf("%s:%d: %s: %w", file, attr.Range.Start.Line, attr.Name, err)
		}
	}
	return nil
}

// configure sets one flag. One that only other commands have is passed over; what no command has is a mistake.
func (a *app) configure(cmd *cobra.Command, attr *hcl.Attribute) error {
	name := strings.ReplaceAll(attr.Name, "_", "-")
	if name == "groups" {
		name = "group"
	}
	f := cmd.Flags().Lookup(name)
	switch {
	case f == nil && !known(cmd.Root(), name):
		return errors.New("there is no such flag")
	case f == nil || f.Changed:
		return nil
	}
	v, diags := attr.Expr.Value(nil)
	if diags.HasErrors() {
		return diags
	}
	texts, err := flagTexts(v)
	for _, text := range texts {
		if err == nil {
			err = cmd.Flags().Set(name, text)
		}
	}
	return err
}

// known says whether any command has a flag.
func known(cmd *cobra.Command, name string) bool {
	has := func(s *pflag.FlagSet) bool { return s.Lookup(name) != nil }
	if has(cmd.Flags()) || has(cmd.PersistentFlags()) {
		return true
	}
	for _, sub := range cmd.Commands() {
		if known(sub, name) {
			return true
		}
	}
	return false
}

// flagTexts are a value as it would be written on the command line: a list is a flag that repeats.
func flagTexts(v cty.Value) ([]string, error) {
	if v.Type().IsTupleType() {
		var out []string
		for _, e := range v.AsValueSlice() {
			texts, err := flagTexts(e)
			if err != nil {
				return nil, err
			}
			out = append(out, texts...)
		}
		return out, nil
	}
	s, err := convert.Convert(v, cty.String)
	if err != nil || s.IsNull() {
		return nil, errors.New("want a string, a number, a boolean or a list of these")
	}
	return []string{s.AsString()}, nil
}
