package report

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestScrub(t *testing.T) {
	const secret = `p&ss "wörd"/1`
	b64 := base64.StdEncoding.EncodeToString
	js, _ := json.Marshal(secret)
	for _, tc := range []struct{ name, text string }{
		{"plain", secret},
		{"base64", b64([]byte(secret))},
		{"base64 without padding", base64.RawURLEncoding.EncodeToString([]byte(secret))},
		{"json", string(js)},
		{"query", url.QueryEscape(secret)},
		{"path", url.PathEscape(secret)},
		{"inside base64, aligned", b64([]byte("abc" + secret + "xyz"))},
		{"inside base64, by one", b64([]byte("a" + secret + "xyz"))},
		{"inside base64, by two", b64([]byte("ab" + secret + "xyz"))},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var s Scrubber
			s.Add(secret)
			got := s.Scrub("before " + tc.text + " after")
			if !strings.Contains(got, hiddenValue) || strings.Contains(got, tc.text) {
				t.Errorf("not hidden: %s", got)
			}
			if !strings.HasPrefix(got, "before ") || !strings.HasSuffix(got, " after") {
				t.Errorf("more than the value is gone: %s", got)
			}
		})
	}
}

func TestScrubLines(t *testing.T) {
	var s Scrubber
	s.Add("-----BEGIN KEY-----\nabcdefgh\nijk\n", "xy")
	for in, want := range map[string]string{
		"got abcdefgh of it": "got (sensitive value) of it",
		"ijk is too short":   "ijk is too short",
		"xy stays":           "xy stays",
	} {
		if diff := cmp.Diff(want, s.Scrub(in)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestScrubLongestFirst(t *testing.T) {
	var s Scrubber
	s.Add("pass", "password1")
	if diff := cmp.Diff("it is (sensitive value).", s.Scrub("it is password1.")); diff != "" {
		t.Error(diff)
	}
}
