package scrub

import (
	"encoding/base64"
	"encoding/hex"
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
			if !strings.Contains(got, Hidden) || strings.Contains(got, tc.text) {
				t.Errorf("not hidden: %s", got)
			}
			if !strings.HasPrefix(got, "before ") || !strings.HasSuffix(got, " after") {
				t.Errorf("more than the value is gone: %s", got)
			}
		})
	}
}

// What other programs print of a value that has every character they escape.
func TestScrubWhatOthersWrite(t *testing.T) {
	const secret = "k\u00e9y/\U0001f600 'with' <q>&\"$x`\\\x1b and/(more)"
	for name, text := range map[string]string{
		"Python's json":          `k\u00e9y/\ud83d\ude00 'with' <q>&\"$x` + "`" + `\\\u001b and/(more)`,
		"upper case":             `k\u00E9y/\uD83D\uDE00 'with' <q>&\"$x` + "`" + `\\\u001b and/(more)`,
		"PHP's json":             `k\u00e9y\/\ud83d\ude00 'with' <q>&\"$x` + "`" + `\\\u001b and\/(more)`,
		"jq":                     `kéy/😀 'with' <q>&\"$x` + "`" + `\\\u001b and/(more)`,
		"Python's quote":         `k%C3%A9y/%F0%9F%98%80%20%27with%27%20%3Cq%3E%26%22%24x%60%5C%1B%20and/%28more%29`,
		"all of it quoted":       `k%c3%a9y%2f%f0%9f%98%80%20%27with%27%20%3cq%3e%26%22%24x%60%5c%1b%20and%2f%28more%29`,
		"encodeURIComponent":     `k%C3%A9y%2F%F0%9F%98%80%20'with'%20%3Cq%3E%26%22%24x%60%5C%1B%20and%2F(more)`,
		"html.escape":            "kéy/😀 &#x27;with&#x27; &lt;q&gt;&amp;&quot;$x`\\\x1b and/(more)",
		"XML":                    "kéy/😀 &apos;with&apos; &lt;q&gt;&amp;&quot;$x`\\\x1b and/(more)",
		"PHP's htmlspecialchars": "kéy/😀 &#039;with&#039; &lt;q&gt;&amp;&quot;$x`\\\x1b and/(more)",
		"YAML and SQL":           "'kéy/" + `😀 ''with'' <q>&"$x` + "`\\\x1b and/(more)'",
		"CSV":                    `kéy/😀 'with' <q>&""$x` + "`\\\x1b and/(more)",
		"shlex.quote":            "'kéy/" + `😀 '"'"'with'"'"' <q>&"$x` + "`\\\x1b and/(more)'",
		"set -x":                 "'kéy/" + `😀 '\''with'\'' <q>&"$x` + "`\\\x1b and/(more)'",
		"double quotes":          `"kéy/😀 'with' <q>&\"\$x` + "\\`\\\\\x1b and/(more)\"",
		"xxd -u":                 strings.ToUpper(hex.EncodeToString([]byte(secret))),
		"a backslash for each":   "kéy" + `/😀\ \'with\'\ \<q\>\&\"\$x\` + "`\\\\\\\x1b\\ and/\\(more\\)",
	} {
		t.Run(name, func(t *testing.T) {
			var s Scrubber
			s.Add(secret)
			want := strings.Trim(s.Scrub("before "+text+" after"), `'"`)
			if got := strings.NewReplacer("'", "", `"`, "").Replace(want); got != "before "+Hidden+" after" {
				t.Errorf("%s became %s", text, got)
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

// TestScrubOutput looks at output that commands cut and wrap: no piece of the value of eight characters is left.
func TestScrubOutput(t *testing.T) {
	long := strings.Repeat("qwertyuiopasdfghjklzxcvbnm", 4) + "0123456789-end"
	wrap := func(s string, n int) string {
		var lines []string
		for ; len(s) > n; s = s[n:] {
			lines = append(lines, s[:n])
		}
		return strings.Join(append(lines, s), "\n")
	}
	filler := strings.Repeat("innocent words\n", 300)
	b64 := base64.StdEncoding.EncodeToString([]byte(long))
	inside := base64.StdEncoding.EncodeToString([]byte("user:" + long + ":host"))
	const hidden = Hidden
	tests := map[string]struct{ text, want string }{
		"whole":                   {"a " + long + " b", "a " + hidden + " b"},
		"cut at the front":        {long[7:] + " b\n" + filler, hidden + " b\n" + filler},
		"cut to its last four":    {long[len(long)-4:] + " b\n" + filler, hidden + " b\n" + filler},
		"cut at the end":          {filler + "a " + long[:11], filler + "a " + hidden},
		"cut at both ends":        {long[5:90], hidden},
		"a short text is whole":   {"qwer", "qwer"},
		"its beginning by chance": {"the end is qwerty\nnext", "the end is qwerty\nnext"},
		"wrapped":                 {wrap(long, 40) + "\nb", hidden + "\n" + hidden + "\n" + hidden + "\nb"},
		"base64, wrapped":         {wrap(b64, 76), hidden + "\n" + hidden + "\n" + hidden + "=="},
		"cut in a repetition":     {strings.Repeat(long, 60)[50:5000], hidden + strings.Repeat(hidden, 41) + hidden},
		"innocent":                {filler, filler},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var s Scrubber
			s.Add(long)
			if diff := cmp.Diff(tc.want, s.ScrubOutput(tc.text)); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("inside base64, wrapped", func(t *testing.T) {
		var s Scrubber
		s.Add(long)
		got := s.ScrubOutput(wrap(inside, 64))
		for i := 8; i+8 < len(inside)-8; i++ {
			if strings.Contains(got, inside[i:i+8]) {
				t.Fatalf("%q is left of %q", got, inside)
			}
		}
	})
	t.Run("nothing known", func(t *testing.T) {
		if diff := cmp.Diff("text", new(Scrubber).ScrubOutput("text")); diff != "" {
			t.Error(diff)
		}
	})
}

func TestValue(t *testing.T) {
	clean := strings.NewReplacer("secret", "***").Replace
	got := Value(map[string]any{"secret": "a secret", "list": []any{"secret", 1.5, true, nil, map[string]any{"deep": "secret"}}}, clean)
	want := map[string]any{"secret": "a ***", "list": []any{"***", 1.5, true, nil, map[string]any{"deep": "***"}}}
	if diff := cmp.Diff(any(want), got); diff != "" {
		t.Error(diff)
	}
}
