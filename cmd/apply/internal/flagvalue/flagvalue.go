// Package flagvalue are the kinds of values that flags of several commands have.
package flagvalue

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Duration is the value of a flag that is a length of time, 0 or more: "90s", "5m", or seconds, as a manifest writes it.
type Duration time.Duration

// Set reads the value.
func (d *Duration) Set(text string) error {
	v, err := time.ParseDuration(text)
	if _, notANumber := strconv.ParseUint(text, 10, 32); notANumber == nil {
		v, err = time.ParseDuration(text + "s")
	}
	if err != nil || v < 0 {
		return errors.New("want a duration such as 90s or 5m, or seconds")
	}
	*d = Duration(v)
	return nil
}

// String writes the value as people do: no time as 0, ten minutes as 10m.
func (d *Duration) String() string {
	if *d == 0 {
		return "0"
	}
	s := time.Duration(*d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// Type is how help texts call it.
func (d *Duration) Type() string { return "DURATION" }

// Count is the value of a flag that is a number of things, at least one.
type Count int

// Set reads the value.
func (c *Count) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return errors.New("want a number of 1 or more")
	}
	*c = Count(n)
	return nil
}

// String writes the value.
func (c *Count) String() string { return strconv.Itoa(int(*c)) }

// Type is how help texts call it.
func (c *Count) Type() string { return "N" }

// Named is the value of a flag that names what would be another where nothing is named: a variable of a shell that is not set names nothing.
type Named string

// Set reads the value.
func (n *Named) Set(text string) error {
	if text == "" {
		return errors.New("it is empty")
	}
	*n = Named(text)
	return nil
}

// String writes the value.
func (n *Named) String() string { return string(*n) }

// Type is how help texts call it.
func (n *Named) Type() string { return "string" }

// Names are the values of a flag that may repeat, each [Named]. It is a pflag.SliceValue.
type Names []string

// Set adds a value.
func (n *Names) Set(text string) error {
	var one Named
	if err := one.Set(text); err != nil {
		return err
	}
	*n = append(*n, text)
	return nil
}

// Append adds a value.
func (n *Names) Append(text string) error { return n.Set(text) }

// Replace sets all values.
func (n *Names) Replace(texts []string) error {
	*n = nil
	for _, text := range texts {
		if err := n.Set(text); err != nil {
			return err
		}
	}
	return nil
}

// GetSlice returns the values.
func (n *Names) GetSlice() []string { return *n }

// String writes the values.
func (n *Names) String() string { return strings.Join(*n, ",") }

// Type is how help texts call it.
func (n *Names) Type() string { return "stringArray" }

var _ pflag.SliceValue = (*Names)(nil)

// Choose adds a flag whose value is one of the choices, which shells complete. Where none stands at p yet, the first is its default.
func Choose(cmd *cobra.Command, s *pflag.FlagSet, p *string, name, usage string, choices ...string) {
	*p = cmp.Or(*p, choices[0])
	s.Var(&choice{p, choices}, name, usage)
	if err := cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(choices, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // there is no such flag
	}
}

// choice is the value of a flag that is one of a few words, in letters of either case.
type choice struct {
	value *string
	of    []string
}

// Set reads the value.
func (c *choice) Set(text string) error {
	text = strings.ToLower(text)
	if !slices.Contains(c.of, text) {
		last := len(c.of) - 1
		return errors.New("want " + strings.Join(c.of[:last], ", ") + " or " + c.of[last])
	}
	*c.value = text
	return nil
}

// String writes the value.
func (c *choice) String() string { return *c.value }

// Type is how help texts call it.
func (c *choice) Type() string { return "string" }
