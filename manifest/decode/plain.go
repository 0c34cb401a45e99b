package decode

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"

	"github.com/zclconf/go-cty/cty"
)

// Go turns a known, unmarked value into nil, bool, string, float64, []any or map[string]any. A number that a float64 would make another of
// is an error: what an operator wrote is kept, or refused.
func Go(v cty.Value) (any, error) {
	return plain(v, func(n *big.Float) (any, error) {
		f, same := float(n)
		if !same {
			return nil, fmt.Errorf("the number %s has more digits than are kept; write it as a string", digits(n))
		}
		return f, nil
	})
}

// Exact is Go without a bound on numbers: what a float64 cannot hold is a json.Number.
func Exact(v cty.Value) (any, error) {
	return plain(v, func(n *big.Float) (any, error) {
		if f, same := float(n); same {
			return f, nil
		}
		return json.Number(digits(n)), nil
	})
}

// float is a number as a float64, and whether that is as good: of a fraction its nearest neighbour is.
func float(n *big.Float) (f float64, same bool) {
	f, accuracy := n.Float64()
	return f, !math.IsInf(f, 0) && (accuracy == big.Exact || !n.IsInt())
}

// digits writes a number as JSON and the language do.
func digits(n *big.Float) string {
	if n.IsInt() && n.MantExp(nil) < 256 {
		return n.Text('f', 0)
	}
	return n.Text('g', 20)
}

func plain(v cty.Value, number func(*big.Float) (any, error)) (any, error) {
	if v.IsNull() {
		return nil, nil
	}
	switch t := v.Type(); {
	case t == cty.String:
		return v.AsString(), nil
	case t == cty.Bool:
		return v.True(), nil
	case t == cty.Number:
		n := v.AsBigFloat()
		if n.IsInf() {
			return nil, errors.New("the result is not a finite number")
		}
		return number(n)
	case t.IsMapType(), t.IsObjectType():
		out := make(map[string]any, v.LengthInt())
		for k, e := range v.Elements() {
			x, err := plain(e, number)
			if err != nil {
				return nil, fmt.Errorf("`%s`: %w", k.AsString(), err)
			}
			out[k.AsString()] = x
		}
		return out, nil
	case t.IsListType(), t.IsSetType(), t.IsTupleType():
		out := make([]any, 0, v.LengthInt())
		for _, e := range v.Elements() {
			x, err := plain(e, number)
			if err != nil {
				return nil, fmt.Errorf("element %d: %w", len(out), err)
			}
			out = append(out, x)
		}
		return out, nil
	}
	return nil, nil
}
