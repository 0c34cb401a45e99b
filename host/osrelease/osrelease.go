// Package osrelease reads os-release(5), in which a distribution says what it is.
package osrelease

import (
	"strings"

	"github.com/nodeapply/apply/host"
)

// Read returns what the node's file says, none where there is no such file.
func Read(v host.FileReader) (map[string]string, error) {
	text, err := host.ReadFile(v, "/etc/os-release")
	if err == nil && text == "" {
		text, err = host.ReadFile(v, "/usr/lib/os-release")
	}
	return Parse(text), err
}

// Parse reads lines of NAME=value with the shell's quotes.
func Parse(text string) map[string]string {
	all := map[string]string{}
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok || strings.HasPrefix(key, "#") {
			continue
		}
		if n := len(value); n > 1 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
			value = value[1 : n-1]
		}
		all[key] = strings.NewReplacer(`\"`, `"`, `\$`, `$`, "\\`", "`", `\\`, `\`).Replace(value)
	}
	return all
}
