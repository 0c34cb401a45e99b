// Package command is what an exec runs, and what can be told of it without a shell.
package command

import (
	"errors"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/nodeapply/apply/host"
	"github.com/nodeapply/apply/resources"
)

// Command is a line for the shell, or a program with its arguments.
type Command struct {
	Line string
	Args []string // set: no shell
}

// UnmarshalAttr accepts a string (a shell line) or a list of strings (a program and its arguments).
func (c *Command) UnmarshalAttr(v any) error {
	if line, ok := v.(string); ok {
		*c = Command{Line: line}
		return nil
	}
	var args resources.Strings
	if _, ok := v.([]any); !ok || args.UnmarshalAttr(v) != nil {
		return errors.New("want a string (a shell line) or a list of strings (a program and its arguments)")
	}
	*c = Command{Args: args}
	if len(args) == 0 {
		return errors.New("an empty list names no program")
	}
	return nil
}

// MarshalAttr returns the line, or the list.
func (c Command) MarshalAttr() any {
	if c.Args != nil {
		return c.Args
	}
	if c.Line == "" {
		return nil
	}
	return c.Line
}

// String is the command as one would type it.
func (c Command) String() string {
	if c.Args == nil {
		return c.Line
	}
	words := make([]string, len(c.Args))
	for i, arg := range c.Args {
		words[i] = host.ShellWord(arg)
	}
	return strings.Join(words, " ")
}

// Empty says that nothing is declared.
func (c Command) Empty() bool { return c.Args == nil && c.Line == "" }

// Argv is what is really started.
func (c Command) Argv() []string {
	if c.Args == nil {
		return []string{"/bin/sh", "-c", c.Line}
	}
	return c.Args
}

// Words splits the command as far as that can be done without a shell.
func (c Command) Words() []string {
	if c.Args != nil {
		return c.Args
	}
	return strings.Fields(c.Line)
}

// Scripts lists the absolute paths that the command runs: its program and, after an interpreter, the script.
func (c Command) Scripts() []string {
	words := c.Words()
	if c.Args == nil {
		words = unquoted(words)
		for len(words) > 0 && (words[0] == "exec" || assignment.MatchString(words[0])) {
			words = words[1:]
		}
	}
	if len(words) == 0 {
		return nil
	}
	var found []string
	if path.IsAbs(words[0]) {
		found = append(found, words[0])
	}
	interpreter := strings.TrimRight(path.Base(words[0]), "0123456789.")
	if !slices.Contains([]string{"sh", "bash", "dash", "ksh", "zsh", "perl", "python", "ruby", "env"}, interpreter) {
		return found
	}
	rest := words[1:]
	for len(rest) > 0 && (strings.HasPrefix(rest[0], "-") && rest[0] != "-c" || interpreter == "env" && assignment.MatchString(rest[0])) {
		rest = rest[1:]
	}
	if len(rest) > 0 && path.IsAbs(rest[0]) {
		found = append(found, rest[0])
	}
	return found
}

// assignment is a word that sets a variable for the command that follows.
var assignment = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*=`)

// unquoted takes off the quotes around whole words.
func unquoted(words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = w
		if n := len(w); n > 1 && (w[0] == '"' || w[0] == '\'') && w[n-1] == w[0] {
			out[i] = w[1 : n-1]
		}
	}
	return out
}
