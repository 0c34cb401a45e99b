// Package netrc reads the file in which a user keeps logins.
package netrc

import "strings"

// Login is who to be at a machine.
type Login struct{ Machine, Name, Password string }

// Parse reads the logins of a netrc file. The `default` entry is left out: it would hand a password to any host that a
// manifest names.
func Parse(text string) []Login {
	logins := []Login{{}} // the first takes what is before any machine, or of the default entry
	at := &logins[0]
	key, macro := "", false
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		macro = macro && len(words) > 0 // an empty line ends a macro
		for _, word := range words {
			if macro || key == "" && strings.HasPrefix(word, "#") {
				break
			}
			value := strings.Trim(word, `"`)
			switch key {
			case "machine":
				logins = append(logins, Login{Machine: value})
				at = &logins[len(logins)-1]
			case "login":
				at.Name = value
			case "password":
				at.Password = value
			case "account":
			default:
				switch word {
				case "default":
					at = &logins[0]
				case "macdef":
					macro = true
				default:
					key = word
				}
				continue
			}
			key = ""
		}
	}
	return logins[1:]
}
