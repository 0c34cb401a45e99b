package nearest_test

import (
	"testing"

	"github.com/nodeapply/apply/resources/nearest"
)

func TestOf(t *testing.T) {
	for _, tc := range []struct {
		name, word string
		candidates []string
		want       string
	}{
		{"a letter too few", "servce", []string{"service", "user"}, "service"},
		{"two turned round", "mian", []string{"other", "main"}, "main"},
		{"the nearest", "abcd", []string{"abxx", "abcx"}, "abcx"},
		{"the first of two as near", "ab", []string{"ac", "ad"}, "ac"},
		{"two letters of three", "out", []string{"git", "ref"}, ""},
		{"one letter of three", "gto", []string{"ref", "gt"}, "gt"},
		{"two of three turned round", "vra", []string{"verbose", "var"}, "var"},
		{"two letters of four", "role", []string{"file", "rule"}, "rule"},
		{"no more than two letters of four", "role", []string{"file"}, ""},
		{"too far", "abcd", []string{"wxyz", "abcdefgh"}, ""},
		{"a third of a long one", "abcdefghi", []string{"abcdefxyz"}, "abcdefxyz"},
		{"more of it", "abcdefghi", []string{"abcdewxyz"}, ""},
		{"of nothing", "abc", nil, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := nearest.Of(tc.word, tc.candidates); got != tc.want {
				t.Errorf("want %q, got %q", tc.want, got)
			}
		})
	}
}

func TestHint(t *testing.T) {
	for word, want := range map[string]string{"servce": "; did you mean `service`?", "other": ""} {
		if got := nearest.Hint(word, []string{"service"}); got != want {
			t.Errorf("%s: want %q, got %q", word, want, got)
		}
	}
}
