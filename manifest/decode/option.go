package decode

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/nodeapply/apply/catalog"
	"github.com/nodeapply/apply/resources"
)

// Option puts the value of a metaparameter into the options of an entry: guards and tags add up, of the others the last one counts. v is known
// and not null.
func Option(o *catalog.Options, name string, v cty.Value) error {
	switch name {
	case "when":
		on, err := truth(v)
		o.Off = o.Off || err == nil && !on
		return err
	case "noop":
		on, err := truth(v)
		o.Noop = o.Noop || on
		return err
	case "unless":
		return appendGuards(&o.Unless, v)
	case "onlyif":
		return appendGuards(&o.OnlyIf, v)
	case "tags":
		return appendStrings(&o.Tags, v)
	case "timeout":
		err := duration(&o.Timeout, v)
		if err == nil && o.Timeout == 0 {
			return errors.New("nothing waits without a deadline: want a time above 0, such as \"24h\"")
		}
		return err
	case "try_sleep":
		return duration(&o.TrySleep, v)
	case "tries":
		n, err := convert.Convert(v, cty.Number)
		if err != nil || !n.AsBigFloat().IsInt() || n.LessThan(cty.NumberIntVal(1)).True() || n.GreaterThan(cty.NumberIntVal(1e6)).True() {
			return errors.New("want a whole number from 1 on")
		}
		i, _ := n.AsBigFloat().Int64()
		o.Tries = int(i)
	}
	return nil
}

func truth(v cty.Value) (bool, error) {
	b, err := convert.Convert(v, cty.Bool)
	if err != nil {
		return false, errors.New("want true or false, got " + Describe(v))
	}
	return b.True(), nil
}

func appendStrings(to *[]string, v cty.Value) error {
	var list resources.Strings
	if err := setUnmarshaler(reflect.ValueOf(&list).Elem(), v); err != nil {
		return err
	}
	*to = slices.Concat(*to, list) // never in place: calls around share it
	return nil
}

// appendGuards refuses an empty line, which the shell takes for a success.
func appendGuards(to *[]string, v cty.Value) error {
	if err := appendStrings(to, v); err != nil {
		return err
	}
	if slices.ContainsFunc(*to, func(line string) bool { return strings.TrimSpace(line) == "" }) {
		return errors.New("an empty line asks nothing; null, or an empty list, is no guard")
	}
	return nil
}

func duration(to *time.Duration, v cty.Value) error {
	var d resources.Duration
	err := setUnmarshaler(reflect.ValueOf(&d).Elem(), v)
	*to = time.Duration(d)
	return err
}
