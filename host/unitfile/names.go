package unitfile

import (
	"path"
	"strings"
)

// Names lists the paths that the unit's processes are given by name when they are started, or told to read again: programs, arguments, environment.
func (u *Unit) Names() []string {
	var names []string
	for _, key := range []string{"ExecStart", "ExecStartPre", "ExecReload", "Environment", "EnvironmentFile", "LoadCredential", "LoadCredentialEncrypted"} {
		for _, value := range u.settings["Service."+key] {
			if key == "ExecStartPre" || key == "ExecReload" { // these programs are started anew each time
				_, value, _ = strings.Cut(value, " ")
			}
			for _, word := range u.split(value) {
				if name := named(word); name != "" {
					names = append(names, path.Clean(name))
				}
			}
		}
	}
	return names
}

// Program is what ExecStart starts.
func (u *Unit) Program() string {
	words := u.split(u.last("Service.ExecStart"))
	if len(words) == 0 {
		return ""
	}
	return strings.TrimLeft(words[0], "@-:+!|")
}

// split splits the value of a setting where a path can begin or end.
func (u *Unit) split(value string) []string {
	return strings.FieldsFunc(specifiers(u.ID).Replace(value), func(r rune) bool { return strings.ContainsRune(" \t\"'=,;", r) })
}

// named is the path in a word: "/etc/a", "-/etc/a", "-c/etc/a", "file:/etc/a".
func named(word string) string {
	if len(word) > 2 && word[0] == '-' && word[2] == '/' {
		return word[2:]
	}
	word = strings.TrimLeft(word, "@-:+!|")
	if path.IsAbs(word) {
		return word
	}
	if _, rest, ok := strings.Cut(word, ":/"); ok && !strings.HasPrefix(rest, "/") {
		return "/" + rest
	}
	return ""
}
