package scrub

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"
)

// addForms adds v and the ways in which it may be written.
func addForms(forms map[string]bool, v string) {
	add := func(all ...string) {
		for _, f := range all {
			if len(f) >= shortest {
				forms[f] = true
			}
		}
	}
	add(v)
	add(quoted(v)...)
	add(percented(v)...)
	add(marked(v)...)
	add(shelled(v)...)
	add(strings.ReplaceAll(v, "'", "''"), strings.ReplaceAll(v, `"`, `""`)) // YAML, SQL and CSV
	digits := hex.EncodeToString([]byte(v))
	add(digits, strings.ToUpper(digits))
	for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		add(enc.EncodeToString([]byte(v)))
		if len(v) < 2*shortest {
			continue
		}
		// Inside a longer text the value may begin at any of three places of a group: then its first and last characters depend on what is beside it.
		for shift := 1; shift < 3; shift++ {
			padded := enc.EncodeToString([]byte(strings.Repeat("\x00", shift) + v))
			add(padded[4 : len(padded)-1])
		}
		if tail := len(v) % 3; tail != 0 {
			add(enc.EncodeToString([]byte(v[:len(v)-tail])))
		}
	}
}

// quoted is v in the quotes of JSON, as different writers escape it, and of Go.
func quoted(v string) []string {
	inner := func(q string) string { return q[1 : len(q)-1] }
	all := []string{inner(strconv.Quote(v)), inner(strconv.QuoteToASCII(v))}
	var plain strings.Builder
	enc := json.NewEncoder(&plain)
	enc.SetEscapeHTML(false)
	b, err := json.Marshal(v)
	if err != nil || enc.Encode(v) != nil {
		return all
	}
	for _, text := range []string{inner(string(b)), inner(strings.TrimSuffix(plain.String(), "\n"))} {
		for _, f := range []string{text, asciiOf(text, "\\u%04x"), asciiOf(text, "\\u%04X")} {
			all = append(all, f, strings.ReplaceAll(f, "/", `\/`))
		}
	}
	return all
}

// asciiOf writes what is not ASCII in a text of JSON by the escapes of its UTF-16.
func asciiOf(text, format string) string {
	var b strings.Builder
	for _, r := range text {
		if r < 0x80 {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			fmt.Fprintf(&b, format, unit)
		}
	}
	return b.String()
}

var percent = regexp.MustCompile(`%[0-9A-F]{2}`)

// percented is v with the escapes of URLs, of which writers spare different characters.
func percented(v string) []string {
	query := url.QueryEscape(v)
	strict := strings.ReplaceAll(query, "+", "%20")
	script := strings.NewReplacer("%21", "!", "%27", "'", "%28", "(", "%29", ")", "%2A", "*").Replace(strict) // encodeURIComponent
	all := []string{query, url.PathEscape(v), strict, script, strings.ReplaceAll(strict, "%2F", "/")}
	for _, f := range all[:len(all):len(all)] {
		all = append(all, percent.ReplaceAllStringFunc(f, strings.ToLower))
	}
	return all
}

// marked is v in HTML and XML.
func marked(v string) []string {
	text := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(v)
	quotes := strings.ReplaceAll(text, `"`, "&quot;")
	return []string{
		html.EscapeString(v), text, quotes, strings.ReplaceAll(quotes, "'", "&#39;"), strings.ReplaceAll(quotes, "'", "&#039;"), strings.ReplaceAll(quotes, "'", "&#x27;"),
		strings.ReplaceAll(quotes, "'", "&apos;"),
	}
}

var special = regexp.MustCompile(`[^0-9A-Za-z_./:@%^+,=\x{80}-\x{10ffff}-]`)

// shelled is v as shells and those who write for them quote it.
func shelled(v string) []string {
	double := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`").Replace(v)
	return []string{strings.ReplaceAll(v, "'", `'\''`), strings.ReplaceAll(v, "'", `'"'"'`), double, special.ReplaceAllString(v, `\$0`)}
}
