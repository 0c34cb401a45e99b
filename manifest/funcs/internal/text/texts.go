// Package text holds the functions of texts, those that encode values as text and back, and hashes.
package text

import (
	"maps"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"github.com/nodeapply/apply/manifest/funcs/internal/spec"
	"github.com/nodeapply/apply/manifest/limits"
)

// Functions are the functions by name.
func Functions() map[string]function.Function {
	fns := texts()
	maps.Copy(fns, encodings())
	maps.Copy(fns, hashes())
	return fns
}

// Checks are those of the functions that can make more than they are given.
func Checks() map[string]spec.Check {
	return map[string]spec.Check{
		"csvdecode":  decodableCSV,
		"format":     formattable,
		"formatlist": formattable,
		"indent":     indentable,
		"join":       joinable,
		"jsondecode": decodableJSON,
		"jsonencode": spec.Printable,
		"regexall":   matchable,
		"split":      splittable,
		"yamlencode": spec.Printable,
	}
}

func texts() map[string]function.Function {
	return map[string]function.Function{
		"chomp":       stdlib.ChompFunc,
		"endswith":    predicate("suffix", strings.HasSuffix),
		"format":      stdlib.FormatFunc,
		"formatdate":  stdlib.FormatDateFunc,
		"formatlist":  stdlib.FormatListFunc,
		"indent":      stdlib.IndentFunc,
		"join":        stdlib.JoinFunc,
		"lower":       stdlib.LowerFunc,
		"regex":       stdlib.RegexFunc,
		"regexall":    stdlib.RegexAllFunc,
		"replace":     replace,
		"split":       stdlib.SplitFunc,
		"startswith":  predicate("prefix", strings.HasPrefix),
		"strcontains": predicate("substr", strings.Contains),
		"strrev":      stdlib.ReverseFunc,
		"substr":      stdlib.SubstrFunc,
		"timeadd":     stdlib.TimeAddFunc,
		"timecmp":     timeCompare,
		"title":       stdlib.TitleFunc,
		"trim":        stdlib.TrimFunc,
		"trimprefix":  stdlib.TrimPrefixFunc,
		"trimspace":   stdlib.TrimSpaceFunc,
		"trimsuffix":  stdlib.TrimSuffixFunc,
		"upper":       stdlib.UpperFunc,
	}
}

func predicate(second string, holds func(s, part string) bool) function.Function {
	return function.New(&function.Spec{
		Params:       spec.Strings("str", second),
		Type:         function.StaticReturnType(cty.Bool),
		RefineResult: spec.NotNull,
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return cty.BoolVal(holds(args[0].AsString(), args[1].AsString())), nil
		},
	})
}

// replace takes what is to be replaced literally, or as a regular expression if it stands between slashes.
var replace = function.New(&function.Spec{
	Params:       spec.Strings("str", "substr", "replace"),
	Type:         function.StaticReturnType(cty.String),
	RefineResult: spec.NotNull,
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		str, old, repl := args[0].AsString(), args[1].AsString(), args[2].AsString()
		if len(old) > 1 && old[0] == '/' && old[len(old)-1] == '/' {
			return replaceMatches(str, old[1:len(old)-1], repl)
		}
		if grown := strings.Count(str, old) * (len(repl) - len(old)); len(str)+grown > limits.MaxString {
			return cty.NilVal, spec.TooLong()
		}
		return cty.StringVal(strings.ReplaceAll(str, old, repl)), nil
	},
})

func replaceMatches(str, pattern, repl string) (cty.Value, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return cty.NilVal, function.NewArgError(1, err)
	}
	matches := re.FindAllStringSubmatchIndex(str, limits.MaxElements+1)
	if len(matches) > limits.MaxElements {
		return cty.NilVal, spec.TooMany()
	}
	var out []byte
	last := 0
	for _, m := range matches {
		out = append(out, str[last:m[0]]...)
		out = re.ExpandString(out, repl, str, m)
		last = m[1]
		if len(out) > limits.MaxString {
			return cty.NilVal, spec.TooLong()
		}
	}
	return cty.StringVal(string(append(out, str[last:]...))), nil
}

func indentable(args []cty.Value) error {
	n, _ := args[0].Unmark()
	if !n.IsKnown() || n.IsNull() {
		return nil
	}
	spaces := n.AsBigFloat()
	if spaces.Sign() < 0 {
		return function.NewArgErrorf(0, "must not be negative")
	}
	if f, _ := spaces.Float64(); f*float64(1+strings.Count(spec.Text(args[1]), "\n")) > limits.MaxString {
		return spec.TooLong()
	}
	return nil
}

func joinable(args []cty.Value) error {
	sep, sum := len(spec.Text(args[0])), 0
	for _, list := range args[1:] {
		spec.Elements(list, func(e cty.Value) bool {
			sum += sep + len(spec.Text(e))
			return sum <= limits.MaxString
		})
	}
	if sum-sep > limits.MaxString {
		return spec.TooLong()
	}
	return nil
}

func splittable(args []cty.Value) error {
	if strings.Count(spec.Text(args[1]), spec.Text(args[0])) >= limits.MaxElements {
		return spec.TooMany()
	}
	return nil
}

func matchable(args []cty.Value) error {
	re, err := regexp.Compile(spec.Text(args[0]))
	if err == nil && len(re.FindAllStringIndex(spec.Text(args[1]), limits.MaxElements+1)) > limits.MaxElements {
		return spec.TooMany()
	}
	return nil // a wrong pattern is for the function to refuse
}

// verb is a verb of format with its width, precision and argument's number.
var verb = regexp.MustCompile(`%[-+ #0]*(\d*)(?:\.(\d*))?(?:\[(\d+)\])?`)

// formattable estimates how long the results of format or formatlist get.
func formattable(args []cty.Value) error {
	layout, sum, longest, times := spec.Text(args[0]), 0, 0, 1
	if err := spec.Printable(args[1:]); err != nil {
		return err
	}
	for _, a := range args[1:] {
		w := spec.Weight(a, 2*limits.MaxString)
		longest = max(longest, w)
		if a, _ = a.Unmark(); spec.IsSequence(a.Type()) && a.IsKnown() && !a.IsNull() {
			times = max(times, a.LengthInt())
		} else {
			sum += w
		}
	}
	for _, m := range verb.FindAllStringSubmatch(layout, -1) {
		for _, digits := range m[1:3] {
			if n, err := strconv.Atoi(digits); err == nil && n <= limits.MaxString {
				sum += n
			} else if digits != "" {
				return spec.TooLong()
			}
		}
		if m[3] != "" { // the same argument again
			sum += longest
		}
	}
	if (len(layout)+sum)*times > 2*limits.MaxString {
		return spec.TooLong()
	}
	return nil
}

var timeCompare = function.New(&function.Spec{
	Params:       spec.Strings("timestamp_a", "timestamp_b"),
	Type:         function.StaticReturnType(cty.Number),
	RefineResult: spec.NotNull,
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		var times [2]time.Time
		for i := range times {
			t, err := time.Parse(time.RFC3339, args[i].AsString())
			if err != nil {
				return cty.NilVal, function.NewArgErrorf(i, "%q is not a timestamp like \"2006-01-02T15:04:05Z\"", args[i].AsString())
			}
			times[i] = t
		}
		return cty.NumberIntVal(int64(times[0].Compare(times[1]))), nil
	},
})
