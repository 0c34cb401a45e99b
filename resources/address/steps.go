package address

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
		at = end
		if strings.HasPrefix(path[end:], "[") {
			at += max(0, bracketEnd(path[end:]))
		}
		steps = append(steps, Step{Path: path[:at], Name: path[start:end], Key: path[end:at]})
		if at < len(path) && path[at] == '.' {
			at++
		}
	}
	return steps
}
