package exec

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/nodeapply/apply/resources"
	"github.com/nodeapply/apply/resources/exec/internal/command"
)

// Command is a line for the shell, or a program with its arguments.
type Command = command.Command

// SearchPath is a list of absolute folders.
type SearchPath []string

// UnmarshalAttr accepts a list of strings, each of which, or a single one, may hold several folders with ":" between them.
func (p *SearchPath) UnmarshalAttr(v any) error {
	var list resources.Strings
	if err := list.UnmarshalAttr(v); err != nil {
		return err
	}
	*p = SearchPath{}
	for _, part := range list {
		for folder := range strings.SplitSeq(part, ":") {
			if !path.IsAbs(folder) {
				return fmt.Errorf("want absolute folders, not %q", folder)
			}
			*p = append(*p, folder)
		}
	}
	return nil
}

// ExitCodes is a set of exit codes.
type ExitCodes []int

// UnmarshalAttr accepts a number from 0 to 255 or a list of them.
func (c *ExitCodes) UnmarshalAttr(v any) error {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	codes := make(ExitCodes, len(list))
	for i, e := range list {
		n, ok := e.(float64)
		if s, isString := e.(string); isString {
			parsed, err := strconv.ParseUint(s, 10, 8)
			n, ok = float64(parsed), err == nil
		}
		if !ok || n != math.Trunc(n) || n < 0 || n > 255 {
			return errors.New("want exit codes: numbers from 0 to 255")
		}
		codes[i] = int(n)
	}
	if len(codes) == 0 {
		return errors.New("want at least one exit code")
	}
	*c = codes
	return nil
}

// Environment is variables by their names.
type Environment map[string]string

// UnmarshalAttr accepts a map, or "NAME=value" and a list of these, of which the last for a name holds.
func (e *Environment) UnmarshalAttr(v any) error {
	set := Environment{}
	if m, ok := v.(map[string]any); ok {
		for name, value := range m {
			var s resources.Scalar
			if err := s.UnmarshalAttr(value); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			set[name] = string(s)
		}
	} else {
		var pairs resources.Strings
		if err := pairs.UnmarshalAttr(v); err != nil {
			return errors.New("want a map, or NAME=value or a list of these")
		}
		for _, pair := range pairs {
			name, value, ok := strings.Cut(pair, "=")
			if !ok {
				return errors.New("want NAME=value") // what it is may be secret
			}
			set[name] = value
		}
	}
	*e = set
	return nil
}

// Umask is a string of octal digits; "" stands for the default.
type Umask string

// UnmarshalAttr accepts a string of octal digits up to "777". A number is refused, for 022 would be read as twenty-two.
func (u *Umask) UnmarshalAttr(v any) error {
	s, ok := v.(string)
	if n, err := strconv.ParseUint(s, 8, 32); !ok || err != nil || n > 0o777 {
		return errors.New(`want a string of octal digits such as "022"`)
	}
	*u = Umask(s)
	return nil
}

// bits returns the mask, nil for the default.
func (u Umask) bits() *uint32 {
	n, err := strconv.ParseUint(string(u), 8, 32)
	if err != nil {
		return nil
	}
	return new(uint32(n))
}

// LogOutput says when output is logged: "true", "false" or "on_failure".
type LogOutput string

// The values of logoutput.
const (
	LogAlways    LogOutput = "true"
	LogNever     LogOutput = "false"
	LogOnFailure LogOutput = "on_failure"
)

// UnmarshalAttr accepts a boolean or one of the strings.
func (l *LogOutput) UnmarshalAttr(v any) error {
	var s resources.Scalar
	if err := s.UnmarshalAttr(v); err != nil || !slices.Contains([]LogOutput{LogAlways, LogNever, LogOnFailure}, LogOutput(s)) {
		return errors.New(`want true, false or "on_failure"`)
	}
	*l = LogOutput(s)
	return nil
}

// Validate finds what is wrong with the attributes themselves.
func (e *Exec) Validate() error {
	var bad resources.Mistakes
	for _, c := range []struct {
		attr string
		Command
	}{{"command", e.Command}, {"refresh", e.OnRefresh}} {
		switch {
		case c.attr == "command" && strings.TrimSpace(strings.Join(c.Words(), "")) == "", len(c.Args) > 0 && c.Args[0] == "":
			bad.Addf(c.attr, "names no program")
		case strings.ContainsRune(c.String(), 0):
			bad.Addf(c.attr, "cannot hold a NUL byte")
		}
	}
	if e.Cwd != "" && !path.IsAbs(e.Cwd) {
		bad.Addf("cwd", "want an absolute path")
	}
	for _, name := range e.Creates {
		if !path.IsAbs(name) {
			bad.Addf("creates", "want an absolute path, not %q", name)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(e.Environment)) {
		if key == "" || strings.ContainsAny(key, "=\x00") || strings.ContainsRune(e.Environment[key], 0) {
			bad.Addf("environment", "%q cannot be a variable of the environment", key)
		}
	}
	return bad.Err()
}
