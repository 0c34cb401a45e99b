package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// scan checks one JSON value: size and depth bounded, valid UTF-8, no key twice in an object. In the outermost object keys that
// differ only in case are the same, as encoding/json takes them for one field.
func scan(b []byte, size, depth int) error {
	if len(b) > size {
		return fmt.Errorf("%d bytes (at most %d)", len(b), size)
	}
	if !utf8.Valid(b) {
		return errors.New("not valid UTF-8")
	}
	if !json.Valid(b) {
		return errors.New("not one JSON value")
	}
	return scanKeys(b, depth)
}

// scanKeys walks JSON that is known to be valid: every view of a fleet goes through all of its records here, and a decoder's
// tokens cost ten times as much.
func scanKeys(b []byte, depth int) error {
	var open []map[string]bool // the objects (nil: lists) that the walk is in, each with its keys
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '{', '[':
			if len(open) == depth {
				return fmt.Errorf("nested too deeply (at most %d)", maxDepth)
			}
			open = append(open, nil)
			if b[i] == '{' {
				open[len(open)-1] = map[string]bool{}
			}
		case '}', ']':
			open = open[:len(open)-1]
		case '"':
			end := endOfString(b, i)
			text := b[i:end]
			i = end - 1
			if !isKey(b[end:]) {
				continue
			}
			key, err := unquote(text, len(open) == 1)
			if err != nil {
				return err
			}
			seen := open[len(open)-1]
			if seen[key] {
				return fmt.Errorf("key %.80q twice in one object", key)
			}
			seen[key] = true
		}
	}
	return nil
}

// endOfString is the place after the string that begins at i.
func endOfString(b []byte, i int) int {
	for i++; b[i] != '"'; i++ {
		if b[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// isKey tells whether what follows a string makes it a key.
func isKey(rest []byte) bool {
	rest = bytes.TrimLeft(rest, " \t\r\n")
	return len(rest) > 0 && rest[0] == ':'
}

func unquote(text []byte, fold bool) (key string, err error) {
	key = string(text[1 : len(text)-1])
	if strings.Contains(key, `\`) {
		if err := json.Unmarshal(text, &key); err != nil {
			return "", err
		}
	}
	if fold {
		key = strings.ToLower(key)
	}
	return key, nil
}
