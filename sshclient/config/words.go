package config

import (
	"errors"
	"path"
	"slices"
	"strings"
)

// splitWords splits a line: KEY VALUE..., KEY=VALUE, values in single or double quotes, in which \ may stand before a quote, # at the beginning of a word comments.
func splitWords(line string) ([]string, error) {
	line = strings.TrimSpace(line)
	if i := strings.IndexAny(line, " \t="); i > 0 && !strings.HasPrefix(line, "#") {
		line = line[:i] + " " + strings.TrimPrefix(strings.TrimLeft(line[i:], " \t"), "=")
	}
	var words []string
	for line = strings.TrimSpace(line); line != "" && line[0] != '#'; line = strings.TrimLeft(line, " \t") {
		word, rest, err := cutWord(line)
		if err != nil {
			return nil, err
		}
		words, line = append(words, word), rest
	}
	return words, nil
}

// cutWord cuts the first word off a line that begins with one.
func cutWord(line string) (word, rest string, err error) {
	var b strings.Builder
	quote := byte(0)
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && i+1 < len(line) && strings.IndexByte(`"'\`, line[i+1]) >= 0:
			i++
			b.WriteByte(line[i])
		case quote == 0 && (c == ' ' || c == '\t'):
			return b.String(), line[i:], nil
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote != 0 && c == quote:
			quote = 0
		default:
			b.WriteByte(c)
		}
	}
	if quote != 0 {
		return "", "", errors.New("a quote is not closed")
	}
	return b.String(), "", nil
}

// Listed tells whether a list of patterns, of which each may be negated by !, has one of the names of something: one does, and no negated one.
func Listed(patterns []string, names ...string) bool {
	found := false
	for _, p := range patterns {
		pattern, negated := strings.CutPrefix(p, "!")
		if !slices.ContainsFunc(names, func(name string) bool { return matches(pattern, name) }) {
			continue
		}
		if negated {
			return false
		}
		found = true
	}
	return found
}

// matches is ssh's: * and ? alone are special.
func matches(pattern, name string) bool {
	if !strings.ContainsAny(pattern, "*?") {
		return pattern == name
	}
	ok, err := path.Match(strings.NewReplacer("[", `\[`, `\`, `\\`).Replace(pattern), strings.ReplaceAll(name, "/", "_"))
	return err == nil && ok
}
