package host

import "strings"

// Within says whether name is the folder, or something in it. Both are absolute and clean.
func Within(name, folder string) bool {
	rest, ok := strings.CutPrefix(name, strings.TrimSuffix(folder, "/"))
	return ok && (rest == "" || rest[0] == '/')
}
