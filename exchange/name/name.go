// Package name holds the grammars of what is named in an exchange, and its keys.
//
// A key is facts/DEPLOYMENT/NODE/NAME, where NAME is a fact, or, beginning with a dot, what the node says about itself:
// .node (who it is), .run (what its run does) and .limit/NAME (its place in a limit). Parameters stand at
// facts/DEPLOYMENT/.params/NAME. So one prefix holds a deployment, in one order of revisions, and one holds all that a node
// may write.
package name

import (
	"errors"
	"fmt"
	"strings"
)

// ErrName says that a name is outside its grammar.
var ErrName = errors.New("bad name")

const parameters = ".params"

func lower(c byte) bool  { return 'a' <= c && c <= 'z' }
func digit(c byte) bool  { return '0' <= c && c <= '9' }
func letter(c byte) bool { return lower(c) || 'A' <= c && c <= 'Z' || digit(c) }

// every tells whether a text is of 1 to most bytes that are all allowed. Views parse the keys of a whole fleet: regular
// expressions would be the most of it.
func every(s string, most int, allowed func(byte) bool) bool {
	for i := range len(s) {
		if !allowed(s[i]) {
			return false
		}
	}
	return s != "" && len(s) <= most
}

// Fact checks a fact's name: [a-z][a-z0-9_]*, at most 128 letters.
func Fact(s string) error { return word("fact", s) }

// Param checks a parameter's name: as a fact's.
func Param(s string) error { return word("parameter", s) }

// Limit checks a limit's name: as a fact's.
func Limit(s string) error { return word("limit", s) }

func word(what, s string) error {
	ok := every(s, 128, func(c byte) bool { return lower(c) || digit(c) || c == '_' })
	if !ok || !lower(s[0]) {
		return fmt.Errorf("%s %.140q: %w (lower-case letters, digits and _, first a letter)", what, s, ErrName)
	}
	return nil
}

// Node checks a node's name: a host name (RFC 1123), at most 253 letters.
func Node(s string) error {
	ok := len(s) <= 253
	for label := range strings.SplitSeq(s, ".") {
		ok = ok && every(label, 63, func(c byte) bool { return letter(c) || c == '-' }) && label[0] != '-' && label[len(label)-1] != '-'
	}
	if !ok {
		return fmt.Errorf("node %.260q: %w (a host name)", s, ErrName)
	}
	return nil
}

// Deployment checks a deployment's name.
func Deployment(s string) error { return plain("deployment", s) }

// Group checks a group's name.
func Group(s string) error { return plain("group", s) }

func plain(what, s string) error {
	ok := every(s, 63, func(c byte) bool { return letter(c) || c == '.' || c == '_' || c == '-' })
	if !ok || !letter(s[0]) {
		return fmt.Errorf("%s %.80q: %w (letters, digits, '.', '_' and '-', first a letter or digit)", what, s, ErrName)
	}
	return nil
}

// Kind is what a key holds.
type Kind string

// The kinds of keys.
const (
	KindFact  Kind = "fact"
	KindNode  Kind = "node"
	KindRun   Kind = "run"
	KindLimit Kind = "limit"
	KindParam Kind = "param"
)

// Key is one key of the exchange, taken apart. A parameter has no node.
type Key struct {
	Kind       Kind
	Deployment string
	Node       string
	Name       string // of a fact, limit or parameter
}

// All is where all deployments stand.
const All = "facts/"

// Prefix is where all of a deployment stands.
func Prefix(deployment string) string { return All + deployment + "/" }

// NodePrefix is where all stands that a node has written in a deployment.
func NodePrefix(deployment, node string) string { return Prefix(deployment) + node + "/" }

// String is the key as the store knows it.
func (k Key) String() string {
	node := NodePrefix(k.Deployment, k.Node)
	switch k.Kind {
	case KindNode, KindRun:
		return node + "." + string(k.Kind)
	case KindLimit:
		return node + ".limit/" + k.Name
	case KindParam:
		return NodePrefix(k.Deployment, parameters) + k.Name
	}
	return node + k.Name
}

// Parse takes a key apart and checks every part.
func Parse(s string) (Key, error) {
	parts := strings.Split(s, "/")
	if len(parts) < 4 || len(parts) > 5 || parts[0] != "facts" {
		return Key{}, fmt.Errorf("key %.300q: %w (facts/DEPLOYMENT/NODE/NAME)", s, ErrName)
	}
	k := Key{Deployment: parts[1], Node: parts[2], Name: parts[3]}
	switch rest := parts[3:]; {
	case k.Node == parameters && len(rest) == 1:
		k.Kind, k.Node = KindParam, ""
	case len(rest) == 2 && rest[0] == ".limit":
		k.Kind, k.Name = KindLimit, rest[1]
	case len(rest) == 1 && rest[0] == ".node":
		k.Kind, k.Name = KindNode, ""
	case len(rest) == 1 && rest[0] == ".run":
		k.Kind, k.Name = KindRun, ""
	case len(rest) == 1:
		k.Kind = KindFact
	default:
		return Key{}, fmt.Errorf("key %.300q: %w", s, ErrName)
	}
	return k, k.check()
}

func (k Key) check() error {
	if err := Deployment(k.Deployment); err != nil {
		return err
	}
	if k.Kind != KindParam {
		if err := Node(k.Node); err != nil {
			return err
		}
	}
	if k.Kind == KindNode || k.Kind == KindRun {
		return nil
	}
	switch k.Kind {
	case KindLimit:
		return Limit(k.Name)
	case KindParam:
		return Param(k.Name)
	}
	return Fact(k.Name)
}
