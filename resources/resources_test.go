package resources

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAttributeValues(t *testing.T) {
	for _, tc := range []struct {
		name string
		in   any
		into AttrUnmarshaler
		want any
		bad  bool
	}{
		{"one string", "a", new(Strings), Strings{"a"}, false},
		{"list", []any{"a", 1.0}, new(Strings), Strings{"a", "1"}, false},
		{"map is no list", map[string]any{}, new(Strings), nil, true},
		{"boolean", true, new(Scalar), Scalar("true"), false},
		{"duration", "90s", new(Duration), Duration(90 * time.Second), false},
		{"seconds", 1.5, new(Duration), Duration(1500 * time.Millisecond), false},
		{"seconds in a string", "5", new(Duration), Duration(5 * time.Second), false},
		{"negative", -1.0, new(Duration), nil, true},
		{"not a number", "NaN", new(Duration), nil, true},
		{"too long", 1e300, new(Duration), nil, true},
		{"no duration", "soon", new(Duration), nil, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := tc.into.UnmarshalAttr(tc.in)
			if (err != nil) != tc.bad {
				t.Fatalf("error: %v", err)
			}
			if tc.bad {
				return
			}
			var got any
			switch v := tc.into.(type) {
			case *Strings:
				got = *v
			case *Scalar:
				got = *v
			case *Duration:
				got = *v
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Mistakes are all told, each with its attribute; without one there is no error.
func TestMistakes(t *testing.T) {
	var bad Mistakes
	bad.Add("a", nil)
	bad.OneOf("b", "on", "on", "off")
	if err := bad.Err(); err != nil {
		t.Errorf("no mistake is an error: %v", err)
	}
	bad.Add("a", errors.New("too long"))
	bad.OneOf("b", "maybe", "on", "off")
	bad.OneOf("b", "maybe", "on", "off", "mask")
	bad.Addf("c", "%d of %d", 3, 2)
	if diff := cmp.Diff("a: too long\nb: want on or off, not \"maybe\"\nb: want on, off or mask, not \"maybe\"\nc: 3 of 2", bad.Err().Error()); diff != "" {
		t.Error(diff)
	}
	var attr *AttrError
	if !errors.As(bad.Err(), &attr) || attr.Attribute() != "a" {
		t.Errorf("its attribute is not named: %+v", attr)
	}
}

func TestRecall(t *testing.T) {
	type kept struct{ Name string }
	if got, err := Recall[kept]([]byte(`{"Name": "a"}`)); err != nil || got.Name != "a" {
		t.Errorf("want a, got %+v, %v", got, err)
	}
	if _, err := Recall[kept]([]byte("{")); err == nil || err.Error() != "what was before: unexpected end of JSON input" {
		t.Errorf("got %v", err)
	}
}
