package funcs

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"github.com/nodeapply/apply/manifest/limits"
)

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
		Params:       stringParams("str", second),
		Type:         function.StaticReturnType(cty.Bool),
		RefineResult: notNull,
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return cty.BoolVal(holds(args[0].AsString(), args[1].AsString())), nil
		},
	})
}

// replace takes what is to be replaced literally, or as a regular expression if it stands between slashes.
var replace = function.New(&function.Spec{
	Params:       stringParams("str", "substr", "replace"),
	Type:         function.StaticReturnType(cty.String),
	RefineResult: notNull,
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		str, old, repl := args[0].AsString(), args[1].AsString(), args[2].AsString()
		if len(old) > 1 && old[0] == '/' && old[len(old)-1] == '/' {
			return replaceMatches(str, old[1:len(old)-1], repl)
		}
		if grown := strings.Count(str, old) * (len(repl) - len(old)); len(str)+grown > limits.MaxString {
			return cty.NilVal, tooLong()
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
		return cty.NilVal, tooMany()
	}
	var out []byte
	last := 0
	for _, m := range matches {
		out = append(out, str[last:m[0]]...)
		out = re.ExpandString(out, repl, str, m)
		last = m[1]
		if len(out) > limits.MaxString {
			return cty.NilVal, tooLong()
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
	if f, _ := spaces.Float64(); f*float64(1+strings.Count(text(args[1]), "\n")) > limits.MaxString {
		return tooLong()
	}
	return nil
}

func joinable(args []cty.Value) error {
	sep, sum := len(text(args[0])), 0
	for _, list := range args[1:] {
		elements(list, func(e cty.Value) bool {
			sum += sep + len(text(e))
			return sum <= limits.MaxString
		})
	}
	if sum-sep > limits.MaxString {
		return tooLong()
	}
	return nil
}

func splittable(args []cty.Value) error {
	if strings.Count(text(args[1]), text(args[0])) >= limits.MaxElements {
		return tooMany()
	}
	return nil
}

func matchable(args []cty.Value) error {
	re, err := regexp.Compile(text(args[0]))
	if err == nil && len(re.FindAllStringIndex(text(args[1]), limits.MaxElements+1)) > limits.MaxElements {
		return tooMany()
	}
	return nil // a wrong pattern is for the function to refuse
}

// verb is a verb of format with its width, precision and argument's number.
var verb = regexp.MustCompile(`%[-+ #0]*(\d*)(?:\.(\d*))?(?:\[(\d+)\])?`)

// formattable estimates how long the results of format or formatlist get.
func formattable(args []cty.Value) error {
	spec, sum, longest, times := text(args[0]), 0, 0, 1
	if err := printable(args[1:]); err != nil {
		return err
	}
	for _, a := range args[1:] {
		w := weight(a, 2*limits.MaxString)
		longest = max(longest, w)
		if a, _ = a.Unmark(); isSequence(a.Type()) && a.IsKnown() && !a.IsNull() {
			times = max(times, a.LengthInt())
		} else {
			sum += w
		}
	}
	for _, m := range verb.FindAllStringSubmatch(spec, -1) {
		for _, digits := range m[1:3] {
			if n, err := strconv.Atoi(digits); err == nil && n <= limits.MaxString {
				sum += n
			} else if digits != "" {
				return tooLong()
			}
		}
		if m[3] != "" { // the same argument again
			sum += longest
		}
	}
	if (len(spec)+sum)*times > 2*limits.MaxString {
		return tooLong()
	}
	return nil
}

var timeCompare = function.New(&function.Spec{
	Params:       stringParams("timestamp_a", "timestamp_b"),
	Type:         function.StaticReturnType(cty.Number),
	RefineResult: notNull,
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

// validText refuses bytes that cannot be a string.
func validText(b []byte, what string) (string, error) {
	if !utf8.Valid(b) {
		return "", fmt.Errorf("%s are not UTF-8 text; to pass bytes on as they are, see the functions with base64 in their names", cmp.Or(what, "the contents"))
	}
	return string(b), nil
}
