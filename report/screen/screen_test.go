package screen

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestShorten(t *testing.T) {
	for name, c := range map[string]struct {
		s    string
		n    int
		want string
	}{
		"fits":         {"abc", 3, "abc"},
		"the middle":   {"abcdefgh", 5, "ab…gh"},
		"even":         {"abcdefgh", 4, "ab…h"},
		"one":          {"abcdefgh", 1, "…"},
		"none":         {"abc", 0, ""},
		"wide":         {"日本語の住所", 7, "日…所"},
		"wide, uneven": {"日本語の住所", 6, "日…所"},
		"marks":        {"e\u0301e\u0301e\u0301e\u0301", 3, "e\u0301…e\u0301"},
	} {
		t.Run(name, func(t *testing.T) {
			got := Shorten(c.s, c.n)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if Columns(got) > max(c.n, 0) {
				t.Errorf("%q takes %d columns", got, Columns(got))
			}
		})
	}
}

func TestColumns(t *testing.T) {
	for s, want := range map[string]int{"": 0, "abc": 3, "日本": 4, "é": 1, "e\u0301": 1, "…": 1, "🙂": 2, "ｆ": 2, "a\u200bb": 2} {
		if diff := cmp.Diff(want, Columns(s)); diff != "" {
			t.Errorf("%q: %s", s, diff)
		}
	}
	if diff := cmp.Diff("日…", cut("日本語", 4)); diff != "" {
		t.Error(diff)
	}
}
