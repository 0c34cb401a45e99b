package index

import "strings"

// Step is one module on the way to a resource.
type Step struct {
	Path string // from the root up to here: `module.a["x"].module.b`
	Name string // b
	Key  string // the instance, `["x"]` or [0]; "" if the module has none
}

// Steps takes the path of a module apart, from the outside in.
func Steps(path string) []Step {
	var steps []Step
	for at := 0; strings.HasPrefix(path[at:], "module."); {
		start := at + len("module.")
		end := start
		for end < len(path) && path[end] != '.' && path[end] != '[' {
			end++
		}
		at = end + keyLen(path[end:])
		steps = append(steps, Step{Path: path[:at], Name: path[start:end], Key: path[end:at]})
		if at < len(path) && path[at] == '.' {
			at++
		}
	}
	return steps
}

// keyLen is the length of the key in brackets that s begins with. In quotes, brackets and dots mean nothing, and a backslash takes the
// meaning of what follows it.
func keyLen(s string) int {
	if !strings.HasPrefix(s, "[") {
		return 0
	}
	quoted := false
	for i := 1; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case !quoted && s[i] == ']':
			return i + 1
		}
	}
	return len(s)
}
