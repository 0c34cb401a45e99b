package config

import (
	"fmt"
	"slices"
	"strings"
)

// block is what stands below a Host or a Match line.
type block struct {
	outer    *block // in which an Include stands that leads here; nil for none
	criteria []criterion
}

// criterion is one of those that a block demands.
type criterion struct {
	kind     string // Host, all, host, originalhost, user, localuser, tagged, canonical, final; or one that is not known here, such as exec
	negated  bool
	patterns []string // nil where the kind has none
}

// matchCriteria reads the criteria of a Match line.
func matchCriteria(words []string) (out []criterion, err error) {
	for len(words) > 0 {
		kind, negated := strings.CutPrefix(words[0], "!")
		kind, argument, given := strings.Cut(kind, "=")
		c := criterion{kind: strings.ToLower(kind), negated: negated}
		words = words[1:]
		switch {
		case c.kind == "all" || c.kind == "canonical" || c.kind == "final":
		case given:
			c.patterns = strings.Split(argument, ",")
		case len(words) == 0:
			return nil, fmt.Errorf("criterion %s has no value", kind)
		default:
			c.patterns, words = strings.Split(words[0], ","), words[1:]
		}
		out = append(out, c)
	}
	return out, nil
}

// final tells whether a block is there for the second pass.
func (b *block) final() bool {
	return slices.ContainsFunc(b.criteria, func(c criterion) bool { return c.kind == "final" && !c.negated })
}

// asked is what criteria are held against: a host, and what the files have said of it so far.
type asked struct {
	given     []string // the names by which it was asked for
	names     []string // by which Host lines know it
	hosts     []string // where it is reached, as far as that is known
	user      string
	localUser string
	tag       string
	pass      int // 0, 1
}

// holds tells whether a block is for a host. Where that hangs on a criterion that is not followed, it says which.
func (b *block) holds(a asked) (held bool, undecided string) {
	for _, c := range b.criteria {
		held, known := c.holds(a)
		switch {
		case !known:
			undecided = c.kind
		case held == c.negated:
			return false, ""
		}
	}
	return undecided == "", undecided
}

func (c criterion) holds(a asked) (held, known bool) {
	switch c.kind {
	case "all":
		return true, true
	case "canonical", "final":
		return a.pass > 0, true
	case "Host":
		return Listed(c.patterns, a.names...), true
	case "host":
		return Listed(lower(c.patterns), lower(a.hosts)...), true
	case "originalhost":
		return Listed(lower(c.patterns), lower(a.given)...), true
	case "user":
		return Listed(c.patterns, a.user), true
	case "localuser":
		return Listed(c.patterns, a.localUser), true
	case "tagged":
		return Listed(c.patterns, a.tag), true
	}
	return false, false
}

func lower(words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = strings.ToLower(w)
	}
	return out
}
