// Package settings sets the flags that a command line leaves out: from the environment, else from a node's own configuration file.
package settings

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nodeapply/apply/manifest/variables"
	"github.com/nodeapply/apply/resources/nearest"
)

// configFile is where a node's settings are, unless APPLY_CONFIG names another file.
const configFile = "/etc/apply/config.hcl"

// Apply sets the flags of a command that are not set: the flag parallel from APPLY_FLAG_PARALLEL or APPLY_PARALLEL, else as `parallel = 4` in the file.
// The file's names are those of flags of any command below the root, with underscores; a list sets a flag that may repeat.
func Apply(cmd *cobra.Command, env func(string) string) error {
	file, given := env("APPLY_CONFIG"), true
	if file == "" {
		file, given = configFile, false
	}
	settings, err := read(cmd, file, given)
	if err != nil {
		return err
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Changed || err != nil || asked(f) {
			return
		}
		name := strings.ToUpper(underscored(f.Name))
		for _, key := range []string{"APPLY_FLAG_" + name, "APPLY_" + name} {
			if v := env(key); v != "" {
				if e := cmd.Flags().Set(f.Name, v); e != nil {
					err = fmt.Errorf("%s=%s: %w", key, v, Reason(e))
				}
				return
			}
		}
		err = settings[underscored(f.Name)].apply(cmd, f)
	})
	return err
}

// setting is what the file says of one flag.
type setting struct {
	texts []string // as the command line has them
	list  bool     // as a list or a map
	at    string   // FILE:LINE
}

func (s setting) apply(cmd *cobra.Command, f *pflag.Flag) error {
	if _, repeats := f.Value.(pflag.SliceValue); s.list && !repeats {
		return fmt.Errorf("%s: %s: want one value, not several", s.at, f.Name)
	}
	for _, text := range s.texts {
		if err := cmd.Flags().Set(f.Name, text); err != nil {
			return fmt.Errorf("%s: %s = %s: %w", s.at, f.Name, text, Reason(err))
		}
	}
	return nil
}

// Reason is what is wrong with the value of a flag, of an error of pflag, which names flag and value too.
func Reason(err error) error {
	wrong, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return err
	}
	switch wrong.GetFlag().Value.Type() {
	case "bool":
		return errors.New("want true or false")
	case "int":
		return errors.New("want a number")
	case "uint64":
		return errors.New("want a whole number of 0 or more")
	}
	return wrong.Unwrap()
}

// asked tells of flags that are a question, which only a command line asks.
func asked(f *pflag.Flag) bool { return f.Name == "help" || f.Name == "version" }

func underscored(flag string) string { return strings.ReplaceAll(flag, "-", "_") }

// read reads the file, which has to be there only if it was given.
func read(cmd *cobra.Command, name string, given bool) (map[string]setting, error) {
	if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) && !given {
		return nil, nil
	}
	values, diags := variables.Settings(cmd.Context(), name)
	if diags.HasErrors() {
		return nil, diags
	}
	known := flagNames(cmd.Root())
	out := map[string]setting{}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		v, flag := values[key], underscored(key)
		if flag == "groups" { // as an inventory writes it
			flag = "group"
		}
		if !known[flag] {
			return nil, fmt.Errorf("%s: no flag is called %s%s", v.At, key, nearest.Hint(key, slices.Sorted(maps.Keys(known))))
		}
		if other, twice := out[flag]; twice {
			return nil, fmt.Errorf("%s: %s stands at %s already", v.At, flag, other.at)
		}
		texts, list, err := textsOf(v.Value)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", v.At, key, err)
		}
		out[flag] = setting{texts, list, v.At}
	}
	return out, nil
}

// textsOf is a value as the command line writes it: a list as one after the other, a map as NAME=VALUE each, null as nothing.
func textsOf(v any) (texts []string, list bool, err error) {
	switch v := v.(type) {
	case nil:
		return nil, false, nil
	case []any:
		for _, one := range v {
			text, err := textOf(one)
			if err != nil {
				return nil, false, err
			}
			texts = append(texts, text)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			text, err := textOf(v[name])
			if err != nil {
				return nil, false, err
			}
			texts = append(texts, name+"="+text)
		}
	default:
		text, err := textOf(v)
		return []string{text}, false, err
	}
	return texts, true, nil
}

func textOf(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	}
	return "", errors.New("want a string, a number, true or false; or a list, or a map, of these")
}

// flagNames are the names of all flags below a command.
func flagNames(cmd *cobra.Command) map[string]bool {
	names := map[string]bool{}
	add := func(f *pflag.Flag) {
		if !asked(f) {
			names[underscored(f.Name)] = true
		}
	}
	cmd.Flags().VisitAll(add)
	cmd.PersistentFlags().VisitAll(add)
	for _, c := range cmd.Commands() {
		maps.Copy(names, flagNames(c))
	}
	return names
}
